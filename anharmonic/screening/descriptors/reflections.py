"""Structure factors of a crystal for X-rays, and the form factors of its atoms.

F(hkl) = sum over the atoms n of f_n(s) exp(2 pi i (h x_n + k y_n + l z_n)), s = sin(theta) / lambda = |S| / 2
(Cumby and Seth, AI4SD report 7 (2021), section 6.1).
"""

from functools import cache

import numpy as np
import spglib
from ase import Atoms

from anharmonic.crystal.symmetry import standardise
from anharmonic.errors import AnharmonicError
from anharmonic.screening.entries import check_structure
from anharmonic.screening.extras import extra

FINEST = 6.0
"""Largest |S| (1/A) of the tabulated form factors, by a wide margin."""
STEP = 0.002
"""Of the table (1/A)."""
SYMPREC = 1e-5


@cache
def _form_factor(number):
    """Form factor of a neutral atom on a grid of |S|: Cromer and Mann's nine parameters, by periodictable."""
    table, cromermann = extra("periodictable"), extra("periodictable.cromermann")
    grid = np.arange(0, FINEST + STEP, STEP)
    return grid, np.asarray(cromermann.fxrayatq(table.elements[number].symbol, 2 * np.pi * grid), float)


def form_factors(numbers, lengths):
    """Form factors (n_lengths, n_atoms), in electrons, of atoms at |S| = lengths (1/A).

    Raises
    ------
    AnharmonicError
        If an element has no tabulated form factor.
    """
    found = {}
    for number in np.unique(numbers):
        try:
            found[number] = np.interp(lengths, *_form_factor(int(number)))
        except (KeyError, ValueError) as error:
            raise AnharmonicError(f"element {number} has no tabulated form factor: {error}") from None
    return np.stack([found[number] for number in numbers], axis=-1)


def structure_factors(atoms, indices):
    """Structure factors and lengths of reciprocal vectors.

    Parameters
    ----------
    atoms : ase.Atoms
    indices : ndarray, shape (n, 3), int
        Miller indices.

    Returns
    -------
    factors : ndarray, shape (n,), complex
        Electrons per cell.
    lengths : ndarray, shape (n,)
        |S| = 1 / d, 1/A.
    """
    lengths = np.linalg.norm(indices @ np.linalg.inv(atoms.cell.array).T, axis=1)
    phases = np.exp(2j * np.pi * (indices @ atoms.get_scaled_positions(wrap=False).T))
    return (form_factors(atoms.numbers, lengths) * phases).sum(axis=1), lengths


def niggli(atoms):
    """The same crystal in its primitive cell, reduced by Niggli's rules (spglib).

    Raises
    ------
    AnharmonicError
        If the structure is none, or its cell cannot be reduced.
    """
    check_structure(atoms)
    cell, positions, numbers = standardise(atoms, primitive=True, symprec=SYMPREC)
    reduced = spglib.niggli_reduce(cell)
    if reduced is None:
        raise AnharmonicError("the cell cannot be reduced: its axes are nearly in a plane")
    return Atoms(numbers, cell=reduced, positions=positions @ cell, pbc=True)


def reflections(atoms, order=4):
    """The Fourier descriptor: densities of charge at the points hkl of the Niggli cell.

    |F| / V for all h, k, l from -order to order, one of each pair hkl and -h-k-l. Depends on the cell that is chosen,
    and so jumps where a small strain changes the reduced cell: `powder` does not.

    Parameters
    ----------
    atoms : ase.Atoms
    order : int

    Returns
    -------
    ndarray, shape (((2 order + 1)^3 + 1) / 2,)
        Electrons/A^3, the mean density first.
    """
    atoms = niggli(atoms)
    indices = np.stack(np.meshgrid(*[np.arange(-order, order + 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    factors, _ = structure_factors(atoms, indices[len(indices) // 2 :])
    return abs(factors) / atoms.get_volume()
