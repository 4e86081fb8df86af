"""Progress of a run, or of many: temperature, rate, time left; right from the first chunk after a resume on."""

import time
from collections import deque

from rich.progress import BarColumn, Progress, TextColumn

from anharmonic.cli.terminal import clock, messages

WINDOW = 30
"""Chunks over which the rate is measured."""


class RunProgress:
    """A bar on a terminal, a line for each finished temperature elsewhere.

    The instance is called with ``(progress, plan)`` after every chunk of a run.
    """

    def __init__(self, quiet=False):
        self.console = messages()
        self.quiet = quiet
        shown = self.console.is_terminal and not quiet
        columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[state]}")
        self.bar = Progress(*columns, console=self.console, disable=not shown, transient=True)
        self.marks = deque(maxlen=WINDOW)
        self.stage = None

    def __enter__(self):
        self.bar.start()
        self.task = self.bar.add_task("preparing and compiling", total=None, state="")
        return self

    def __exit__(self, *error):
        self.bar.stop()

    def __call__(self, progress, plan):
        self.marks.append((time.monotonic(), progress.step))
        left = sum(stage.chunks for stage in plan.stages[progress.stage :]) - progress.chunk
        total = progress.step + left * plan.chunk_steps
        number = min(progress.stage, len(plan.stages) - 1)
        name = plan.stages[number].name
        n_atoms = progress.state.displacements.size // 3
        state = f"{number + 1}/{len(plan.stages)} {self._speed(total - progress.step, n_atoms)}"
        self.bar.update(self.task, description=name, total=total, completed=progress.step, state=state)
        if self.stage is not None and progress.stage != self.stage:
            self._line(plan.stages[self.stage], progress, total, n_atoms)
        self.stage = progress.stage

    def _speed(self, left, n_atoms):
        """Rate and time left, once two chunks have been seen."""
        if len(self.marks) < 2 or self.marks[-1][0] <= self.marks[0][0]:
            return ""
        rate = (self.marks[-1][1] - self.marks[0][1]) / (self.marks[-1][0] - self.marks[0][0])
        return f"{rate * n_atoms:.2g} atom steps/s, {clock(left / rate)} left"

    def _line(self, stage, progress, total, n_atoms):
        if self.quiet or self.console.is_terminal:
            return
        speed = self._speed(total - progress.step, n_atoms)
        self.console.print(f"{stage.name} done, step {progress.step} of {total}, {speed}", soft_wrap=True)


class CrewProgress:
    """One bar for all tasks of several workers, or a line for each task that is done.

    The instance is called with the number of a task and the share of it that is done.

    Parameters
    ----------
    names : sequence of str
        Of the tasks.
    works : sequence of float
        Atom steps of each.
    """

    def __init__(self, names, works, quiet=False):
        self.names, self.works, self.shares = names, works, [0.0] * len(works)
        self.console, self.quiet = messages(), quiet
        columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[state]}")
        shown = self.console.is_terminal and not quiet
        self.bar = Progress(*columns, console=self.console, disable=not shown, transient=True)
        self.began, self.found = None, {}

    def __enter__(self):
        self.bar.start()
        self.task = self.bar.add_task("starting workers", total=sum(self.works), state="")
        return self

    def __exit__(self, *error):
        self.bar.stop()

    def __call__(self, index, share):
        self.began = self.began or time.monotonic()
        self.found.setdefault(index, share)
        before, self.shares[index] = self.shares[index], max(share, self.shares[index])
        done = self._work(self.shares)
        state = f"{sum(s >= 1 for s in self.shares)}/{len(self.works)} {self._speed(sum(self.works) - done)}"
        self.bar.update(self.task, description="sampling", completed=done, state=state)
        if share >= 1 > before and not self.quiet and not self.console.is_terminal:
            self.console.print(f"{self.names[index]} done, {state}", soft_wrap=True)

    def _speed(self, left):
        """Rate and time left; what tasks had done before their first report is no merit of this call."""
        own = self._work([s - self.found.get(k, 0.0) for k, s in enumerate(self.shares)])
        if not own > 0:
            return ""
        rate = own / (time.monotonic() - self.began)
        return f"{rate:.2g} atom steps/s, {clock(left / rate)} left"

    def _work(self, shares):
        """Atom steps of shares of all tasks."""
        return sum(w * s for w, s in zip(self.works, shares, strict=True))
