"""Run a temperature sweep: plan, run or resume, summarise."""

from pathlib import Path

import numpy as np

from anharmonic.crystal import Supercell
from anharmonic.errors import AnharmonicError
from anharmonic.potential.library import load
from anharmonic.potential.potential import precision
from anharmonic.sampling.processes import agreed, check_same_step, is_first
from anharmonic.sampling.runfile import RunFile
from anharmonic.sweep.outliers import NAME, write_outliers
from anharmonic.sweep.plan import SweepPlan
from anharmonic.sweep.result import SweepResult, summarise
from anharmonic.sweep.samplers import build_run, recorded_options
from anharmonic.sweep.start import ground_state


def sweep(
    potential,
    supercell,
    temperatures,
    file=None,
    on_chunk=lambda progress, plan: None,
    stop=lambda: None,
    observables=None,
    max_extrapolation=None,
    **options,
):
    """Sample a crystal over temperatures and find its phase transitions.

    Parameters
    ----------
    potential : Potential, str or path
    supercell : sequence of int, or 3x3 integer matrix
    temperatures : sequence of float
        K.
    file : path, optional
        Run file (HDF5). If it exists, the sweep continues where it stopped; the
        result is the same as if it had not been interrupted. Memory then holds no
        more than what was recorded since the last checkpoint, 256 MiB at most.
    on_chunk : callable
        Called with ``(progress, plan)`` after every chunk, for progress bars.
    stop : callable
        Asked after every chunk for the number of a signal to stop for, or None; see
        `anharmonic.stopping.soft_stop`.
    observables : dict of callable, optional
        Functions ``(state, model) -> array`` by name, recorded of every sample; they are
        traced by JAX.
    max_extrapolation : float, optional
        Largest extrapolation grade of a site that is let through; any by default. The structures furthest
        outside the fitted data are written beside `file` (see `anharmonic.sweep.outliers`), stopped or not.
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
        If `file` belongs to other options, is damaged or cannot be written.
    ExtrapolationError
        If a state lies further outside the fitted data than `max_extrapolation`.
    Stopped
        If `stop` said so.
    """
    potential = load(potential)
    plan = SweepPlan(supercell, temperatures, **options)
    cells = Supercell.from_matrix(plan.supercell)
    with precision(plan.dtype):
        run = build_run(potential, cells, plan, observables, max_extrapolation)
        recorded = recorded_options(potential, plan, observables)
        progress = perform(run, file, recorded, lambda: _start_state(potential, cells, plan), plan, on_chunk, stop)
    samples = progress.columns()
    return SweepResult(summarise(potential, cells, plan, samples, progress.notes), samples)


def perform(run, file, recorded, start, plan, on_chunk, stop):
    """Do a run, or what is left of it; of several processes the first writes files.

    Parameters
    ----------
    run : Run
    file : path or None
    recorded : dict
        Options that the run file remembers.
    start : callable
        Makes the state (u, F) of a new run.
    plan : ChunkedPlan
    on_chunk, stop : callable
        See `sweep`.

    Returns
    -------
    Progress
    """
    run_file = RunFile(file, recorded, run.structure) if file else None
    progress = run_file.load() if run_file else None
    check_same_step(progress)
    if progress is None:
        _check_writable(file if is_first() else None)
        progress = run.start(*start())
    checkpoint = (lambda p: run_file.save(p, run.is_finished(p))) if run_file and is_first() else None
    try:
        run.go(progress, checkpoint, lambda p: on_chunk(p, plan), agreed(stop))
    finally:
        if file:
            write_outliers(progress.outliers, run.structure, run.model, Path(file).with_name(NAME))
    return progress


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
        raise AnharmonicError(f"cannot write the run file {file}: {error.strerror or error}") from error
