"""Short runs that show where a potential goes: structures with their extrapolation grades."""

from dataclasses import replace

from anharmonic.errors import ExtrapolationError, FileFormatError, RunFileError
from anharmonic.sampling.runfile import read_snapshots
from anharmonic.sweep.simulation import simulate


def sample(potential, plan, file, start, temperature, stop=lambda: None):
    """Structures along molecular dynamics, as far as it stays near the fitted data.

    Parameters
    ----------
    potential : Potential
    plan : LearnPlan
    file : Path
        Run file; a finished one is read.
    start : tuple of (Configuration, str)
        As of `start_at_rest`.
    temperature : float
        K.
    stop : callable

    Returns
    -------
    list of (Configuration, float)
        Structures and their grades, the first where it began.
    str
        Why the run ended early; empty if it did not.
    """
    reason = ""
    try:
        simulate(
            potential, start, file, stop=stop, max_extrapolation=plan.below,
            temperatures=(temperature,), equilibration=plan.equilibration, production=plan.production,
            timestep=plan.timestep, pressure_GPa=plan.pressure_GPa, snapshots=plan.every, seed=plan.seed,
        )  # fmt: skip
    except (ExtrapolationError, RunFileError) as error:
        reason = str(error).split(";")[0]
    return [(c, potential.extrapolation(c)) for c in (start[0], *_snapshots(file))], reason


def _snapshots(file):
    """Configurations of a run file."""
    try:
        _, structure, series = read_snapshots(file)
    except FileFormatError:
        return
    for k in range(len(series)):
        u, deformation = (series.read(name, k, k + 1)[0].astype(float) for name in ("displacements", "deformation"))
        yield replace(structure, displacements=u, deformation=deformation)
