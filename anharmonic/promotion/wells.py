"""Energies along unstable modes, and the phases that they lead to."""

from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms

from anharmonic.analysis import TiltModes
from anharmonic.crystal import Configuration, Supercell
from anharmonic.crystal.symmetry import symmetry_dataset
from anharmonic.errors import AnharmonicError
from anharmonic.promotion.instabilities import CELL
from anharmonic.screening.relaxation.relax import relax
from anharmonic.sweep.start import TILT, TILT_SYSTEMS

STEP, MOST = 0.15, 1.2
"""A: amplitudes along a mode are multiples of the step, up to the most or to past the minimum."""
FORCE, STEPS = 0.005, 250
"""eV/A and steps of the relaxation of phases."""
SYMPREC = 0.02
"""A, within which the space group of a relaxed phase is found."""
SMALL = [[1, -1, 0], [1, 1, 0], [0, 0, 2]]
"""The 20-atom cell that holds a+b-b- and most others."""
CELLS = {
    "a0a0a0": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "a0a0c+": [[1, -1, 0], [1, 1, 0], [0, 0, 1]],
    "a-a-a-": [[0, 1, 1], [1, 0, 1], [1, 1, 0]],
    "a+a+a+": [[-1, 1, 1], [1, -1, 1], [1, 1, -1]],
}
"""The smallest cells of tilt systems; `SMALL` of the others."""


@dataclass(frozen=True)
class Well:
    """Energies along one direction of an unstable mode, cell fixed.

    Attributes
    ----------
    mode : str
        Name of the mode.
    direction : tuple of int
        Which components take part.
    amplitude : ndarray, shape (n,)
        Largest displacement of an atom by one component, A; from 0.
    energy : ndarray, shape (n,)
        eV per reference cell, from that of the cubic crystal.
    """

    mode: str
    direction: tuple
    amplitude: np.ndarray
    energy: np.ndarray

    @property
    def lowest(self):
        """Amplitude (A) and energy (eV per reference cell) of the lowest point."""
        k = int(self.energy.argmin())
        return float(self.amplitude[k]), float(self.energy[k])


@dataclass(frozen=True)
class Phase:
    """A relaxed phase.

    Attributes
    ----------
    name : str
        Glazer symbol or name of the mode that it began with, or "candidate".
    atoms : ase.Atoms
    energy : float
        eV per reference cell, from that of the relaxed cubic crystal.
    space_group : str
    converged : bool
    matrix : tuple
        Its cell in those of the reference.
    """

    name: str
    atoms: Atoms
    energy: float
    space_group: str
    converged: bool
    matrix: tuple


def well_of(crystal, mode, direction, calculator):
    """Follow a mode until its energy rises again.

    Parameters
    ----------
    crystal : Crystal
    mode : Mode
    direction : tuple of int
        Of the components of the mode, as many as it has.
    calculator : ase.calculators.calculator.Calculator

    Returns
    -------
    Well
    """
    pattern, amplitudes, energies = np.tensordot(direction, mode.patterns, 1), [], []
    for amplitude in np.arange(0, MOST + STEP / 2, STEP):
        atoms = displaced(crystal, CELL, amplitude * pattern).to_atoms()
        atoms.calc = calculator
        amplitudes.append(float(amplitude))
        energies.append(float(atoms.get_potential_energy()) / CELL.n_cells)
        if len(energies) > 2 and energies[-1] > energies[-2] > energies[-3]:
            break
    return Well(mode.name, tuple(direction), np.array(amplitudes), np.array(energies) - energies[0])


def directions_of(mode):
    """Directions of a mode to follow: one component, two, three, as far as it has them."""
    count = len(mode.patterns)
    return [tuple(int(k < n) for k in range(count)) for n in range(1, min(count, 3) + 1)]


def starts_of(crystal, modes, wells):
    """Displaced states from which phases relax, by name: the cubic crystal, tilt systems, wells of other modes.

    Parameters
    ----------
    crystal : Crystal
    modes : sequence of Mode
        Unstable ones; the tilt systems are those whose tilts are among them.
    wells : sequence of Well

    Returns
    -------
    dict of str to Configuration
    """
    tilts, found = TiltModes.of_crystal(crystal), {}
    kinds = {mode.tilt for mode in modes}
    for name, (in_phase, anti_phase) in TILT_SYSTEMS.items():
        needed = {kind for kind, axes in (("in-phase tilt", in_phase), ("anti-phase tilt", anti_phase)) if any(axes)}
        if needed <= kinds:
            cell = Supercell.from_matrix(np.array(CELLS.get(name, SMALL)))
            angles = TILT * np.array(in_phase, float), TILT * np.array(anti_phase, float)
            found[name] = displaced(crystal, cell, tilts.displacements(*angles, cell))
    by_name = {mode.name: mode for mode in modes}
    for well in wells:
        mode, (amplitude, energy) = by_name[well.mode], well.lowest
        if not mode.tilt and energy < 0:
            pattern = amplitude * np.tensordot(well.direction, mode.patterns, 1)
            found[f"{mode.star} {mode.irrep} {''.join(map(str, well.direction))}"] = displaced(crystal, CELL, pattern)
    return found


def relaxed_phase(name, start, zero, calculator):
    """Relax one state.

    Parameters
    ----------
    name : str
    start : Configuration
    zero : float
        Energy of the relaxed cubic crystal, eV/atom.
    calculator : ase.calculators.calculator.Calculator

    Returns
    -------
    Phase or None
        None if the calculator failed.
    """
    found = relax(start.to_atoms(), calculator, FORCE, STEPS)
    if not np.isfinite(found.energy):
        return None
    energy = (found.energy - zero) * start.crystal.n_sites
    matrix = tuple(map(tuple, start.supercell.matrix.tolist()))
    return Phase(name, found.atoms, float(energy), space_group_of(found.atoms), found.converged, matrix)


def space_group_of(atoms):
    """Symbol of the space group within `SYMPREC`; "?" where spglib finds none."""
    try:
        return symmetry_dataset((atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers), SYMPREC).international
    except AnharmonicError:
        return "?"


def displaced(crystal, supercell, displacements, deformation=None):
    """The reference in a supercell, with displacements (n_sites, 3, n_cells; A)."""
    return replace(Configuration.reference(crystal, supercell, deformation), displacements=displacements)
