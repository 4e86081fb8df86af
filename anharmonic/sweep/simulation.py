"""A run at one temperature, or a few in turn: NVE, NVT or NPT, with snapshots."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import equinox as eqx
import numpy as np

from anharmonic.analysis import TiltModes, lattice_parameters
from anharmonic.analysis.tilts import LABELS, angles
from anharmonic.potential.library import load
from anharmonic.potential.potential import precision
from anharmonic.sampling.dynamics import MolecularDynamics
from anharmonic.sweep.result import plain, point_record, run_warnings, stage_samples, write_summary
from anharmonic.sweep.simulation_plan import SimulationPlan
from anharmonic.sweep.sweep import begin, build_run, checkpoints, potential_digest


class Microcanonical(eqx.Module):
    """Newton's equations, equilibrated by Langevin dynamics."""

    free: MolecularDynamics
    thermostatted: MolecularDynamics

    def adapting(self):
        """The sampler of the equilibration."""
        return self.thermostatted

    def init(self, *arguments):
        """See `MolecularDynamics.init`."""
        return self.thermostatted.init(*arguments)

    def step(self, *arguments):
        """See `MolecularDynamics.step`."""
        return self.free.step(*arguments)

    def observe(self, *arguments):
        """See `MolecularDynamics.observe`."""
        return self.free.observe(*arguments)


@dataclass(frozen=True)
class SimulationResult:
    """Summary and samples of a simulation.

    Attributes
    ----------
    summary : dict
        The contents of summary.json.
    samples : dict of ndarray
        By name, (n_samples, ...), equilibration included and marked.
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
        """Draw series.png into a folder."""
        from anharmonic.interfaces.run_figures import draw_series

        path = Path(folder) / "series.png"
        draw_series(self.series, path)
        return path


def simulate(potential, start, file=None, trajectory=None, on_chunk=lambda progress, plan: None, **options):
    """Run molecular dynamics or Monte Carlo.

    Parameters
    ----------
    potential : Potential, str or path
    start : tuple of (Configuration, str)
        From `start_at_rest` or `start_from_atoms`.
    file : path, optional
        Run file (HDF5). If it exists, the run continues where it stopped.
    trajectory : Trajectory, optional
        Takes snapshots.
    on_chunk : callable
        Called with ``(progress, plan)`` after every chunk.
    **options
        Fields of `SimulationPlan` other than supercell and start.

    Returns
    -------
    SimulationResult

    Raises
    ------
    AnharmonicError
        If options contradict each other or the supercell is too small.
    RunFileError
        If `file` belongs to other options or is damaged.
    """
    potential, (state, name) = load(potential), start
    supercell = state.supercell
    plan = SimulationPlan(tuple(map(tuple, supercell.matrix.tolist())), start=name, **options)
    recorded = plan.options(potential_digest(potential))
    with precision(plan.dtype):
        run = _build(potential, supercell, plan)
        progress = begin(run, file, recorded, lambda: (state.displacements, state.deformation))
        if trajectory:
            trajectory.cut(progress.step)

        def chunk_done(progress):
            if trajectory:
                trajectory.add(progress, plan)
            on_chunk(progress, plan)

        run.go(progress, checkpoints(file, recorded), chunk_done)
    samples = progress.columns()
    found = potential, supercell, plan, samples
    return SimulationResult(_summary(*found), samples, _series(*found))


def _build(potential, supercell, plan):
    run = build_run(potential, supercell, plan)
    if plan.ensemble != "nve":
        return run
    free = replace(run.sampler, thermostat=None)
    return replace(run, sampler=Microcanonical(free, run.sampler))


def _summary(potential, supercell, plan, samples):
    modes = TiltModes.of_crystal(potential.crystal)
    points = [
        point_record(potential.crystal, supercell, plan, modes, stage, stage_samples(samples, k))
        for k, stage in enumerate(plan.stages)
    ]
    warnings = run_warnings(points, modes, supercell)
    return plain({
        "potential": potential.name,
        "supercell": supercell.matrix.tolist(),
        "n_atoms": potential.crystal.n_sites * supercell.n_cells,
        "method": plan.method,
        "ensemble": plan.ensemble,
        "start": plan.start,
        "pressure_GPa": plan.pressure_GPa if plan.ensemble == "npt" else None,
        "steps_per_temperature": {"equilibration": plan.equilibration, "production": plan.production},
        "points": [{name: value for name, value in p.items() if name != "direction"} for p in points],
        "warnings": warnings,
    })  # fmt: skip


def _series(potential, supercell, plan, samples):
    """Curves over time or passes, in units for the eye."""
    n_atoms = potential.crystal.n_sites * supercell.n_cells
    step = (1 + np.arange(len(samples["energy"]))) * plan.sampling.stride
    scale, label = (plan.timestep * 1e-3, "Time (ps)") if plan.method == "md" else (1, "Passes")
    panels = [("Energy\n(meV / cell)", {"": 1000 * samples["energy"] / supercell.n_cells})]
    if plan.method == "md":
        panels.append(("Temperature\n(K)", {"": samples["kinetic_temperature"]}))
    else:
        panels.append(("Acceptance", {"": samples["acceptance"]}))
    if plan.ensemble == "npt":
        lengths = lattice_parameters(potential.crystal, samples["deformation"])
        panels.append(("Lattice\nparameter (Å)", dict(zip("abc", lengths.T, strict=True))))
    modes = TiltModes.of_crystal(potential.crystal)
    if modes is not None and modes.commensurate(supercell).any():
        tilts = angles(samples["projections"].T)
        for kind, first in (("In-phase", 0), ("Anti-phase", 3)):
            curves = {LABELS[k][-1]: tilts[k] for k in range(first, first + 3) if modes.commensurate(supercell)[k]}
            panels.append((f"{kind}\ntilt (°)", curves))
    if plan.method == "md":
        panels.append(("Drift\n(meV / atom)", {"": 1000 * (samples["conserved"] - samples["conserved"][0]) / n_atoms}))
    length = plan.equilibration + plan.production
    return {
        "title": f"{potential.name}, {n_atoms} atoms, {plan.method.upper()}, {plan.ensemble.upper()}",
        "x": step * scale,
        "x_label": label,
        "panels": panels,
        "stages": [
            (k * length * scale, (k * length + plan.equilibration) * scale, f"{temperature:g} K")
            for k, temperature in enumerate(plan.temperatures)
        ],
    }
