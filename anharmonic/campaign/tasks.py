"""One run as a task of a worker."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from anharmonic.sweep import SweepPlan, sweep
from anharmonic.sweep.exchange import exchange
from anharmonic.sweep.exchange_plan import ExchangePlan

KINDS = {"sweep": (sweep, SweepPlan), "exchange": (exchange, ExchangePlan)}
"""Functions that run, and their plans."""


@dataclass(frozen=True)
class Task:
    """A run that a worker does alone, and goes on with where another one left it.

    Attributes
    ----------
    kind : str
        Of `KINDS`.
    potential : Potential, str or path
    supercell : sequence of int, or 3x3 integer matrix
    temperatures : sequence of float
        K.
    options : dict
        Fields of the plan, and ``max_extrapolation``.
    file : path
        Run file.
    reported : bool
        Whether summary and figures are written beside it.
    """

    kind: str
    potential: object
    supercell: object
    temperatures: tuple
    options: dict
    file: Path
    reported: bool = True

    @property
    def plan(self):
        """The `SweepPlan` or `ExchangePlan`."""
        rest = {name: value for name, value in self.options.items() if name != "max_extrapolation"}
        cells = self.supercell if self.kind == "sweep" else _matrix(self.supercell)
        return KINDS[self.kind][1](supercell=cells, temperatures=tuple(self.temperatures), **rest)

    @property
    def name(self):
        """For people: the folder, and the temperature of a part."""
        return str(self.file.parent.name)

    def work(self, n_sites):
        """Atom steps at most, for a reference crystal of so many sites."""
        plan = self.plan
        steps = sum(stage.chunks * plan.chunk_steps for stage in plan.stages)
        n_atoms = n_sites * abs(round(np.linalg.det(_matrix(self.supercell))))
        return steps * n_atoms * (len(self.temperatures) if self.kind == "exchange" else 1)


def perform(task, report, stop):
    """Do a `Task`, or what is left of it; reports the share that is done."""

    def on_chunk(progress, plan):
        total = sum(stage.chunks for stage in plan.stages)
        done = sum(stage.chunks for stage in plan.stages[: progress.stage]) + progress.chunk
        report(done / total)

    result = KINDS[task.kind][0](
        task.potential, task.supercell, task.temperatures, task.file, on_chunk=on_chunk, stop=stop, **task.options
    )
    if task.reported:
        result.save(task.file.parent)
        result.plot(task.file.parent)


def _matrix(supercell):
    """A supercell as a nested tuple of its matrix."""
    cells = np.asarray(supercell)
    return tuple(map(tuple, (np.diag(cells) if cells.ndim == 1 else cells).tolist()))
