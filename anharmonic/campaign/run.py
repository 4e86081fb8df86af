"""A campaign: the tasks of all its runs, done by whoever is free."""

from anharmonic.campaign.tasks import perform
from anharmonic.errors import AnharmonicError


class Campaign:
    """Runs that share workers.

    Parameters
    ----------
    members : sequence of Member
        In folders of their own.

    Attributes
    ----------
    tasks : list of Task
        What is left to do, of all runs.
    works : list of float
        Atom steps of each task, those of an earlier call included.
    errors : dict of str to AnharmonicError
        What went wrong, by folder.

    Raises
    ------
    AnharmonicError
        If two runs have the same folder, or the options of one are wrong.
    RunFileError
        If a folder holds a run with other options.
    """

    def __init__(self, members):
        folders = [str(member.folder) for member in members]
        twice = sorted({folder for folder in folders if folders.count(folder) > 1})
        if twice:
            raise AnharmonicError(f"every run has a folder of its own; found twice: {', '.join(twice)}")
        self.members, self.errors = list(members), {}
        owned = [(member, task) for member in self.members for task in member.tasks]
        self.owners, self.tasks = [member for member, _ in owned], [task for _, task in owned]
        self.works = [task.work(member.n_sites) for member, task in owned]

    def run(self, crew, on_report=lambda index, share: None, stop=lambda: None):
        """Do all runs, or what is left of them; an error of one does not keep the others.

        Parameters
        ----------
        crew : Alone or Together
            Of `anharmonic.parallel.team`.
        on_report : callable
            Takes the number of a task and the share of it that is done.
        stop : callable
            See `anharmonic.parallel.team.Together.run`.

        Raises
        ------
        Stopped
            If `stop` said so; the same call goes on with all runs.
        """
        left = {member.folder: self.owners.count(member) for member in self.members}
        for member in self.members:
            self._finish(member, left[member.folder])
        for outcome in crew.run(perform, self.tasks, on_report, stop):
            member, task = self.owners[outcome.index], self.tasks[outcome.index]
            left[member.folder] -= 1
            if outcome.error is None:
                on_report(outcome.index, 1.0)
                member.accept(task)
            else:
                self.errors.setdefault(str(member.folder), outcome.error)
            self._finish(member, left[member.folder])

    def _finish(self, member, n_left):
        """Write the results of a run of which nothing is left to do."""
        if not n_left and str(member.folder) not in self.errors:
            member.finish()
