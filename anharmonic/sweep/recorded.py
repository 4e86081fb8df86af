"""A run as its file tells it: plan, crystal, and the production samples of each temperature."""

from dataclasses import dataclass, field, fields
from pathlib import Path

import h5py
import numpy as np

from anharmonic.crystal import Configuration
from anharmonic.errors import AnharmonicError, FileFormatError
from anharmonic.records import DAMAGE, read_record
from anharmonic.sampling.runfile import STRUCTURES, read_samples, read_snapshots
from anharmonic.sweep.exchange import BOOKS
from anharmonic.sweep.exchange_plan import LABEL, ExchangePlan
from anharmonic.sweep.export import Snapshots
from anharmonic.sweep.plan import ChunkedPlan, SweepPlan
from anharmonic.sweep.result import stage_samples
from anharmonic.sweep.simulation_plan import SimulationPlan

FEWEST = 2
"""Samples of a temperature that counts: one has no error bar."""


@dataclass(frozen=True)
class RecordedPoint:
    """What a run sampled at one temperature.

    Attributes
    ----------
    temperature : float
        K.
    label : str
        Direction of a sweep; ``equilibrium`` for a replica.
    pressure : float
        eV/A^3.
    tension : ndarray, shape (3, 3)
        Deviatoric stress, eV/A^3; see `anharmonic.sampling.Conditions`.
    samples : mapping of ndarray
        Production samples by name, (n_samples, ...).
    frames : tuple of int
        Numbers of its snapshots in the run.
    rows : tuple of int
        Number of the sample that was taken of the state of each snapshot.
    """

    temperature: float
    label: str
    pressure: float
    tension: np.ndarray
    samples: dict = field(repr=False)
    frames: tuple = ()
    rows: tuple = ()

    @property
    def name(self):
        """Temperature and direction, for people."""
        return f"{self.temperature:g} K {self.label}".strip()

    def enthalpy(self, volume):
        """U + W (n_samples,) of the supercell, eV; `volume` (A^3) is that of the undeformed supercell."""
        return self.samples["energy"].astype(float) + volume * self.work(self.samples["deformation"].astype(float))

    def work(self, deformation):
        """W / V (...) of deformation gradients (..., 3, 3), eV/A^3 of the undeformed volume."""
        strain = 0.5 * (np.swapaxes(deformation, -1, -2) @ deformation - np.eye(3))
        return self.pressure * np.linalg.det(deformation) - np.einsum("ij,...ij->...", self.tension, strain)


@dataclass(frozen=True)
class RecordedRun:
    """A run on file.

    Attributes
    ----------
    folder : Path
    options : dict
        As the file has them.
    plan : SweepPlan, ExchangePlan or SimulationPlan
    structure : Configuration
        Of the crystal and supercell.
    points : tuple of RecordedPoint
        In the order in which they were run.
    columns : mapping of ndarray
        All samples of the file, by name.
    finished : bool
    snapshots : Snapshots or None
    """

    folder: Path
    options: dict
    plan: ChunkedPlan
    structure: Configuration
    points: tuple = field(repr=False)
    columns: dict = field(repr=False)
    finished: bool
    snapshots: Snapshots | None = field(repr=False)

    @property
    def crystal(self):
        """The reference crystal."""
        return self.structure.crystal

    @property
    def supercell(self):
        """The supercell."""
        return self.structure.supercell

    @property
    def volume(self):
        """Volume of the undeformed supercell (A^3)."""
        return self.crystal.volume * self.supercell.n_cells

    @property
    def is_exchange(self):
        """Whether walkers come and go."""
        return isinstance(self.plan, ExchangePlan)

    @property
    def axis(self):
        """``(length of one sample, unit)``: ps of dynamics, passes of Monte Carlo."""
        step, label = self.plan.axis
        return step * self.plan.sampling.stride, "ps" if "ps" in label else "passes"


