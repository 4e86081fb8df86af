"""Runs read back from their files: what was run, and the samples of each temperature in equilibrium."""

import json
from dataclasses import dataclass
from pathlib import Path

import h5py
import jax
import numpy as np

from anharmonic.analysis import TiltModes
from anharmonic.analysis.curves import BLOCKS, State
from anharmonic.analysis.order_parameters import order_parameters
from anharmonic.crystal import Configuration
from anharmonic.errors import FileFormatError
from anharmonic.records import DAMAGE, read_record
from anharmonic.sampling.runfile import FORMAT, STRUCTURES, VERSION
from anharmonic.sampling.series import Series
from anharmonic.sweep.exchange_plan import ExchangePlan
from anharmonic.sweep.plan import SweepPlan

RUN = "run.h5"
OTHER = {"potential", "observables"}
"""Entries of a run file's options that are no fields of its plan."""


@dataclass(frozen=True)
class RecordedRun:
    """A sweep or a replica exchange, finished or not.

    Attributes
    ----------
    path : Path
        Of the run file.
    plan : SweepPlan or ExchangePlan
    potential : str
        Name and digest.
    structure : Configuration
        Crystal and supercell.
    samples : mapping of ndarray
        Columns by name, each read when it is asked for.
    finished : bool
    """

    path: Path
    plan: SweepPlan | ExchangePlan
    potential: str
    structure: Configuration
    samples: object
    finished: bool

    @property
    def n_cells(self):
        """Reference cells of the supercell."""
        return self.structure.supercell.n_cells

    @property
    def directions(self):
        """``heating`` and ``cooling``, or ``equilibrium`` of an exchange, in the order in which they were run."""
        return tuple(dict.fromkeys(stage.label for stage in self.plan.stages))

    def states(self):
        """``(direction, State)`` of every temperature whose production has samples enough for error bars."""
        split = _of_exchange if isinstance(self.plan, ExchangePlan) else _of_sweep
        modes = TiltModes.of_crystal(self.structure.crystal)
        return [
            (stage.label, self._state(stage, columns, modes))
            for stage, columns in split(self.plan, self.samples)
            if len(columns["energy"]) >= BLOCKS
        ]

    def _state(self, stage, columns, modes):
        deformation = columns["deformation"].astype(float)
        order = order_parameters(
            self.structure.crystal, deformation, columns["projections"], modes, self.structure.supercell
        )
        volume = self.structure.crystal.volume * self.n_cells
        return State(float(stage.temperature), enthalpies(stage, volume, columns["energy"], deformation), order)


def read_run(path):
    """Read the run file of a sweep or a replica exchange.

    Parameters
    ----------
    path : path
        The file, or the folder with its ``run.h5``.

    Raises
    ------
    FileFormatError
        If it is none, damaged, or of something else.
    """
    path = Path(path) / RUN if Path(path).is_dir() else Path(path)
    if not path.is_file():
        raise FileFormatError(f"no run file at {path}; give the --out folder of a sweep or exchange, or its {RUN}")
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("format") != FORMAT or file.attrs.get("version") != VERSION:
                raise FileFormatError(f"{path} is no run file of version {VERSION}")
            options, finished = json.loads(file.attrs["options"]), bool(file.attrs["finished"])
            structure = read_record(file["structure"], STRUCTURES)
            samples = Series.of_file(path, file, "samples").columns()
    except FileFormatError:
        raise
    except DAMAGE as error:
        raise FileFormatError(f"{path} is no run file, or damaged ({error})") from error
    return RecordedRun(path, _plan_of(path, options), options["potential"], structure, samples, finished)


def enthalpies(stage, volume, energies, deformation):
    """``U + W`` (n,) in eV: the energies, and the work against the stress of a stage.

    Parameters
    ----------
    stage : Stage
    volume : float
        Of the undeformed supercell, A^3.
    energies : array_like, shape (n,)
        eV.
    deformation : array_like, shape (n, 3, 3)
    """
    conditions, _ = stage.conditions("float32")
    energies = np.asarray(energies, float)
    if not np.any(conditions.pressure) and not np.any(conditions.tension):
        return energies
    work = jax.vmap(lambda f: conditions.work(volume, f))(np.asarray(deformation, "float32"))
    return energies + np.asarray(work, float)


def _plan_of(path, options):
    """The plan that a run file's options are those of."""
    kinds = {"direction": SweepPlan, "swap_stride": ExchangePlan}
    kind = next((kinds[name] for name in kinds if name in options), None)
    if kind is None:
        raise FileFormatError(f"{path} is a run at one condition; a sweep or a replica exchange is wanted here")
    return kind(**{name: _tuples(value) for name, value in options.items() if name not in OTHER})


def _tuples(value):
    """JSON's lists as the tuples that they were."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _of_sweep(plan, samples):
    """``(stage, columns)`` of each temperature that has production samples."""
    numbers, production = samples["stage"], samples["production"].astype(bool)
    for k, stage in enumerate(plan.stages):
        chosen = np.flatnonzero((numbers == k) & production)
        if len(chosen):
            yield stage, _picked(samples, lambda values, c=chosen: values[c[0] : c[-1] + 1])


def _of_exchange(plan, samples):
    """``(stage, columns)`` of each replica."""
    production = samples["production"].astype(bool)
    for k in range(plan.n_replicas):
        yield plan.replica(k), _picked(samples, lambda values, k=k: values[production][:, k])


def _picked(samples, pick):
    return {name: pick(samples[name]) for name in ("energy", "deformation", "projections")}
