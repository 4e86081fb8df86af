"""Crystals for phonons: a metal of one atom a cell, and phonopy's own finite displacements with the calculator."""

import builders
from ase import Atoms
from phonopy import Phonopy

from anharmonic.interfaces.calculator import Calculator


def springs_of(crystal, stiffness, pairs=3):
    """Anharmonic springs between the nearest neighbours of a crystal, stiffest first."""
    basis = builders.ClusterBasis(crystal, pairs=pairs, order=4)
    return builders.polynomial(basis, [[0.0, w, -3.0 * w, 20.0 * w] for w in stiffness])


def finite_displacements(potential, phonon, distance=0.01):
    """The phonons that phonopy finds by moving atoms of the cells of `phonon` under the ASE calculator."""
    found = Phonopy(phonon.unitcell, phonon.supercell_matrix, primitive_matrix=phonon.primitive_matrix)
    found.generate_displacements(distance=distance)
    calculator, forces = Calculator(potential, extrapolation="ignore"), []
    for cell in found.supercells_with_displacements:
        atoms = Atoms(cell.symbols, positions=cell.positions, cell=cell.cell, pbc=True, calculator=calculator)
        forces.append(atoms.get_forces())
    found.forces = forces
    found.produce_force_constants()
    return found
