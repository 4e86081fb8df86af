"""Irreducible representations of cluster point groups: symbols, characters, Mulliken labels.

The characters come from phonopy's tables. What is added here is the assignment of Cartesian
operations, in any orientation, to the columns of a table, and the decomposition of a
representation into its irreducible subspaces.

Pairs of complex conjugate one-dimensional irreps (in groups like C4 or T) appear as one real
two-dimensional irrep "E": over the real numbers they cannot be separated.
"""

from collections import Counter
from dataclasses import dataclass
from itertools import permutations, product

import numpy as np
from phonopy.phonon.character_table import character_table as PHONOPY_TABLES

from anharmonic.errors import AnharmonicError

SCHOENFLIES = {
    "1": "C1", "-1": "Ci", "2": "C2", "m": "Cs", "2/m": "C2h", "222": "D2", "mm2": "C2v", "mmm": "D2h",
    "4": "C4", "-4": "S4", "4/m": "C4h", "422": "D4", "4mm": "C4v", "-42m": "D2d", "4/mmm": "D4h",
    "3": "C3", "-3": "C3i", "32": "D3", "3m": "C3v", "-3m": "D3d", "6": "C6", "-6": "C3h", "6/m": "C6h",
    "622": "D6", "6mm": "C6v", "-6m2": "D3h", "6/mmm": "D6h", "23": "T", "m-3": "Th", "432": "O",
    "-43m": "Td", "m-3m": "Oh",
}  # fmt: skip
"""Schoenflies symbols by Hermann-Mauguin symbol."""

AXES = {"C2": 2, "sgyz": 0, "sgvyz": 0, "sgvxz": 1, "C2x": 0, "C2y": 1, "C2'": 0, "sgv": 0}
"""Columns that can be exchanged, in the order in which they choose, with their Cartesian axis."""


@dataclass(frozen=True)
class CharacterTable:
    """Characters of the irreps of a point group, for each operation of a given list.

    Attributes
    ----------
    symbol : tuple of str
        Schoenflies and Hermann-Mauguin symbol, e.g. ``("Oh", "m-3m")``.
    labels : tuple of str, length n_irreps
        Mulliken symbols.
    characters : ndarray, shape (n_irreps, n_operations)
    """

    symbol: tuple
    labels: tuple
    characters: np.ndarray

    @property
    def norms(self):
        """<chi, chi> of each irrep, shape (n_irreps,): 1, or 2 for a pair of complex conjugates."""
        return np.round((self.characters**2).mean(axis=1)).astype(int)

    @property
    def dimensions(self):
        """Dimension of each irrep, shape (n_irreps,)."""
        return np.round(self.characters.max(axis=1)).astype(int)

    def multiplicities(self, characters):
        """How often each irrep occurs in a representation with these characters (n_operations,)."""
        return np.round(self.characters @ np.asarray(characters) / len(characters) / self.norms).astype(int)

    def projectors(self, matrices):
        """Projectors (n_irreps, n, n) on the subspaces of each irrep in a representation.

        `matrices` (n_operations, n, n) are orthogonal; P = d/(|G| <chi, chi>) sum_g chi(g) M(g).
        """
        sums = np.einsum("cg,gij->cij", self.characters, matrices) / len(matrices)
        return sums * (self.dimensions / self.norms)[:, None, None]


def point_group_symbol(rotations):
    """Schoenflies and Hermann-Mauguin symbol, e.g. ``("Oh", "m-3m")``, of a group of rotations.

    Parameters
    ----------
    rotations : array_like, shape (n_operations, 3, 3)
        All operations of the group, in any basis: only their traces and determinants count.

    Raises
    ------
    AnharmonicError
        If these are not the operations of one of the 32 crystallographic point groups.
    """
    found = Counter(_type(rotation) for rotation in rotations)
    for symbol, tables in PHONOPY_TABLES.items():
        if found == Counter(_type(r) for group in tables[0]["mapping_table"].values() for r in group):
            return SCHOENFLIES[symbol], symbol
    raise AnharmonicError(
        f"{len(rotations)} operations with (determinant, trace) {dict(found)} are no crystallographic point group"
    )


