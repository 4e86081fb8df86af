"""Replica exchange of a crystal over temperatures or pressures: plan, run or resume, summarise."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import jax
import numpy as np

from anharmonic.analysis import TiltModes, estimate, find_transitions
from anharmonic.analysis.replica_spacing import EnthalpyCurve, equal_acceptance, expected_acceptance
from anharmonic.analysis.replicas import exchange_report, places
from anharmonic.analysis.tilts import angles
from anharmonic.crystal import Supercell
from anharmonic.errors import AnharmonicError
from anharmonic.potential.library import load
from anharmonic.potential.potential import precision
from anharmonic.sampling.replica_exchange import ReplicaExchange
from anharmonic.sweep.exchange_plan import LABEL, ExchangePlan
from anharmonic.sweep.result import plain, point_record, run_warnings, write_summary
from anharmonic.sweep.samplers import build_run, recorded_options
from anharmonic.sweep.start import ground_state
from anharmonic.sweep.sweep import perform

BOOKS = ("walker", "heading", "round_trips", "swap_attempts", "swap_acceptances", "stage", "production")
"""Columns that are not one value for each replica."""

DOMAINS = (
    "walkers bring their own domains: what is said of single axes (phases, transitions, tilts, a, b, c) is of mixed "
    "domains wherever domains turn; lengths of tilt vectors, energies and volumes are not concerned"
)

RARE = 0.05
"""Swaps accepted more seldom than this are worth a warning."""

DRAWN = 400
"""Points of a walker's line in the figure."""


@dataclass(frozen=True)
class ExchangeResult:
    """Summary and samples of a replica exchange.

    Attributes
    ----------
    summary : dict
        The contents of summary.json.
    samples : mapping of ndarray
        By name, (n_samples, n_replicas, ...), equilibration included and marked.
    walks : dict
        ``x`` (n,), ``x_label`` and ``places`` (n, n_replicas): where each walker was.
    """

    summary: dict
    samples: dict = field(repr=False)
    walks: dict = field(repr=False)

    def transitions(self):
        """Phase transitions, as of a sweep."""
        return self.summary["transitions"]

    def points(self):
        """Records by replica."""
        return self.summary["points"]

    def save(self, folder="."):
        """Write summary.json into a folder."""
        return write_summary(self.summary, folder)

    def plot(self, folder="."):
        """Draw exchange.png and exchange.pdf into a folder; returns their paths."""
        from anharmonic.interfaces.exchange_figures import draw_exchange
        from anharmonic.interfaces.style import files_of

        path = Path(folder) / "exchange"
        draw_exchange(self.summary, self.walks, path)
        return files_of(path)


def exchange(
    potential,
    supercell,
    temperatures,
    file=None,
    on_chunk=lambda progress, plan: None,
    stop=lambda: None,
    max_extrapolation=None,
    **options,
):
    """Sample a crystal at several temperatures at once, with swaps between neighbours.

    Parameters
    ----------
    potential : Potential, str or path
    supercell : sequence of int, or 3x3 integer matrix
    temperatures : sequence of float
        K, one for each replica.
    file, on_chunk, stop, max_extrapolation
        See `anharmonic.sweep.sweep`.
    **options
        Fields of `ExchangePlan`.

    Returns
    -------
    ExchangeResult

    Raises
    ------
    AnharmonicError, RunFileError, ExtrapolationError, Stopped
        See `anharmonic.sweep.sweep`.
    """
    potential, cells = load(potential), Supercell.from_matrix(supercell)
    plan = ExchangePlan(tuple(map(tuple, cells.matrix.tolist())), tuple(temperatures), **options)
    with precision(plan.dtype):
        run = build_run(potential, cells, plan, max_extrapolation=max_extrapolation)
        run = replace(run, sampler=ReplicaExchange.create(run.sampler, plan.n_replicas, plan.swap_stride, plan.batch))
        recorded = recorded_options(potential, plan, None)
        progress = perform(run, file, recorded, lambda: ground_state(potential, cells), plan, on_chunk, stop)
    samples = progress.columns()
    summary = summarise_exchange(potential, cells, plan, samples, progress.notes)
    return ExchangeResult(summary, samples, walks_of(plan, samples))