def open_run(path, unfinished=False):
    """Read a run.

    Parameters
    ----------
    path : path
        A run file, or the folder of one.
    unfinished : bool
        Whether the temperature that a run is still at counts, with what it has.

    Raises
    ------
    AnharmonicError
        If there is none, it has no such temperature, or it is a ramp.
    FileFormatError
        If it is damaged, or no run file.
    """
    path = Path(path)
    file = path / "run.h5" if path.is_dir() else path
    if not file.is_file():
        raise AnharmonicError(f"no run file at {file}: give the folder of a sweep, an exchange, md or mc")
    try:
        options, samples = read_samples(file)
        with h5py.File(file, "r") as opened:
            structure = read_record(opened["structure"], STRUCTURES)
            finished = bool(opened.attrs["finished"])
        plan = _plan(options, file)
    except DAMAGE as error:
        if isinstance(error, AnharmonicError):
            raise
        raise FileFormatError(f"{file} is no run file of this version, or is damaged: {error}") from None
    if any(stage.end is not None for stage in plan.stages):
        raise AnharmonicError(f"{file} is a run along a ramp: it has no equilibrium to analyse")
    snapshots = _snapshots(file, options)
    if isinstance(plan, ExchangePlan):
        points = tuple(_replicas(plan, samples))
    else:
        least = FEWEST if finished or unfinished else plan.stages[0].production * plan.sampling.chunk
        points = tuple(_stages(plan, samples, snapshots, least))
    if not points:
        raise AnharmonicError(f"{file} has not finished any temperature yet: continue it first")
    return RecordedRun(file.parent, options, plan, structure, points, samples, finished, snapshots)


def _plan(options, file):
    """The plan that the options of a run file describe."""
    if "temperatures" not in options:
        raise AnharmonicError(f"{file} is no run of sweep, exchange, md or mc: its options have no temperatures")
    kind = SweepPlan if "direction" in options else ExchangePlan if "swap_stride" in options else SimulationPlan
    known = {f.name for f in fields(kind)}
    return kind(**{name: _tuples(value) for name, value in options.items() if name in known})


def _tuples(value):
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _snapshots(file, options):
    try:
        series = read_snapshots(file)[2]
    except FileFormatError:
        return None
    return Snapshots(series, options["timestep"] if options["method"] == "md" else None)


def _stages(plan, samples, snapshots, least):
    """Temperatures one after the other, the last one if it has at least so many samples."""
    last = int(samples["stage"][-1])
    n_last = int((samples["production"] & (samples["stage"] == last)).sum())
    frames = _frames(snapshots, len(plan.stages))
    for k, stage in enumerate(plan.stages[: last + (n_last >= least)]):
        tension = np.zeros((3, 3)) if stage.tension is None else np.asarray(stage.tension)
        found, (taken, steps) = stage_samples(samples, k), frames[k]
        first = int(np.argmax((samples["stage"] == k) & samples["production"]))
        rows = tuple(step // plan.sampling.stride - 1 - first for step in steps)
        yield RecordedPoint(stage.temperature, stage.label, stage.pressure, tension, found, taken, rows)


def _frames(snapshots, n_stages):
    """Numbers and steps of the snapshots of production by stage."""
    if snapshots is None:
        return [((), ())] * n_stages
    stage, production, step = (snapshots.series.read(name) for name in ("stage", "production", "step"))
    chosen = [np.flatnonzero((stage == k) & production) for k in range(n_stages)]
    return [(tuple(rows.tolist()), tuple(step[rows].tolist())) for rows in chosen]


def _replicas(plan, samples):
    """Replicas of an exchange, as far as they are."""
    production = samples["production"]
    if production.sum() < FEWEST:
        return
    columns = {name: values[production] for name, values in samples.items() if name not in BOOKS}
    for k in range(plan.n_replicas):
        stage = plan.replica(k)
        tension = np.zeros((3, 3)) if stage.tension is None else np.asarray(stage.tension)
        own = {name: values[:, k] for name, values in columns.items()}
        yield RecordedPoint(stage.temperature, LABEL, stage.pressure, tension, own)
