"""The ASE calculator."""

import warnings

import numpy as np
from ase.calculators.calculator import Calculator as AseCalculator
from ase.calculators.calculator import all_changes

from anharmonic.conventions import to_voigt
from anharmonic.crystal import Configuration, map_atoms
from anharmonic.errors import AnharmonicError, ExtrapolationError
from anharmonic.evaluation import Evaluation, Evaluator
from anharmonic.potential import check_extrapolation, load, precision

EXTRAPOLATION = ("warn", "raise", "ignore")
UNCERTAINTIES = ("energy_uncertainty", "forces_uncertainty", "stress_uncertainty")


class Calculator(AseCalculator):
    """Energy, forces and stress of a distorted crystal for ASE.

    Energies (eV) are relative to the undistorted reference crystal; ``free_energy`` is
    the same; ``energies`` are per atom. Forces in eV/A, stress in eV/A^3, tension
    positive, Voigt order xx yy zz yz xz xy. On demand (``get_property``), and for potentials that were fitted:
    ``energy_uncertainty``, ``forces_uncertainty``, ``stress_uncertainty`` (standard deviations, as of
    `Potential.uncertainty`) and ``extrapolation``, the grade of each atom.

    Parameters
    ----------
    potential : Potential, str or path
        A `Potential`, the name of a shipped one, or the path of a potential file.
    dtype : str
        ``"float64"`` (default) or ``"float32"``.
    extrapolation : str
        What to do outside the fitted data: ``"warn"`` (the first time, and again when the grade
        has doubled), ``"raise"`` or ``"ignore"``.
    limit : float
        Grade of `Potential.extrapolation`, the largest of the atoms, above which that happens.

    Raises
    ------
    MappingError
        On calculation, if the atoms are no distorted supercell of the reference.
    ExtrapolationError
        On calculation, if asked for.
    """

    implemented_properties = ["energy", "free_energy", "energies", "forces", "stress", "extrapolation", *UNCERTAINTIES]

    def __init__(self, potential, dtype="float64", extrapolation="warn", limit=1.5, **kwargs):
        super().__init__(**kwargs)
        if extrapolation not in EXTRAPOLATION:
            raise AnharmonicError(f"extrapolation is one of {', '.join(EXTRAPOLATION)}; found {extrapolation!r}")
        self.potential, self.dtype = load(potential), dtype
        self.extrapolation, self.limit = extrapolation, limit
        self._last, self._evaluation, self._warned = None, None, 0.0

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        """Fill `results`; what is per atom or costs more only if it is asked for."""
        super().calculate(atoms, properties, system_changes)
        configuration = self.configuration(self.atoms)
        energy, forces, stress, grades = self._evaluate(configuration)
        self._check(float(grades.max()))
        self.results = {
            "energy": energy,
            "free_energy": energy,
            "forces": configuration.to_atom_order(np.moveaxis(forces, 1, 2)),
            "stress": to_voigt(stress),
        }
        if "energies" in (properties or ()):
            energies = self.potential.evaluate(configuration, self.dtype)["energies"]
            self.results["energies"] = configuration.to_atom_order(energies)
        if "extrapolation" in (properties or ()):
            self.results["extrapolation"] = configuration.to_atom_order(grades)
        if set(UNCERTAINTIES) & set(properties or ()):
            found = self.potential.uncertainty(configuration)
            forces = configuration.to_atom_order(np.moveaxis(found["forces"], 1, 2))
            values = found["energy"], forces, to_voigt(found["stress"])
            self.results.update(zip(UNCERTAINTIES, values, strict=True))

    def _evaluate(self, configuration):
        """Energy (eV), forces (n_sites, 3, n_cells) in eV/A, stress (3, 3) in eV/A^3, grades of the sites."""
        key = configuration.supercell.matrix.tobytes()
        with precision(self.dtype):
            if self._evaluation is None or self._evaluation[0] != key:
                evaluator = Evaluator.create(self.potential, configuration.supercell, self.dtype)
                self._evaluation = key, Evaluation(evaluator)
            state = configuration.displacements.astype(self.dtype), configuration.deformation.astype(self.dtype)
            energy, forces, stress, grades = self._evaluation[1](*state)
        return float(energy), np.asarray(forces, float), np.asarray(stress, float), np.asarray(grades, float)

    def configuration(self, atoms):
        """The `Configuration` of `atoms`; the assignment of atoms to sites is kept while they stay on them."""
        if self._last is not None and np.array_equal(self._numbers, atoms.numbers):
            moved = _follow(self._last, atoms, 0.5 * self.potential.crystal.nearest_distance())
            if moved is not None:
                self._last = moved
                return moved
        self._last, self._numbers = map_atoms(self.potential.crystal, atoms), atoms.numbers.copy()
        return self._last

    def _check(self, grade):
        """Warn or raise where the grade is above the limit."""
        if self.extrapolation == "ignore":
            return
        try:
            check_extrapolation(grade, self.limit, "this structure")
        except ExtrapolationError as error:
            if self.extrapolation == "raise":
                raise
            if grade > 2 * self._warned:
                self._warned = grade
                warnings.warn(str(error), stacklevel=4)


def _follow(last, atoms, limit):
    """`last` moved to where the same atoms are now; None if one moved so far that the mapping may have changed."""
    supercell = last.supercell.matrix @ last.crystal.cell
    deformation = np.linalg.solve(supercell, atoms.cell[:]).T
    if abs(deformation - last.deformation).max() > 0.1:
        return None
    inverse = np.linalg.inv(deformation)
    positions = last.to_sites(atoms.positions) @ inverse.T
    displacements = np.moveaxis(positions, 2, 1) - last.reference_positions()
    step = np.moveaxis(displacements - last.displacements, 1, 2)
    step = step - step[0, 0]  # the mapping may have moved the origin, even by half a supercell
    lattice_step = np.round(step @ np.linalg.inv(supercell)) @ supercell
    displacements = displacements - np.moveaxis(lattice_step, 2, 1)
    displacements = displacements - displacements.mean(axis=(0, 2), keepdims=True)
    if np.linalg.norm(displacements - last.displacements, axis=1).max() > limit:
        return None
    return Configuration(last.crystal, last.supercell, deformation, displacements, last.order)
