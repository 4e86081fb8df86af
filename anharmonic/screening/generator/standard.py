"""One setting of a crystal: its cell, origin and order of atoms, chosen so that equal crystals become equal arrays."""

from functools import cache
from itertools import product

import numpy as np
from ase import Atoms
from ase.geometry import cell_to_cellpar, cellpar_to_cell

from anharmonic.screening.descriptors.reflections import niggli
from anharmonic.screening.perovskites.roles import roles

GRID = 10_000
"""Steps of a fractional coordinate that decide the order."""
SAME = 1e-3
"""Relative difference of scalar products up to which two bases of a lattice count as the same."""


def standard_setting(atoms):
    """A compound ABX3 in its standard setting.

    The primitive cell, reduced by Niggli's rules, with the first vector along x and the second in the xy plane; a B at
    the origin; A first, then B, then X, each sorted by coordinates. Where several bases of the lattice have the same
    metric, or there are several B, the smallest coordinates in the order of reading decide. Handedness is kept.

    Parameters
    ----------
    atoms : ase.Atoms

    Returns
    -------
    ase.Atoms
        Coordinates from 0 to 1 (excluded), to within half a step of 1e-4.

    Raises
    ------
    AnharmonicError
        If the structure is no compound ABX3 of three elements, or its cell cannot be reduced.
    """
    own = list(roles(atoms))
    atoms = niggli(atoms)
    cell, coordinates = atoms.cell.array, atoms.get_scaled_positions(wrap=False)
    cell = cell * np.sign(np.linalg.det(cell))  # the inverted basis has the inverted coordinates
    coordinates = np.linalg.solve(cell.T, atoms.positions.T).T
    rank = np.array([own.index(number) for number in atoms.numbers])
    bases = _same_bases(cell)
    cell, coordinates, order = _smallest(cell, coordinates, rank, bases)
    steps = np.rint(coordinates * GRID) // GRID
    return Atoms(
        atoms.numbers[order], cell=cellpar_to_cell(cell_to_cellpar(cell)),
        scaled_positions=(coordinates - steps)[order], pbc=True,
    )  # fmt: skip


def _smallest(cell, coordinates, rank, bases):
    """Cell, coordinates and order of the atoms for the basis and the origin with the smallest coordinates."""
    turned = np.einsum("nk,mkl->mnl", coordinates, np.linalg.inv(bases))
    origins = turned[:, rank == 1]
    found = turned[:, None] - origins[:, :, None]  # (bases, origins, atoms, 3)
    x, y, z = np.moveaxis(np.rint(found * GRID).astype(np.int64) % GRID, -1, 0)
    keys = ((rank * GRID + x) * GRID + y) * GRID + z
    order = np.argsort(keys, axis=-1)
    every = np.take_along_axis(keys, order, axis=-1)
    flat = every.reshape(-1, every.shape[-1])
    basis, origin = np.unravel_index(np.lexsort(flat.T[::-1])[0], every.shape[:2])
    return bases[basis] @ cell, found[basis, origin], order[basis, origin]


@cache
def _unimodular():
    """Matrices (3480, 3, 3) of -1, 0 and 1 with determinant 1."""
    every = np.array(list(product((-1, 0, 1), repeat=9))).reshape(-1, 3, 3)
    return every[np.rint(np.linalg.det(every)) == 1]


def _same_bases(cell):
    """Integer matrices (n, 3, 3) that turn a reduced basis into one of the same handedness and metric."""
    metric = cell @ cell.T
    others = np.einsum("mij,jk,mlk->mil", _unimodular(), metric, _unimodular(), optimize=True)
    return _unimodular()[abs(others - metric).max(axis=(1, 2)) < SAME * metric.max()]
