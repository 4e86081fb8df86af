"""Phonons over temperatures: plan, sample or resume, fit, summarise."""

from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from anharmonic.analysis.lattice import lattice_parameters
from anharmonic.conventions import BOLTZMANN
from anharmonic.crystal import Supercell
from anharmonic.phonons.cells import default_supercell, interaction_range, is_wide_enough
from anharmonic.phonons.effective import ForceConstantFit
from anharmonic.phonons.harmonic import hessian, phonon_cells
from anharmonic.phonons.plan import PhononPlan
from anharmonic.phonons.points import commensurate_points, frequencies_at, special_points
from anharmonic.phonons.sampling import mean_deformation, sample_motion
from anharmonic.phonons.thermal import ThermalPhonons, thermal_phonons
from anharmonic.potential.library import load
from anharmonic.sweep.result import plain

SLOWEST = 1.0
"""The fastest mode of a crystal is taken as at least that fast (THz)."""

DRIFT = 0.01 * 1000 * BOLTZMANN
"""meV per atom and K that the energy of a segment may change: one per cent of kT."""

MOSTLY_ANHARMONIC = 0.5
"""Effective force constants that explain less than this share of the squared forces are worth a warning."""


@dataclass(frozen=True)
class PhononResult:
    """Phonons of a crystal at rest and at temperatures.

    Attributes
    ----------
    harmonic : Phonopy
        Of the reference crystal.
    thermal : tuple of ThermalPhonons
        By temperature.
    summary : dict
        The contents of phonons.json.
    """

    harmonic: object = field(repr=False)
    thermal: tuple[ThermalPhonons, ...] = field(repr=False)
    summary: dict

    @property
    def points(self):
        """Records by temperature."""
        return self.summary["points"]


def phonons(potential, supercell=None, temperatures=(), folder=None, control=None, report=None, **options):
    """Phonons of the reference crystal: harmonic ones, and effective ones and spectra at temperatures.

    At each temperature the mean cell is found at constant pressure; the crystal then moves in it undisturbed, in
    segments that begin with new velocities. Positions, forces and velocities of this motion give effective force
    constants and spectra. Sampling begins with the reference crystal: below a transition it leaves it, and the result
    says so.

    Parameters
    ----------
    potential : Potential, str or path
    supercell : sequence of int, or 3x3 integer matrix, optional
        In reference cells; as wide as the interactions by default. Wave vectors that do not fit it have no spectra.
    temperatures : sequence of float
        K; none for harmonic phonons alone.
    folder : path, optional
        For the run files of each temperature, which let a calculation that was stopped go on.
    control : callable, optional
        ``control(folder, what)`` makes the context of a run, which yields ``on_chunk`` and ``stop`` (see
        `anharmonic.sweep.sweep`).
    report : callable, optional
        Called with a line of text before every step that takes more than seconds and has no run.
    **options
        Fields of `PhononPlan`.

    Returns
    -------
    PhononResult

    Raises
    ------
    AnharmonicError, RunFileError, Stopped
        See `anharmonic.sweep.sweep`.
    """
    potential, report = load(potential), report or (lambda text: None)
    supercell = Supercell.from_matrix(default_supercell(potential) if supercell is None else supercell)
    plan = None
    if len(temperatures):
        matrix = supercell.matrix.tolist()
        plan = PhononPlan(supercell=tuple(map(tuple, matrix)), temperatures=tuple(temperatures), **options)
    cells = phonon_cells(potential, supercell)
    report("harmonic force constants")
    harmonic = cells.with_force_constants(hessian(potential, cells))
    points = commensurate_points(cells)
    thermal = ()
    if plan is not None:
        report("symmetry of the force constants")
        fit = ForceConstantFit(cells)
        context = _Context(potential, plan, cells, harmonic, points, fit, folder, control, report)
        thermal = tuple(context.at(temperature) for temperature in plan.temperatures)
    return PhononResult(harmonic, thermal, _summary(potential, cells, harmonic, plan, [t.record for t in thermal]))


