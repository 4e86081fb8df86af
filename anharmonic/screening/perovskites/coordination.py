"""Perovskite or not, by the number of anions around the cations.

Effective coordination numbers after Hoppe, Z. Kristallogr. 150, 23 (1979): a bond of length d has the weight
w = exp(1 - (d / d_w)^6), where d_w is the mean length weighted by w, and the sum of the weights of an atom is its ECoN.
It is 12 and 6 in a cubic perovskite, but falls with every distortion: GdFeO3 has 7.0 and 6.0, PbTiO3 8.2 and 4.8.
What is compared with the criterion is therefore the number of bonds: of neighbours whose weight is at least `BOND`.
GdFeO3 has 8 and 6, PbTiO3 12 and 6.
"""

from collections import Counter
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from anharmonic.screening.descriptors.neighbours import spheres
from anharmonic.screening.perovskites.roles import element_distances, roles

SEARCHED, AROUND = 24, 60
"""Anions that may be bonded, and atoms of any kind among which the bonded ones are."""
BOND = 0.05
"""Least weight of a bond: its length is 1.26 d_w."""
LONGEST = (1 - np.log(BOND)) ** (1 / 6)
A_SITE, B_SITE = (8, 12), 6
"""Coordination of a perovskite (Williams, Mukherjee and Rajan): of one cation from 8 to 12, of the other 6."""
SHARING = ("none", "corners", "edges", "faces")


@dataclass(frozen=True)
class Coordination:
    """Anions around the cations of a compound ABX3.

    Attributes
    ----------
    a, b : tuple of int
        Bonds of the least and the most coordinated site of A, and of B.
    econ_a, econ_b : float
        Hoppe's effective coordination numbers, means over the sites.
    sharing : str
        Most anions that two polyhedra around B have in common: of `SHARING` none, one, two, or more.
    """

    a: tuple
    b: tuple
    econ_a: float
    econ_b: float
    sharing: str

    @property
    def perovskite(self):
        """Whether one cation has 8 to 12 anions on all of its sites, and the other 6."""
        return any(A_SITE[0] <= large[0] and large[1] <= A_SITE[1] and small == (B_SITE, B_SITE)
                   for large, small in permutations((self.a, self.b)))  # fmt: skip

    @property
    def corners(self):
        """Whether the polyhedra around B share corners only."""
        return self.sharing == SHARING[1]


def coordination(atoms, found=None):
    """Coordination of A and B by X.

    Parameters
    ----------
    atoms : ase.Atoms
        A compound ABX3 in any cell.
    found : Roles, optional
        If they are known.

    Returns
    -------
    Coordination

    Raises
    ------
    AnharmonicError
        If the structure is no compound ABX3.
    """
    found = found or roles(atoms)
    distances = element_distances(atoms, found.x, SEARCHED)
    weights, mean = bond_weights(distances)
    econ, bonds = weights.sum(axis=1), (weights >= BOND).sum(axis=1)
    on_a, on_b = atoms.numbers == found.a, atoms.numbers == found.b
    counts = [(int(bonds[on].min()), int(bonds[on].max())) for on in (on_a, on_b)]
    shared = _most_shared(atoms, found, LONGEST * mean)
    return Coordination(*counts, float(econ[on_a].mean()), float(econ[on_b].mean()), SHARING[min(shared, 3)])


def is_perovskite(atoms):
    """Whether a structure meets the criterion of `Coordination.perovskite`.

    The criterion counts anions and nothing else. It cannot see how octahedra are joined: post-perovskites (8 and 6,
    edges) and the hexagonal stacking of BaNiO3 (12 and 6, faces) meet it as well. `Coordination.corners` tells them.

    Parameters
    ----------
    atoms : ase.Atoms
        A compound ABX3 in any cell.

    Returns
    -------
    bool

    Raises
    ------
    AnharmonicError
        If the structure is no compound ABX3.
    """
    return coordination(atoms).perovskite


def bond_weights(distances):
    """Hoppe's weights of the bonds of every atom, iterated until d_w is consistent with them.

    Parameters
    ----------
    distances : ndarray, shape (n, m)
        Ascending, A.

    Returns
    -------
    weights : ndarray, shape (n, m)
    mean : ndarray, shape (n,)
        d_w, A.
    """
    mean = distances[:, :1]
    for _ in range(200):
        weights = np.exp(1 - (distances / mean) ** 6)
        before, mean = mean, (weights * distances).sum(axis=1, keepdims=True) / weights.sum(axis=1, keepdims=True)
        if np.allclose(before, mean, rtol=1e-12, atol=0):
            break
    return np.exp(1 - (distances / mean) ** 6), mean[:, 0]


def _most_shared(atoms, found, longest):
    """Most X that are bonded to the same two B; `longest` (n_atoms,) is the length of the longest bond of each, A."""
    i, j, length, shift = spheres(atoms, AROUND, "ijdS")
    bonded = (atoms.numbers[i] == found.b) & (atoms.numbers[j] == found.x) & (length <= longest[i])
    around = {}
    for b, x, s in zip(i[bonded].tolist(), j[bonded].tolist(), shift[bonded], strict=True):
        around.setdefault(x, []).append((b, s))
    pairs = Counter()
    for ends in around.values():
        pairs.update((b, c, *(t - s).tolist()) for (b, s), (c, t) in permutations(ends, 2))
    return max(pairs.values(), default=0)
