"""Runs of a campaign: each is one task, or one for each temperature."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from anharmonic.campaign.independent import IndependentSweep
from anharmonic.campaign.tasks import KINDS, Task
from anharmonic.errors import AnharmonicError
from anharmonic.potential.library import load


@dataclass(frozen=True, eq=False)
class Member:
    """A run of a campaign.

    Attributes
    ----------
    kind : str
        ``"sweep"`` or ``"exchange"``.
    potential : Potential, str or path
    supercell : sequence of int, or 3x3 integer matrix
    temperatures : sequence of float
        K.
    folder : path
        For run.h5, summary.json and figures.
    independent : bool
        Whether the temperatures of a sweep do not wait for each other.
    options : dict
        Fields of the plan, and ``max_extrapolation``.

    Raises
    ------
    AnharmonicError
        If the options are not those of such a run.
    """

    kind: str
    potential: object
    supercell: object
    temperatures: tuple
    folder: Path
    independent: bool = False
    options: dict = field(default_factory=dict)

    def __post_init__(self):
        object.__setattr__(self, "potential", _found_anywhere(self.potential))
        if self.kind not in KINDS:
            raise AnharmonicError(f"runs are {' or '.join(KINDS)}; found {self.kind!r}")
        if self.independent and self.kind != "sweep":
            raise AnharmonicError(f"{self.folder}: only the temperatures of a sweep can be independent")
        try:
            self.whole.plan  # noqa: B018
        except TypeError as error:
            raise AnharmonicError(f"{self.folder}: {str(error).split(') ')[-1]}") from None

    @property
    def file(self):
        """The run file."""
        return Path(self.folder).resolve() / "run.h5"

    @property
    def whole(self):
        """The run as one task."""
        return Task(self.kind, self.potential, self.supercell, tuple(self.temperatures), self.options, self.file)

    @cached_property
    def sweep(self):
        """The `IndependentSweep`, where it is one."""
        return IndependentSweep(self.potential, self.supercell, self.temperatures, self.file, **self.options)

    @property
    def tasks(self):
        """What workers have to do."""
        return self.sweep.tasks if self.independent else [self.whole]

    @property
    def n_sites(self):
        """Sites of the reference crystal."""
        return load(self.potential).crystal.n_sites

    def accept(self, task):
        """A worker has done a task."""
        if self.independent:
            self.sweep.accept(task)

    def finish(self):
        """Write what workers have not written: summary and figures of independent temperatures."""
        if self.independent:
            result = self.sweep.result()
            result.save(self.folder)
            result.plot(self.folder)


def _found_anywhere(potential):
    """A potential that workers in other folders find: files by their whole path."""
    is_file = isinstance(potential, str | Path) and Path(potential).is_file()
    return str(Path(potential).resolve()) if is_file else potential