@dataclass(frozen=True)
class _Context:
    """What all temperatures share."""

    potential: object
    plan: PhononPlan
    cells: object
    harmonic: object
    points: list
    fit: ForceConstantFit
    folder: object
    control: object
    report: object

    def at(self, temperature):
        """`ThermalPhonons` at a temperature (K)."""
        fastest = max(SLOWEST, *(frequencies_at(self.harmonic, p.q).max() for p in special_points(self.harmonic)))
        with self._run(temperature, "cell") as options:
            deformation = mean_deformation(self.potential, self.plan, temperature, fastest, **options)
        waves = np.concatenate([point.arms for point in self.points])
        motion = self.plan.motion(temperature, deformation, waves, fastest)
        with self._run(temperature, "motion") as options:
            sample = sample_motion(self.potential, motion, self.cells, **options)
        self.report(f"force constants and spectra at {temperature:g} K")
        return thermal_phonons(sample, self.fit, self.harmonic, self.points, temperature)

    @contextmanager
    def _run(self, temperature, what):
        """Context of a run, which yields its file and what controls it."""
        if self.folder is None:
            yield {}
            return
        folder = temperature_folder(self.folder, temperature) / what
        folder.mkdir(parents=True, exist_ok=True)
        with self.control(folder, what) if self.control else nullcontext({}) as options:
            yield options | {"file": folder / "run.h5"}


def temperature_folder(folder, temperature):
    """Where the files of a temperature (K) are."""
    return Path(folder) / f"{temperature:g}K"


def _summary(potential, cells, harmonic, plan, records):
    """The contents of phonons.json."""
    fitting = {point.label for point in commensurate_points(cells)}
    at_rest = {
        point.label: {"q": point.q, "frequency_THz": frequencies_at(harmonic, point.q)}
        for point in special_points(harmonic)
    }
    return plain({
        "potential": potential.name,
        "supercell": cells.supercell.matrix.tolist(),
        "n_atoms": len(cells.phonon.supercell),
        "interaction_range_A": interaction_range(potential),
        "born_charges": potential.born is not None,
        "steps_per_temperature": None if plan is None else
            {"equilibration": plan.equilibration, "production": plan.production, "segments": plan.segments},
        "pressure_GPa": None if plan is None else plan.pressure_GPa,
        "units": {"frequency": "THz", "length": "Angstrom", "force": "eV/Angstrom", "temperature": "K"},
        "harmonic": at_rest,
        "points": [_with_lengths(potential.crystal, record) for record in records],
        "warnings": _warnings(potential, cells, fitting, records),
    })  # fmt: skip


def _with_lengths(crystal, record):
    """A record with lattice parameters."""
    deformation = np.linalg.solve(crystal.cell, record["cell_A"]).T
    return record | dict(zip("abc", lattice_parameters(crystal, deformation[None])[0], strict=True))


def _warnings(potential, cells, fitting, records):
    """What a reader of the figures should know."""
    found = []
    if not is_wide_enough(potential, cells.supercell):
        found.append(
            f"the supercell is narrower than twice the range of the interactions ({interaction_range(potential):.1f} "
            "A): between the wave vectors that fit it, frequencies are not those of the crystal"
        )
    absent = [point.label for point in special_points(cells.phonon) if point.label not in fitting]
    if absent and records:
        found.append(f"the supercell does not hold the special points {', '.join(absent)}: no soft modes, no spectra")
    distorted = [f"{r['temperature_K']:g} K" for r in records if r["distorted"]]
    if distorted:
        found.append(
            f"the crystal has left the reference phase at {', '.join(distorted)}: frequencies there are no phonons of "
            "it, but measure how far the soft modes have frozen in"
        )
    heated = [f"{r['temperature_K']:g} K" for r in records if r["drift_meV_per_atom"] > DRIFT * r["temperature_K"]]
    if heated:
        found.append(
            f"the energy of a segment is not conserved within 1 % of kT per atom at {', '.join(heated)}: try a shorter "
            "time step"
        )
    rest = [f"{r['temperature_K']:g} K" for r in records if r["explained"] < MOSTLY_ANHARMONIC]
    if rest:
        found.append(f"effective force constants explain less than half of the squared forces at {', '.join(rest)}")
    return found
