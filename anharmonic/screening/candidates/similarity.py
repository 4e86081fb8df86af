"""How far a compound ABX3 is from the standard perovskites, whatever its cell, orientation, size and elements.

Both are scaled to a volume of 1 for each formula unit. For every kind of pair (A-X, B-X, A-B, B-A, A-A, B-B, X-X) the
sorted distances from each site to its nearest atoms of the other kind are averaged over equal shares of the sites: a
GRID by kind of pair. The distance of two crystals is the earth mover's, averaged over ranks and kinds of pairs. Its
unit is the edge of the cube that a formula unit fills: by what share of the lattice constant neighbours are moved.
The paper compares atomic coordinates, which depend on the cell that is chosen; it does not say how.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from anharmonic.screening.candidates.standards import standards
from anharmonic.screening.descriptors.grid import quantiles
from anharmonic.screening.distances.emd import quantile_emd
from anharmonic.screening.perovskites.roles import element_distances, roles

PAIRS = {"AX": 36, "BX": 36, "AB": 32, "BA": 32, "AA": 26, "BB": 26, "XX": 34}
"""Neighbours of each kind, the second of the first: in the cubic perovskite up to some 1.7 lattice constants."""
LEVELS = 12
"""Shares of the sites over which distances are averaged: nothing is lost with 1, 2, 3, 4, 6 or 12 sites."""
MOST_DISTANT = 0.05
"""Distance up to which a compound counts as similar: few known ones are between 0.04 and 0.06 (docs/candidates.md)."""
SEARCHED = 170
"""Atoms of any kind around a site among which these are looked for first."""
EXCHANGED = {"A": "B", "B": "A", "X": "X"}


@dataclass(frozen=True)
class Similarity:
    """The nearest standard.

    Attributes
    ----------
    nearest : Standard
    distance : float
        In lattice constants.
    paper : float
        Distance from the nearest of the paper's three.
    exchanged : bool
        Whether it is nearer with A and B exchanged.
    """

    nearest: object
    distance: float
    paper: float
    exchanged: bool


def pair_grids(atoms, found=None):
    """Distances by kind of pair, of a volume of 1 for each formula unit.

    Parameters
    ----------
    atoms : ase.Atoms
        A compound ABX3 in any cell.
    found : Roles, optional
        If they are known.

    Returns
    -------
    dict of str to ndarray, shape (n_neighbours, 12)
        By kind of pair (`PAIRS`).

    Raises
    ------
    AnharmonicError
        If the structure is no compound ABX3.
    """
    own = dict(zip("ABX", found or roles(atoms), strict=True))
    length = np.cbrt(5 * abs(np.linalg.det(atoms.cell.array)) / len(atoms))
    most = {other: max(count for pair, count in PAIRS.items() if pair[1] == other) for other in own}
    near = {other: element_distances(atoms, own[other], most[other], SEARCHED) / length for other in own}
    found = {}
    for (centre, other), count in PAIRS.items():
        distances = near[other][atoms.numbers == own[centre], :count]
        found[centre + other] = quantiles(distances, np.full(len(distances), 1 / len(distances)), LEVELS)
    return found


def similarity(atoms, found=None):
    """The standard perovskite that a compound is nearest to.

    Parameters
    ----------
    atoms : ase.Atoms
    found : Roles, optional
        If they are known.

    Returns
    -------
    Similarity

    Raises
    ------
    AnharmonicError
        If the structure is no compound ABX3.
    """
    own = pair_grids(atoms, found)
    best = {}
    for standard, known in _known():
        for exchanged in (False, True):
            best[standard, exchanged] = _distance(own, known, exchanged)
    (standard, exchanged), distance = min(best.items(), key=lambda item: item[1])
    paper = min(value for (one, _), value in best.items() if one.paper)
    return Similarity(standard, distance, paper, exchanged)


def _distance(own, known, exchanged):
    """Mean over kinds of pairs of the earth mover's distance; with A and B of the standard exchanged."""
    names = {pair: "".join(EXCHANGED[kind] for kind in pair) if exchanged else pair for pair in own}
    return float(np.mean([quantile_emd(own[pair], known[name]) for pair, name in names.items()]))


@cache
def _known():
    return tuple((standard, pair_grids(standard.atoms)) for standard in standards())
