"""A sweep whose temperatures do not wait for each other.

Each temperature begins anew, at the ground state (heating) or at the reference crystal (cooling), and is a run of its
own, whose random numbers follow from the seed, the temperature and the direction: which worker does it, and when, makes
no difference to a bit, and the same temperature among others gives the same samples. What is ready goes into one run
file, in the order of a sweep.
"""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from anharmonic.campaign.tasks import Task, perform
from anharmonic.crystal import Configuration, Supercell
from anharmonic.evaluation import Evaluator
from anharmonic.parallel.team import Alone
from anharmonic.potential.library import load
from anharmonic.potential.potential import precision
from anharmonic.sampling.run import Progress
from anharmonic.sampling.runfile import RunFile
from anharmonic.sweep.outliers import NAME, write_outliers
from anharmonic.sweep.plan import SweepPlan
from anharmonic.sweep.result import SweepResult, summarise
from anharmonic.sweep.samplers import recorded_options

PARTS = "parts"
"""Folder beside the run file with the temperatures that are not in it yet."""


class IndependentSweep:
    """The tasks of a sweep of independent temperatures, and the run file that they end in.

    Parameters
    ----------
    potential : Potential, str or path
    supercell : sequence of int, or 3x3 integer matrix
    temperatures : sequence of float
        K.
    file : path
        Run file.
    max_extrapolation : float, optional
    **options
        Fields of `SweepPlan`.
    """

    def __init__(self, potential, supercell, temperatures, file, max_extrapolation=None, **options):
        self.potential, self.file = load(potential), Path(file)
        self.plan = SweepPlan(supercell, temperatures, **options)
        self.supercell = Supercell.from_matrix(self.plan.supercell)
        self.structure = Configuration.reference(self.potential.crystal, self.supercell)
        limit = {} if max_extrapolation is None else {"max_extrapolation": max_extrapolation}
        self.parts = [
            Task(
                "sweep", potential, supercell, (stage.temperature,),
                options | limit | {"direction": stage.label, "seed": _seed(self.plan.seed, stage)},
                self.file.parent / PARTS / stage.name.replace(" ", "-") / "run.h5", reported=False,
            )
            for stage in self.plan.stages
        ]  # fmt: skip
        recorded = recorded_options(self.potential, self.plan, None) | {"independent": True}
        self.run_file = RunFile(self.file, recorded, self.structure)
        self.progress = self.run_file.load()
        self.ready = set()
        if self.n_done == len(self.parts):
            shutil.rmtree(self.file.parent / PARTS, ignore_errors=True)

    @property
    def tasks(self):
        """What is left to do: a `Task` for each temperature that is not in the run file."""
        return self.parts[self.n_done :]

    @property
    def n_done(self):
        """Temperatures in the run file."""
        return self.progress.stage if self.progress else 0

    def accept(self, task):
        """A task has ended: take it, and all that follow and are ready, into the run file."""
        self.ready.add([part.file for part in self.parts].index(task.file))
        while self.n_done in self.ready:
            self._append(self.n_done)

    def result(self):
        """The `SweepResult`, when nothing is left to do."""
        samples = self.progress.columns()
        summary = summarise(self.potential, self.supercell, self.plan, samples, self.progress.notes)
        return SweepResult(summary | {"independent": True}, samples)

    def _append(self, k):
        """Copy the run of a temperature to the end of the run file, and remove it."""
        part = self.parts[k]
        found = RunFile(part.file, recorded_options(self.potential, part.plan, None)).load()
        whole = self.progress = self.progress or Progress(found.state)
        for series, own in ((whole.samples, found.samples), (whole.snapshots, found.snapshots)):
            for rows in _blocks(own):
                shifted = {"step": rows["step"] + whole.step} if "step" in rows else {}
                series.append(rows | shifted | {"stage": np.full_like(rows["stage"], k)})
        whole.state, whole.step, whole.stage = found.state, whole.step + found.step, k + 1
        whole.notes += [f"{self.plan.stages[k].name}: {note}" for note in found.notes]
        whole.outliers = _joined(whole.outliers, found.outliers)
        self.run_file.save(whole, finished=k + 1 == len(self.parts))
        self._write_outliers()
        shutil.rmtree(part.file.parent)
        if k + 1 == len(self.parts):
            shutil.rmtree(part.file.parent.parent)

    def _write_outliers(self):
        """The structures furthest outside the fitted data, as those of any run."""
        if self.progress.outliers is not None:
            with precision(self.plan.dtype):
                model = Evaluator.create(self.potential, self.supercell, self.plan.dtype)
                write_outliers(self.progress.outliers, self.structure, model, self.file.with_name(NAME))


def independent_sweep(potential, supercell, temperatures, file=None, crew=None, on_report=lambda index, share: None,
                      stop=lambda: None, **options):  # fmt: skip
    """Sample a crystal at temperatures that do not wait for each other.

    Parameters
    ----------
    potential : Potential, str or path
    supercell : sequence of int, or 3x3 integer matrix
    temperatures : sequence of float
        K.
    file : path, optional
        Run file (HDF5); beside it a folder of those temperatures that are not in it yet.
    crew : Alone or Together, optional
        Workers of `anharmonic.parallel.team`; this process by default.
    on_report, stop : callable
        See `anharmonic.parallel.team.Together.run`; a report is the share of a temperature that is done.
    **options
        Fields of `SweepPlan`, and ``max_extrapolation``.

    Returns
    -------
    SweepResult
        The same for any number of workers.

    Raises
    ------
    AnharmonicError, RunFileError, ExtrapolationError, Stopped
        See `anharmonic.sweep.sweep`; of several errors the first, when all other temperatures have ended.
    """
    with TemporaryDirectory() as folder:
        run = IndependentSweep(potential, supercell, temperatures, file or Path(folder) / "run.h5", **options)
        tasks, errors = run.tasks, []
        for outcome in (crew or Alone()).run(perform, tasks, on_report, stop):
            if outcome.error is not None:
                errors.append(outcome.error)
            else:
                run.accept(tasks[outcome.index])
        if errors:
            raise errors[0]
        result = run.result()
        return result if file else SweepResult(result.summary, dict(result.samples))


def _seed(seed, stage):
    """Seed of one temperature."""
    label = ("heating", "cooling").index(stage.label)
    return int(np.random.SeedSequence((seed, label, round(1e6 * stage.temperature))).generate_state(1)[0] >> 1)


def _blocks(series):
    """Rows of a `Series` block by block, as they were recorded."""
    columns = {name: series.read(name) for name in series.names}
    for begin in range(0, len(series), max(1, series.block)):
        yield {name: values[begin : begin + series.block] for name, values in columns.items()}


def _joined(known, others):
    """Two `Outliers`, either of which may be None."""
    if known is None or others is None:
        return others if known is None else known
    for k in range(len(others)):
        known = known.with_one_more(others.only(k))
    return known
