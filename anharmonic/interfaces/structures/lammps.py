"""Data files of LAMMPS: units metal, atom style atomic, a box of restricted triangular shape.

The box has a along x and b in the xy plane (LAMMPS manual, "Triclinic (non-orthogonal) simulation boxes"): the whole
structure turns with it, positions and velocities. Tilts are at most half of an edge: the same lattice, shorter vectors.
"""

import numpy as np
from ase import units

PS = 1000 * units.fs
ORTHOGONAL = 1e-10
"""Tilts below this share of an edge are rounding."""


def write_lammps(path, atoms, title=""):
    """Write types in the order in which the elements appear, masses (amu), positions (A) and velocities (A/ps).

    Parameters
    ----------
    path : path
    atoms : ase.Atoms
        Isotopes of an element are types of their own; velocities are written if there are momenta.
    title : str
    """
    box, turn = triangular(atoms.cell.array)
    each = list(zip(atoms.get_chemical_symbols(), atoms.get_masses(), strict=True))
    kinds = {kind: number for number, kind in enumerate(dict.fromkeys(each), start=1)}
    lines = [_first_line(title, kinds), "", f"{len(atoms)} atoms", f"{len(kinds)} atom types", "", *_box(box)]
    lines += ["", "Masses", "", *(f"{number} {mass:.10g} # {symbol}" for (symbol, mass), number in kinds.items())]
    rows = enumerate(zip(each, atoms.positions @ turn.T, strict=True), start=1)
    lines += ["", "Atoms # atomic", "", *(f"{k} {kinds[kind]} {_numbers(place)}" for k, (kind, place) in rows)]
    if atoms.has("momenta"):
        velocities = atoms.get_velocities() * PS @ turn.T
        lines += ["", "Velocities", "", *(f"{k} {_numbers(v)}" for k, v in enumerate(velocities, start=1))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def triangular(cell):
    """The box of a lattice in LAMMPS's frame.

    Parameters
    ----------
    cell : ndarray, shape (3, 3)
        Row vectors (A), of either handedness.

    Returns
    -------
    box : ndarray, shape (3, 3)
        Row vectors (A), lower triangular with a positive diagonal; off-diagonal elements are at most half of the
        diagonal element in their column.
    turn : ndarray, shape (3, 3)
        Rotation from the frame of `cell` to that of `box`.
    """
    cell = cell * np.sign(np.linalg.det(cell))  # the same lattice, right-handed
    box = np.linalg.cholesky(cell @ cell.T)
    turn = np.linalg.solve(cell, box).T
    for i, j in ((1, 0), (2, 1), (2, 0)):
        box[i] -= np.round(box[i, j] / box[j, j] * (1 - ORTHOGONAL)) * box[j]
    return box, turn


def _first_line(title, kinds):
    """LAMMPS takes the first line for a comment."""
    types = ", ".join(f"{number} {symbol}" for (symbol, _), number in kinds.items())
    return f"{title or 'written by anharmonic'}; units metal; types {types}"


def _box(box):
    """Lines of the header; the tilts only of boxes that have some."""
    yield from (f"0 {box[k, k]:.12g} {axis}lo {axis}hi" for k, axis in enumerate("xyz"))
    tilts = np.array([box[1, 0], box[2, 0], box[2, 1]])
    if (abs(tilts) > ORTHOGONAL * box[0, 0]).any():
        yield f"{_numbers(tilts)} xy xz yz"


def _numbers(values):
    return " ".join(f"{value:.12g}" for value in values)
