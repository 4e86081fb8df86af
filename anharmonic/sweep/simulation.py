"""A run at one temperature, or a few in turn: NVE, NVT or NPT, with snapshots."""

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import equinox as eqx
import numpy as np
from scipy.linalg import polar

from anharmonic.analysis import TiltModes, lattice_parameters
from anharmonic.analysis.tilts import LABELS, angles
from anharmonic.conventions import GPA
from anharmonic.crystal import Configuration, Supercell, map_atoms
from anharmonic.errors import AnharmonicError
from anharmonic.files import replacing
from anharmonic.potential.library import load
from anharmonic.potential.potential import precision
from anharmonic.sampling.langevin import LangevinDynamics
from anharmonic.sampling.run import Sampling, Stage
from anharmonic.sampling.runfile import load_progress, save_progress
from anharmonic.sweep.plan import CHUNK, LENGTHS, METHODS, STRIDE
from anharmonic.sweep.result import plain, point_record, run_warnings, stage_samples
from anharmonic.sweep.start import ground_state
from anharmonic.sweep.sweep import build_run, potential_digest

ENSEMBLES = {"md": ("nve", "nvt", "npt"), "mc": ("nvt", "npt")}
GROUND_STATE, REFERENCE = "ground-state", "reference"


@dataclass(frozen=True)
class SimulationPlan:
    """Options of a simulation that decide its numbers.

    Attributes
    ----------
    supercell : 3x3 nested tuple
    temperatures : tuple of float
        K, in the order in which they are run.
    method : str
        ``"md"`` or ``"mc"``.
    ensemble : str
        ``"nve"`` (MD; a thermostat equilibrates), ``"nvt"`` or ``"npt"``.
    equilibration, production : int
        MD steps or MC passes at each temperature; rounded up to whole chunks.
    pressure_GPa : float
        npt.
    cell : str
        See `strain_modes`; ``"fixed"`` but for npt.
    timestep : float
        fs (MD).
    friction : float
        1/fs (MD).
    seed : int
    dtype : str
    start : str
        Where it begins, in words that differ for different starts.
    """

    supercell: tuple
    temperatures: tuple
    method: str = "md"
    ensemble: str = "npt"
    equilibration: int | None = None
    production: int | None = None
    pressure_GPa: float = 0.0
    cell: str | None = None
    timestep: float = 5.0
    friction: float = 1e-3
    seed: int = 0
    dtype: str = "float32"
    start: str = GROUND_STATE

    def __post_init__(self):
        if self.method not in METHODS or self.ensemble not in ENSEMBLES[self.method]:
            raise AnharmonicError(
                f"the ensemble is one of {', '.join(ENSEMBLES.get(self.method, ()))} for {self.method}; "
                f"found {self.ensemble!r}{'; Monte Carlo has no time' if self.ensemble == 'nve' else ''}"
            )
        if not self.temperatures or min(self.temperatures) <= 0:
            raise AnharmonicError(f"temperatures are above 0 K; found {list(self.temperatures)}")
        if self.timestep <= 0 or self.friction < 0 or (self.friction == 0 and self.ensemble != "nve"):
            raise AnharmonicError(
                f"time step and friction are above 0; found {self.timestep:g} fs and {self.friction:g} 1/fs"
            )
        if self.ensemble != "npt" and (self.pressure_GPa or self.cell not in (None, "fixed")):
            raise AnharmonicError(f"a pressure or a flexible cell is for npt; found the ensemble {self.ensemble}")
        if self.ensemble == "npt" and self.cell == "fixed":
            raise AnharmonicError("npt has a flexible cell, found a fixed one: that is nvt")
        object.__setattr__(self, "cell", (self.cell or "full") if self.ensemble == "npt" else "fixed")
        object.__setattr__(self, "temperatures", tuple(map(float, self.temperatures)))
        for name, default in zip(("equilibration", "production"), LENGTHS[self.method], strict=True):
            steps = default if getattr(self, name) is None else getattr(self, name)
            if steps < 1:
                raise AnharmonicError(f"{name} is at least one step; found {steps}")
            object.__setattr__(self, name, -(-steps // self.chunk_steps) * self.chunk_steps)

    @property
    def sampling(self):
        """Stride and chunk of the run."""
        return Sampling(STRIDE[self.method], CHUNK)

    @property
    def chunk_steps(self):
        """Steps in a chunk."""
        return STRIDE[self.method] * CHUNK

    @property
    def stages(self):
        """The stages in the order in which they are run."""
        lengths = self.equilibration // self.chunk_steps, self.production // self.chunk_steps
        return tuple(Stage(t, self.pressure_GPa * GPA, "", *lengths) for t in self.temperatures)


class Microcanonical(eqx.Module):
    """Newton's equations, equilibrated by Langevin dynamics."""

    free: LangevinDynamics
    thermostatted: LangevinDynamics

    def adapting(self):
        """The sampler of the equilibration."""
        return self.thermostatted

    def init(self, *arguments):
        """See `LangevinDynamics.init`."""
        return self.thermostatted.init(*arguments)

    def step(self, *arguments):
        """See `LangevinDynamics.step`."""
        return self.free.step(*arguments)

    def observe(self, state, conditions):
        """See `LangevinDynamics.observe`."""
        return self.free.observe(state, conditions)


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

    def save(self, folder):
        """Write summary.json into a folder."""
        path = Path(folder) / "summary.json"
        with replacing(path) as part:
            part.write_text(json.dumps(self.summary, indent=1) + "\n")
        return path

    def plot(self, folder):
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
    recorded = asdict(plan) | {"potential": potential_digest(potential)}
    with precision(plan.dtype):
        run = _build(potential, supercell, plan)
        progress = load_progress(file, recorded) if file else None
        if progress is None:
            progress = run.start(state.displacements, state.deformation)
        if trajectory:
            trajectory.cut(progress.step)

        def chunk_done(progress):
            if trajectory:
                trajectory.add(progress, plan)
            on_chunk(progress, plan)

        run.go(progress, (lambda p: save_progress(file, p, recorded)) if file else lambda p: None, chunk_done)
    samples = progress.columns()
    return SimulationResult(_summary(potential, supercell, plan, samples), samples, _series(potential, supercell, plan, samples))


def start_at_rest(potential, supercell, where=GROUND_STATE):
    """``(Configuration, name)`` of the ground state of a potential, or of its reference crystal."""
    if where not in (GROUND_STATE, REFERENCE):
        raise AnharmonicError(f"a run starts at {GROUND_STATE} or {REFERENCE}; found {where!r}")
    supercell = Supercell.from_matrix(supercell)
    reference = Configuration.reference(potential.crystal, supercell)
    if where == REFERENCE:
        return reference, where
    displacements, deformation = ground_state(potential, supercell)
    return replace(reference, displacements=displacements, deformation=deformation), where


def start_from_atoms(potential, atoms, supercell=None):
    """``(Configuration, name)`` of a structure, repeated to `supercell` if one is given; a rotation is removed.

    Raises
    ------
    MappingError
        If the structure is no distorted supercell of the reference crystal.
    AnharmonicError
        If `supercell` is no supercell of the structure's own.
    """
    state = map_atoms(potential.crystal, atoms)
    state = replace(state, deformation=polar(state.deformation)[1])
    if supercell is not None:
        state = _repeated(state, Supercell.from_matrix(supercell))
    total = hashlib.sha256()
    for values in (state.deformation, state.displacements):
        total.update(np.round(values, 8).tobytes())
    return state, f"structure {total.hexdigest()[:16]}"


def _repeated(state, supercell):
    """A periodic state on a larger supercell."""
    times = supercell.matrix @ np.linalg.inv(state.supercell.matrix)
    if not np.allclose(times, np.round(times)):
        raise AnharmonicError(
            f"the supercell {supercell.matrix.tolist()} is no multiple of that of the structure, "
            f"{state.supercell.matrix.tolist()} in reference cells; leave it out to take the structure as it is"
        )
    larger = Configuration.reference(state.crystal, supercell, state.deformation)
    return replace(larger, displacements=state.displacements[:, :, state.supercell.index(supercell.cells)])


def _build(potential, supercell, plan):
    run = build_run(potential, supercell, plan)
    if plan.ensemble != "nve":
        return run
    free = eqx.tree_at(lambda s: s.friction, run.sampler, np.zeros_like(run.sampler.friction))
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
        panels.append(("Acceptance", {"sites": samples["acceptance"]} | _strain_acceptance(plan, samples)))
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
    starts = np.cumsum([0] + [s.chunks * plan.chunk_steps for s in plan.stages])[:-1]
    return {
        "title": f"{potential.name}, {n_atoms} atoms, {plan.method.upper()}, {plan.ensemble.upper()}",
        "x": step * scale, "x_label": label, "panels": panels,
        "stages": [(x * scale, (x + plan.equilibration) * scale, f"{s.temperature:g} K") for x, s in zip(starts, plan.stages, strict=True)],
    }  # fmt: skip


def _strain_acceptance(plan, samples):
    return {"cell": samples["strain_acceptance"]} if plan.ensemble == "npt" else {}
