"""Crystals whose free energy is known: from a determinant, or from an integral over four numbers."""

import numpy as np
from ensembles import thermal
from test_double_well import DoubleWell

from anharmonic.crystal import Configuration
from anharmonic.free_energy.exact import kinetic_free_energy


def start(potential, supercell, deformation=None):
    """The reference crystal as a start."""
    return Configuration.reference(potential.crystal, supercell, deformation), "reference"


def masses(potential, supercell):
    """Of all atoms (amu)."""
    return np.repeat(potential.crystal.masses, supercell.n_cells)


def vector_integral(system, temperature, stretch):
    """Integral over the vector between two atoms (A^3) of ``exp(-U / kT)`` at each stretch, and the least U (eV).

    `system` is a `TwoAtoms`; the quadrature is its own, over an octant.
    """
    rows = [np.argmin(abs(system.GRID - s)) for s in np.atleast_1d(stretch)]
    energies = system.energies[rows]
    octants = 8 * 0.65**3
    return octants * np.exp(-energies / thermal(temperature)) @ system.weights


def two_atoms_fixed(system, temperature):
    """Free energy (eV) of two atoms in the undeformed cell.

    The coordinate without translations is the vector between the atoms over the square root of 2.
    """
    integral = vector_integral(system, temperature, 1.0)[0] / 2**1.5
    return -thermal(temperature) * np.log(integral) + kinetic_free_energy(system.crystal.masses, temperature)


def two_atoms_stretched(system, temperature, power=1):
    """The same in an isotropic cell under `system.PRESSURE`: F = (1 + a / sqrt(3)) for the amount a of its mode."""
    over_vector = vector_integral(system, temperature, system.GRID) / 2**1.5
    work = system.PRESSURE * system.crystal.volume * system.GRID**3
    density = over_vector * system.GRID ** (3 * power) * np.exp(-work / thermal(temperature))
    integral = np.sqrt(3) * density.sum() * (system.GRID[1] - system.GRID[0])
    return -thermal(temperature) * np.log(integral) + kinetic_free_energy(system.crystal.masses, temperature)


__all__ = ["DoubleWell", "masses", "start", "two_atoms_fixed", "two_atoms_stretched"]