def summarise_exchange(potential, supercell, plan, samples, notes=()):
    """The summary of a replica exchange from its samples."""
    modes = TiltModes.of_crystal(potential.crystal)
    production = {name: values[samples["production"]] for name, values in samples.items()}
    points = [
        _point(potential.crystal, supercell, plan, modes, k, _of_replica(production, k)) for k in range(plan.n_replicas)
    ]
    exchanged = _exchanged(potential, supercell, plan, production)
    transitions = find_transitions(points, "heating") if plan.is_ladder else []
    common = plan.pressures_GPa is None and plan.stress_GPa is None
    return plain({
        "potential": potential.name,
        "supercell": supercell.matrix.tolist(),
        "n_atoms": potential.crystal.n_sites * supercell.n_cells,
        "method": plan.method,
        "pressure_GPa": plan.pressure_GPa if common else None,
        "stress_GPa": plan.stress_GPa,
        "steps_per_temperature": {"equilibration": plan.equilibration, "production": plan.production},
        "points": points,
        "transitions": [t | {"direction": LABEL, "unresolved": True} for t in transitions],
        "exchange": exchanged,
        "warnings": run_warnings(points, modes, supercell, plan) + _warnings(plan, exchanged) + list(notes),
    })  # fmt: skip


def _of_replica(samples, k):
    """Samples of one replica by name."""
    return {name: values[:, k] for name, values in samples.items() if name not in BOOKS}


def _point(crystal, supercell, plan, modes, k, samples):
    """Record of one replica: that of a sweep, and the lengths of the tilt vectors, which no change of axes changes."""
    point = point_record(crystal, supercell, plan, modes, plan.replica(k), samples)
    point["pressure_GPa"] = plan.pressures[k] if plan.stress_GPa is None else None
    if modes is None or not modes.commensurate(supercell).all():
        return point
    tangents = samples["projections"].astype(float).reshape(-1, 2, 3)
    total = estimate(angles(np.linalg.norm(tangents, axis=-1)))
    point["errors"] |= {"total_tilt": total.error}
    return point | {"total_tilt": total.mean, "total_tilt_correlation_time_samples": total.correlation_time}


def _exchanged(potential, supercell, plan, samples):
    """Swap statistics of the production."""
    report, stride = exchange_report(samples), plan.swap_stride
    found = {
        "swap_stride": stride,
        "acceptance": report.acceptance,
        "acceptance_error": report.acceptance_error,
        "round_trips": report.round_trips,
        "round_trip_steps": report.round_trip_time * stride,
        "ideal_round_trip_steps": report.ideal_round_trip_time * stride,
        "best_number_of_replicas": round(2 * report.barrier) + 1,
        "up_fraction": report.up_fraction,
    }
    if not plan.is_ladder:
        return found
    enthalpy = _enthalpy(potential, supercell, plan, samples)
    try:
        curve = EnthalpyCurve.of_trials(plan.temperatures, enthalpy.mean(axis=0), enthalpy.var(axis=0))
    except AnharmonicError:
        return found
    even = equal_acceptance(curve, plan.temperatures[0], plan.temperatures[-1], plan.n_replicas)
    return found | {
        "expected_acceptance": expected_acceptance(plan.temperatures, curve),
        "temperatures_of_equal_acceptance_K": even,
        "equal_acceptance": expected_acceptance(even, curve)[0],
    }


def _enthalpy(potential, supercell, plan, samples):
    """U + W (n_samples, n_replicas), eV."""
    conditions, _ = plan.stages[0].conditions("float32")
    volume = potential.crystal.volume * supercell.n_cells
    alike = conditions.pressure, conditions.tension
    if not np.any(alike[0]) and not np.any(alike[1]):
        return samples["energy"].astype(float)
    work = jax.vmap(jax.vmap(lambda f: plan.replica(0).conditions("float32")[0].work(volume, f)))
    return samples["energy"].astype(float) + np.asarray(work(samples["deformation"].astype("float32")), float)


def _warnings(plan, exchanged):
    """What hinders the exchange."""
    found = [DOMAINS] if exchanged["round_trips"] else []
    names = [f"{t:g} K" for t in plan.temperatures]
    rare = [f"{names[k]} - {names[k + 1]}" for k, a in enumerate(exchanged["acceptance"]) if not a >= RARE]
    if rare:
        found.append(
            f"fewer than {100 * RARE:g} % of the swaps are accepted at {', '.join(rare)}: take more replicas, closer "
            "temperatures, or a smaller supercell"
        )
    if exchanged["round_trips"] < plan.n_replicas:
        found.append(
            f"only {exchanged['round_trips']} round trips between the extreme temperatures: a longer run is needed "
            "before all replicas can be trusted to have forgotten their start"
        )
    return found


def walks_of(plan, samples):
    """What the figure shows of the walkers."""
    drawn = slice(None, None, -(-len(samples["walker"]) // DRAWN))
    scale, label = plan.axis
    where = places(samples["walker"])
    steps = (1 + np.arange(len(where))) * plan.sampling.stride
    return {
        "x": steps[drawn] * scale,
        "x_label": label,
        "places": where[drawn],
        "equilibration": plan.equilibration * scale,
    }
