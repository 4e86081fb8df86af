"""A run at one temperature, a few in turn, or along a ramp: NVE, NVT or NPT, with snapshots."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from anharmonic.analysis import TiltModes, lattice_parameters
from anharmonic.analysis.tilts import LABELS, angles
from anharmonic.evaluation import Blocks
from anharmonic.potential.library import load
from anharmonic.potential.potential import precision
from anharmonic.sampling.traffic import step_traffic
from anharmonic.sweep.result import plain, point_record, run_warnings, stage_samples, write_summary
from anharmonic.sweep.samplers import build_run, recorded_options
from anharmonic.sweep.simulation_plan import SimulationPlan
from anharmonic.sweep.sweep import perform

DRAWN = 4000
"""Points of a curve in the figure of a run."""


@dataclass(frozen=True)
class SimulationResult:
    """Summary and samples of a simulation.

    Attributes
    ----------
    summary : dict
        The contents of summary.json.
    samples : mapping of ndarray
        By name, (n_samples, ...), equilibration included and marked; read from the run file when asked for.
    series : dict
        What `anharmonic.interfaces.run_figures.draw_series` draws.
    """

    summary: dict
    samples: dict = field(repr=False)
    series: dict = field(repr=False)

    def save(self, folder="."):
        """Write summary.json into a folder."""
        return write_summary(self.summary, folder)

    def plot(self, folder="."):
        """Draw series.png and series.pdf into a folder; returns their paths."""
        from anharmonic.interfaces.run_figures import draw_series
        from anharmonic.interfaces.style import files_of

        path = Path(folder) / "series"
        draw_series(self.series, path)
        return files_of(path)


def simulate(
    potential,
    start,
    file=None,
    on_chunk=lambda progress, plan: None,
    stop=lambda: None,
    observables=None,
    max_extrapolation=None,
    devices=None,
    on_traffic=lambda traffic: None,
    **options,
):
    """Run molecular dynamics or Monte Carlo.

    Parameters
    ----------
    potential : Potential, str or path
    start : tuple of (Configuration, str)
        From `start_at_rest` or `start_from_atoms`.
    file, on_chunk, stop, observables, max_extrapolation
        See `anharmonic.sweep.sweep`. Snapshots are kept in `file`; see `anharmonic.sweep.export`.
    devices : int, optional
        Split the supercell over so many devices, of all processes that JAX knows of (``jax.distributed``); by default
        it stays on one. The run file may be continued with another number.
    on_traffic : callable
        Called with the `Traffic` between devices before such a run.
    **options
        Fields of `SimulationPlan` other than supercell and start.

    Returns
    -------
    SimulationResult

    Raises
    ------
    AnharmonicError, RunFileError, ExtrapolationError, Stopped
        See `anharmonic.sweep.sweep`.
    """
    potential, (state, name) = load(potential), start
    supercell = state.supercell
    plan = SimulationPlan(tuple(map(tuple, supercell.matrix.tolist())), start=name, **options)
    with precision(plan.dtype):
        blocks = None if devices is None else Blocks.create(potential.basis, supercell, devices)
        run = build_run(potential, supercell, plan, observables, max_extrapolation, state.order, blocks)
        if blocks is not None:
            on_traffic(step_traffic(run))
        recorded = recorded_options(potential, plan, observables)
        begin = state.displacements, state.deformation
        progress = perform(run, file, recorded, lambda: begin, plan, on_chunk, stop)
    samples = progress.columns()
    found = potential, supercell, plan, samples
    return SimulationResult(_summary(*found, progress.notes), samples, _series(*found))


def _summary(potential, supercell, plan, samples, notes):
    modes = TiltModes.of_crystal(potential.crystal)
    points = [
        point_record(potential.crystal, supercell, plan, modes, stage, stage_samples(samples, k))
        for k, stage in enumerate(plan.stages)
    ]
    warnings = run_warnings(points, modes, supercell, plan) + notes
    if plan.is_ramp:
        warnings.append("averages and errors are over the whole ramp")
    return plain({
        "potential": potential.name,
        "supercell": supercell.matrix.tolist(),
        "n_atoms": potential.crystal.n_sites * supercell.n_cells,
        "method": plan.method,
        "ensemble": plan.ensemble,
        "start": plan.start,
        "pressure_GPa": plan.pressure_GPa if plan.ensemble == "npt" and plan.stress_GPa is None else None,
        "stress_GPa": plan.stress_GPa,
        "ramp_to": _ramp(plan),
        "steps_per_temperature": {"equilibration": plan.equilibration, "production": plan.production},
        "points": [{name: value for name, value in p.items() if name != "direction"} for p in points],
        "warnings": warnings,
    })  # fmt: skip


def _ramp(plan):
    """Where a ramp ends; None if there is none."""
    ends = {name: getattr(plan, f"end_{name}") for name in ("temperature", "pressure_GPa", "stress_GPa")}
    return {name: value for name, value in ends.items() if value is not None} or None


def _series(potential, supercell, plan, samples):
    """Curves over time or passes, in units for the eye."""
    n_atoms, n_samples = potential.crystal.n_sites * supercell.n_cells, len(samples["energy"])
    drawn = slice(None, None, -(-n_samples // DRAWN))
    scale, label = plan.axis
    step = (1 + np.arange(n_samples)) * plan.sampling.stride
    panels = [("Energy\n(meV / cell)", {"": 1000 * samples["energy"][drawn] / supercell.n_cells})]
    if plan.method == "md":
        panels.append(("Temperature\n(K)", {"": samples["kinetic_temperature"][drawn]}))
    else:
        panels.append(("Acceptance", {"": samples["acceptance"][drawn]}))
    if plan.ensemble == "npt":
        lengths = lattice_parameters(potential.crystal, samples["deformation"][drawn])
        panels.append(("Lattice\nparameter (Å)", dict(zip("abc", lengths.T, strict=True))))
    modes = TiltModes.of_crystal(potential.crystal)
    if modes is not None and modes.commensurate(supercell).any():
        tilts = angles(samples["projections"][drawn].T)
        for kind, first in (("In-phase", 0), ("Anti-phase", 3)):
            curves = {LABELS[k][-1]: tilts[k] for k in range(first, first + 3) if modes.commensurate(supercell)[k]}
            panels.append((f"{kind}\ntilt (°)", curves))
    if plan.method == "md":
        drift = samples["conserved"][drawn] - samples["conserved"][0]
        panels.append(("Drift\n(meV / atom)", {"": 1000 * drift / n_atoms}))
    return {
        "title": f"{potential.name}, {n_atoms} atoms, {plan.method.upper()}, {plan.ensemble.upper()}",
        "x": step[drawn] * scale,
        "x_label": label,
        "panels": panels,
        "stages": _spans(plan, samples, step * scale),
    }


def _spans(plan, samples, x):
    """``(begin, end of the equilibration, name)`` of each stage on the axis of x."""
    stage, production = samples["stage"], samples["production"]
    spans = []
    for k, s in enumerate(plan.stages):
        first, n_equilibration = np.searchsorted(stage, k), int((~production[stage == k]).sum())
        begin = x[first - 1] if first else 0.0
        spans.append((begin, x[first + n_equilibration - 1] if n_equilibration else begin, s.name))
    return spans
