"""Which element of a compound ABX3 is A, which B, which X."""

from dataclasses import dataclass

import numpy as np

from anharmonic.errors import AnharmonicError
from anharmonic.screening.descriptors.neighbours import spheres
from anharmonic.screening.entries import check_structure

OCTAHEDRON = 6
SEARCHED = 30
"""Neighbours within which the six nearest of X are found; the search widens where they are not enough."""


@dataclass(frozen=True)
class Roles:
    """Atomic numbers of A, B and X."""

    a: int
    b: int
    x: int

    def __iter__(self):
        return iter((self.a, self.b, self.x))


def roles(atoms):
    """The roles of the elements of a compound ABX3, in any cell of it.

    X is three fifths of the atoms. Of the other two elements, B is the one whose six nearest X are nearer.

    Parameters
    ----------
    atoms : ase.Atoms

    Returns
    -------
    Roles

    Raises
    ------
    AnharmonicError
        If the structure is none, or no compound ABX3 of three elements.
    """
    check_structure(atoms)
    numbers, counts = np.unique(atoms.numbers, return_counts=True)
    shares = sorted(zip(counts.tolist(), numbers.tolist(), strict=True))
    if [5 * count for count, _ in shares] != [len(atoms), len(atoms), 3 * len(atoms)]:
        formula = atoms.get_chemical_formula("metal", empirical=True)
        raise AnharmonicError(f"a compound ABX3 of three elements is expected; found {formula}")
    cations, x = [number for _, number in shares[:2]], shares[2][1]
    lengths = element_distances(atoms, x, OCTAHEDRON).mean(axis=1)
    b = min(cations, key=lambda number: lengths[atoms.numbers == number].mean())
    return Roles(sum(cations) - b, b, x)


def element_distances(atoms, x, count, searched=SEARCHED):
    """Sorted distances (n_atoms, count) from every atom to its nearest atoms of element `x`, A.

    They are looked for among `searched` atoms of any kind, and among twice as many until there are enough.
    """
    while True:
        i, j, d = spheres(atoms, searched, "ijd")
        order = np.lexsort((d, i))
        i, d = (part[order][atoms.numbers[j[order]] == x] for part in (i, d))
        counts = np.bincount(i, minlength=len(atoms))
        if counts.min() >= count:
            return d[(np.cumsum(counts) - counts)[:, None] + np.arange(count)]
        searched *= 2