def character_table(rotations, fixed_sites=None):
    """Character table of a point group for Cartesian operations in any orientation and order.

    In the groups D2, C2v, D2h, D4, C4v, D4h, D6, C6v, D6h some classes can be exchanged, and with
    them labels such as B1 and B2. The choice follows Mulliken: the class whose operations leave
    more sites of the cluster in place is C2 (z) in D2 and D2h, sigma_yz in C2v and D2h (a planar
    cluster lies in the yz plane), C2' against C2'', and sigma_v against sigma_d. What the sites do
    not decide is decided by the axis closest to the Cartesian axis of that name (C2', sigma_v: x),
    and last by the order of the axes' components.

    Parameters
    ----------
    rotations : array_like, shape (n_operations, 3, 3)
        Orthogonal matrices forming a crystallographic point group, each once.
    fixed_sites : array_like, shape (n_operations,), optional
        Number of sites that each operation leaves in place.

    Returns
    -------
    CharacterTable

    Raises
    ------
    AnharmonicError
        If the operations do not form one of the 32 crystallographic point groups.
    """
    rotations = np.asarray(rotations, float)
    symbol = point_group_symbol(rotations)
    table = PHONOPY_TABLES[symbol[1]][0]
    columns = list(np.atleast_1d(table["rotation_list"]))
    rows = np.array([np.atleast_1d(row) for row in table["character_table"].values()])
    products = _multiplication_table(rotations)
    classes = _classes(products)
    fixed_sites = np.zeros(len(rotations)) if fixed_sites is None else np.asarray(fixed_sites)
    valid = []
    for assignment in _assignments(columns, table["mapping_table"], rotations, classes):
        characters = rows[:, _column_of_operation(assignment, classes, len(rotations))]
        if _is_character_table(characters, products):
            valid.append((_preference(columns, assignment, classes, rotations, fixed_sites), characters))
    if not valid:
        raise AnharmonicError(f"the {len(rotations)} operations do not form the point group {symbol[0]}")
    best = max(valid, key=lambda item: item[0])
    return CharacterTable(symbol, tuple(table["character_table"]), best[1].astype(float))


def _type(rotation):
    """(determinant, trace) of an operation, which tells its kind and order."""
    return round(float(np.linalg.det(rotation))), round(float(np.trace(rotation)))


def _multiplication_table(rotations):
    """Index of the product of every two operations, shape (n, n)."""
    flat = rotations.reshape(len(rotations), 9)
    products = np.einsum("gij,hjk->ghik", rotations, rotations).reshape(-1, 9)
    distances = ((products[:, None] - flat[None]) ** 2).sum(-1)
    if distances.min(axis=1).max() > 1e-4 or len(np.unique(distances.argmin(axis=1))) < len(rotations):
        raise AnharmonicError(f"the {len(rotations)} rotations do not form a group, each operation once")
    return distances.argmin(axis=1).reshape(len(rotations), len(rotations))


def _classes(products):
    """Conjugacy classes, each joined with that of the inverses: list of sorted index arrays."""
    identity = int(np.flatnonzero(np.diag(products) == np.arange(len(products)))[0])
    inverse = np.argmax(products == identity, axis=1)
    everything = np.arange(len(products))
    found = {
        tuple(sorted({int(products[products[h, k], inverse[h]]) for h in everything for k in (g, inverse[g])}))
        for g in everything
    }
    return [np.array(members) for members in sorted(found)]


def _assignments(columns, mapping, rotations, classes):
    """All ways to give each column a class of the same kind and size: lists of class indices."""
    kinds = [(*_type(rotations[members[0]]), len(members)) for members in classes]
    wanted = [(*_type(mapping[column][0]), len(mapping[column])) for column in columns]
    groups = [
        ([c for c, w in enumerate(wanted) if w == kind], [k for k, found in enumerate(kinds) if found == kind])
        for kind in dict.fromkeys(wanted)
    ]
    if any(len(slots) != len(options) for slots, options in groups):
        return
    for choice in product(*(permutations(options) for _, options in groups)):
        assignment = [0] * len(columns)
        for (slots, _), chosen in zip(groups, choice, strict=True):
            for slot, k in zip(slots, chosen, strict=True):
                assignment[slot] = k
        yield assignment


def _column_of_operation(assignment, classes, n_operations):
    """Column of the table for each operation, shape (n_operations,)."""
    column = np.empty(n_operations, int)
    for c, k in enumerate(assignment):
        column[classes[k]] = c
    return column


def _is_character_table(characters, products):
    """Whether all one-dimensional rows are homomorphisms: chi(g) chi(h) = chi(gh)."""
    one = characters[characters.max(axis=1) == 1]
    return np.array_equal(one[:, :, None] * one[:, None, :], one[:, products])


def _preference(columns, assignment, classes, rotations, fixed_sites):
    """Sort key of an assignment, the largest is taken (see `character_table`)."""
    chosen = [(axis, classes[assignment[columns.index(c)]]) for c, axis in AXES.items() if c in columns]
    axes = [np.array([_axis(rotations[g]) for g in members]) for _, members in chosen]
    return (
        [int(fixed_sites[members[0]]) for _, members in chosen],
        [float(np.round(np.abs(a[:, axis]).max(), 6)) for (axis, _), a in zip(chosen, axes, strict=True)],
        [max(np.round(a, 6).tolist()) for a in axes],
    )


def _axis(rotation):
    """Axis of a rotation or normal of a mirror, its first nonzero component positive."""
    proper = rotation * np.sign(np.linalg.det(rotation))
    axis = np.linalg.svd(proper - np.eye(3))[2][-1]
    return axis * np.sign(axis[np.abs(axis) > 1e-6][0])
