"""Harmonic phonons of a crystal: the Hessian of its potential as a phonopy object."""

import numpy as np

from anharmonic.crystal import Supercell
from anharmonic.evaluation.hessian import force_constants
from anharmonic.phonons.cells import PhononCells, default_supercell, unit_state
from anharmonic.potential.library import load


def harmonic_phonons(potential, supercell=None, state=None):
    """Phonons of small displacements around a state, at rest or not.

    The force constants are second derivatives of the potential, exact to rounding, on the supercell: one column for
    each atom and direction of the primitive cell. At wave vectors that fit the supercell the frequencies are those of
    the infinite crystal; between them as well, if the supercell is wide enough (see `default_supercell`). Potentials
    with Born charges get phonopy's non-analytic term (Gonze and Lee, Phys. Rev. B 55, 10355 (1997)).

    Parameters
    ----------
    potential : Potential, str or path
    supercell : sequence of int, 3x3 integer matrix or Supercell, optional
        In reference cells; by default as wide as the interactions, and a multiple of the cell of the state.
    state : Configuration, optional
        A periodic state, such as a relaxed phase; the reference crystal by default.

    Returns
    -------
    Phonopy
        With force constants; frequencies in THz, imaginary ones as negative numbers.

    Raises
    ------
    AnharmonicError
        If the supercell is no multiple of that of the state.
    """
    cells = phonon_cells(potential, supercell, state)
    return cells.with_force_constants(hessian(load(potential), cells))


def phonon_cells(potential, supercell=None, state=None):
    """The `PhononCells` of `harmonic_phonons`."""
    potential = load(potential)
    state = unit_state(potential.crystal) if state is None else state
    if supercell is None:
        supercell = _multiple(default_supercell(potential), state.supercell)
    if not isinstance(supercell, Supercell):
        supercell = Supercell.from_matrix(supercell)
    return PhononCells.of_state(state, supercell, potential.born)


def hessian(potential, cells):
    """Force constants (n_primitive_atoms, n_atoms, 3, 3) in eV/A^2 of `PhononCells`, in phonopy's order."""
    rows = cells.representatives
    columns = force_constants(potential, cells.configuration, cells.sites[rows], cells.cells[rows])
    return np.moveaxis(cells.to_atoms(columns), 1, 2)


def _multiple(lengths, unit):
    """A supercell at least as wide as `lengths` (3,) that is a multiple of another."""
    times = np.ceil(np.linalg.solve(unit.matrix.T, np.array(lengths, float)).round(6))
    if np.count_nonzero(unit.matrix - np.diag(np.diag(unit.matrix))):
        times = np.full(3, max(1, *np.ceil(np.array(lengths) / np.abs(np.diag(unit.hermite)))))
    return Supercell.from_matrix(np.diag(np.maximum(times, 1).astype(int)) @ unit.matrix)
