"""Unstable modes of the cubic reference at the wave vectors of its 2x2x2 cell, from forces of a calculator.

Forces of a few displaced atoms (phonopy) give the Hessian of the 2x2x2 cell, which holds the zone centre, X, M and R.
It is taken apart by stars of wave vectors; each mode has the irrep of the displacement modes that it consists of.
"""

from dataclasses import dataclass

import numpy as np
from ase import Atoms

from anharmonic.analysis import TiltModes
from anharmonic.analysis.displacement_modes import displacement_modes
from anharmonic.analysis.wave_vectors import CENTRE, stars_of
from anharmonic.conventions import KINETIC
from anharmonic.crystal import Supercell
from anharmonic.phonons.cells import PhononCells, unit_state

CELL = Supercell.from_matrix([2, 2, 2])
STEP = 0.03
"""A, of the displaced atoms."""
UNSTABLE = -0.05
"""THz; what is above it counts as stable: numerical noise of acoustic modes is below it."""
TILT_SHARE = 0.9
"""Overlap from which on a mode is an octahedral tilt."""
THZ = 1e3 / (2 * np.pi * np.sqrt(KINETIC))
"""Frequency of an eigenvalue of 1 eV/A^2/amu."""


@dataclass(frozen=True)
class Mode:
    """A set of modes that symmetry makes equal.

    Attributes
    ----------
    star : str
        Label of the wave vectors.
    irrep : str
        As of `DisplacementMode`.
    sites : str
        What moves most, and its share of the (mass-weighted) mode, such as "Br Eu 0.98".
    frequency : float
        THz; imaginary ones are negative.
    tilt : str
        "in-phase tilt", "anti-phase tilt" or "".
    patterns : ndarray, shape (degeneracy, 5, 3, 8)
        Displacements (A) in the 2x2x2 cell of each component; the atom that moves most moves by 1 A.
    """

    star: str
    irrep: str
    sites: str
    frequency: float
    tilt: str
    patterns: np.ndarray

    @property
    def name(self):
        """Wave vector and irrep, and what it is."""
        return f"{self.star} {self.irrep} ({self.tilt or self.sites})"

    @property
    def unstable(self):
        """Whether the frequency is imaginary."""
        return self.frequency < UNSTABLE


def phonons_of(crystal, calculator, on_done=None):
    """Phonons of the reference by finite displacements in the 2x2x2 cell.

    Parameters
    ----------
    crystal : Crystal
    calculator : ase.calculators.calculator.Calculator
    on_done : callable, optional
        Called with the numbers of displaced cells done and of all.

    Returns
    -------
    PhononCells
        With force constants between all atoms of the cell.
    """
    cells = PhononCells.of_state(unit_state(crystal), CELL)
    phonon, forces = cells.phonon, []
    phonon.generate_displacements(distance=STEP)
    displaced = phonon.supercells_with_displacements
    for number, cell in enumerate(displaced):
        atoms = Atoms(cell.symbols, positions=cell.positions, cell=cell.cell, pbc=True, calculator=calculator)
        forces.append(atoms.get_forces())
        if on_done:
            on_done(number + 1, len(displaced))
    phonon.forces = np.array(forces)
    phonon.produce_force_constants(calculate_full_force_constants=True)
    phonon.symmetrize_force_constants()
    return cells


def hessian_of(cells):
    """Second derivatives (120, 120), eV/A^2, by displacements in the order (site, direction, cell)."""
    grid = np.argsort(cells.sites * CELL.n_cells + cells.cells)
    found = np.asarray(cells.phonon.force_constants)[np.ix_(grid, grid)]
    n_sites = len(grid) // CELL.n_cells
    found = found.reshape(n_sites, CELL.n_cells, n_sites, CELL.n_cells, 3, 3).transpose(0, 4, 1, 2, 5, 3)
    return found.reshape(3 * len(grid), 3 * len(grid))


def modes_of(crystal, hessian):
    """All modes of the 2x2x2 cell but the translations, lowest first.

    Parameters
    ----------
    crystal : Crystal
    hessian : ndarray, shape (120, 120)

    Returns
    -------
    list of Mode
    """
    masses = np.sqrt(np.repeat(crystal.masses, 3 * CELL.n_cells))
    dynamical = hessian / np.outer(masses, masses)
    found = []
    for star in stars_of(crystal, CELL):
        found += _modes_of_star(crystal, star, 0.5 * (dynamical + dynamical.T), masses)
    return sorted(found, key=lambda mode: mode.frequency)


def _modes_of_star(crystal, star, dynamical, masses):
    """Modes at the wave vectors of a star, irrep by irrep: of one, as many at a time as a displacement mode has."""
    kinds, found = displacement_modes(crystal, star), []
    for irrep in dict.fromkeys(kind.irrep for kind in kinds):
        own = [kind for kind in kinds if kind.irrep == irrep]
        rows = [kind.patterns(CELL).reshape(-1, len(masses)) / np.sqrt(CELL.n_cells) for kind in own]
        basis, size = np.concatenate(rows), len(rows[0])
        values, vectors = np.linalg.eigh(basis @ dynamical @ basis.T)
        frequencies = THZ * np.sign(values) * np.sqrt(abs(values))
        for group in np.split(np.arange(len(values)), len(rows)):
            space = vectors[:, group].T @ basis
            if star.label == CENTRE and _translation(space, masses) > 0.5:
                continue
            shares = (vectors[:, group] ** 2).sum(axis=1).reshape(len(rows), size).sum(axis=1) / size
            chosen = int(shares.argmax())
            moved = ((rows[chosen] @ space.T @ space) / masses).reshape(size, crystal.n_sites, 3, CELL.n_cells)
            moved /= np.linalg.norm(moved, axis=2).max(axis=(1, 2))[:, None, None, None]
            sites, tilt = f"{own[chosen].sites} {shares[chosen]:.2f}", _tilt(crystal, moved)
            found.append(Mode(star.label, irrep, sites, float(frequencies[group].mean()), tilt, moved))
    return found


def _translation(space, masses):
    """Share of uniform translations in a space (n, 120) of mass-weighted displacements."""
    uniform = np.zeros((3, len(masses) // 3 // CELL.n_cells, 3, CELL.n_cells))
    uniform[[0, 1, 2], :, [0, 1, 2]] = 1
    uniform = uniform.reshape(3, -1) * masses
    uniform /= np.linalg.norm(uniform, axis=1, keepdims=True)
    return ((space @ uniform.T) ** 2).sum() / len(space)


def _tilt(crystal, patterns):
    """Which tilt a mode is, if it is one."""
    tilts = TiltModes.of_crystal(crystal).patterns(CELL).reshape(6, -1)
    tilts /= np.linalg.norm(tilts, axis=1, keepdims=True)
    flat = patterns.reshape(len(patterns), -1)
    flat = flat / np.linalg.norm(flat, axis=1, keepdims=True)
    shares = ((flat @ tilts.T) ** 2).sum(axis=0).reshape(2, 3).mean(axis=1)
    for name, share in zip(("in-phase tilt", "anti-phase tilt"), shares, strict=True):
        if share > TILT_SHARE:
            return name
    return ""
