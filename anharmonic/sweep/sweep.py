"""Run a temperature sweep: plan, run or resume, summarise."""

import hashlib
from pathlib import Path

import equinox as eqx
import jax
import numpy as np

from anharmonic.analysis import TiltModes
from anharmonic.crystal import Supercell
from anharmonic.errors import AnharmonicError
from anharmonic.evaluation import Evaluator
from anharmonic.potential.library import load
from anharmonic.potential.potential import precision
from anharmonic.sampling.conditions import strain_modes
from anharmonic.sampling.dynamics import Langevin, MolecularDynamics, Piston
from anharmonic.sampling.monte_carlo import MonteCarlo
from anharmonic.sampling.run import Observer, Run
from anharmonic.sampling.runfile import load_progress, save_progress
from anharmonic.sweep.plan import SweepPlan
from anharmonic.sweep.result import SweepResult, summarise
from anharmonic.sweep.start import ground_state


def sweep(potential, supercell, temperatures, file=None, on_chunk=lambda progress, plan: None, **options):
    """Sample a crystal over temperatures and find its phase transitions.

    Parameters
    ----------
    potential : Potential, str or path
    supercell : sequence of int, or 3x3 integer matrix
    temperatures : sequence of float
        K.
    file : path, optional
        Run file (HDF5). If it exists, the sweep continues where it stopped; the
        result is the same as if it had not been interrupted.
    on_chunk : callable
        Called with ``(progress, plan)`` after every chunk, for progress bars.
    **options
        Fields of `SweepPlan`.

    Returns
    -------
    SweepResult

    Raises
    ------
    AnharmonicError
        If options contradict each other or the supercell is too small.
    RunFileError
        If `file` belongs to other options or is damaged.
    """
    potential = load(potential)
    plan = SweepPlan(supercell, temperatures, **options)
    recorded = plan.options(potential_digest(potential))
    cells = Supercell.from_matrix(plan.supercell)
    with precision(plan.dtype):
        run = build_run(potential, cells, plan)
        progress = begin(run, file, recorded, lambda: _start_state(potential, cells, plan))
        run.go(progress, checkpoints(file, recorded), lambda p: on_chunk(p, plan))
    return SweepResult(summarise(potential, cells, plan, progress.columns()), progress.columns())


def begin(run, file, recorded, start):
    """Progress of a run: continued from `file`, or from the state (u, F) that `start` makes."""
    progress = load_progress(file, recorded) if file else None
    if progress is None:
        _check_writable(file)
        progress = run.start(*start())
    return progress


def checkpoints(file, recorded):
    """What saves the progress of a run with its options; nothing if there is no file."""
    return (lambda progress: save_progress(file, progress, recorded)) if file else (lambda progress: None)


def build_run(potential, supercell, plan):
    """The `Run` of a plan."""
    modes = strain_modes(plan.cell)
    if plan.method == "md":
        bath = Langevin(plan.friction), Piston(friction=2 * plan.friction)
        sampler = MolecularDynamics.create(potential.crystal, supercell, modes, plan.timestep, *bath, dtype=plan.dtype)
    else:
        sampler = MonteCarlo.create(potential, supercell, modes, dtype=plan.dtype)
    projections = _projections(potential.crystal, supercell).astype(plan.dtype)
    model = Evaluator.create(potential, supercell, plan.dtype)
    return Run(sampler, model, Observer(projections), plan.stages, plan.sampling, plan.seed, plan.dtype)


def potential_digest(potential):
    """Short name of a potential's numbers: equal potentials have equal digests."""
    total = hashlib.sha256()
    for leaf in jax.tree.leaves(eqx.filter(potential.lattice, eqx.is_array_like)):
        total.update(np.asarray(leaf).tobytes())
    return f"{potential.name} {total.hexdigest()[:16]}"


def _projections(crystal, supercell):
    """Tilt projections (6, n_sites, 3, n_cells), or none for crystals without tilts."""
    modes = TiltModes.of_crystal(crystal)
    if modes is None:
        return np.zeros((0, crystal.n_sites, 3, supercell.n_cells))
    return np.nan_to_num(modes.projection(supercell))


def _start_state(potential, supercell, plan):
    """Cooling begins with the reference crystal, heating with the ground state."""
    if plan.stages[0].label == "cooling":
        return np.zeros((potential.crystal.n_sites, 3, supercell.n_cells)), np.eye(3)
    return ground_state(potential, supercell)


def _check_writable(file):
    """Fail before the run, not after an hour."""
    if file is None:
        return
    try:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        probe = Path(file).with_name(f".{Path(file).name}.probe")
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise AnharmonicError(f"cannot write the run file {file}: {error}") from error
