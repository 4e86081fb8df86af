"""Sorted distances from every site to its nearest neighbours."""

import numpy as np
from ase.geometry import minkowski_reduce

from anharmonic.errors import AnharmonicError
from anharmonic.screening.entries import check_structure
from anharmonic.screening.extras import extra

OVERLAP = 0.5
"""Atoms closer than this (A) are on top of each other; the shortest bond, of H2, is 0.74 A."""
MOST_PAIRS = 10_000_000
"""Pairs of atoms that fit into a gigabyte or two."""
SAME = 6
"""Decimals (A) in which the distances of equal sites agree."""
MARGIN = 1.15
"""Radius of the sphere searched, against that of as many atoms at the crystal's density."""


def neighbour_distances(atoms, count):
    """Distances of the `count` nearest neighbours of every kind of site.

    Sites with the same distances, such as equivalent ones, are one kind. The search (vesin) costs less than finding
    the symmetry would, so all sites are searched and the kinds are seen afterwards.

    Parameters
    ----------
    atoms : ase.Atoms
    count : int

    Returns
    -------
    distances : ndarray, shape (n_kinds, count)
        Ascending, A.
    weights : ndarray, shape (n_kinds,)
        Share of the sites of each kind; their sum is 1.

    Raises
    ------
    AnharmonicError
        If the structure is none (`check_structure`), atoms overlap, or there are too many pairs for the memory.
    """
    check_structure(atoms)
    found = _nearest(atoms, count)
    if found[:, 0].min() < OVERLAP:
        raise AnharmonicError(f"two atoms are {found[:, 0].min():.3f} A apart; more than {OVERLAP} A is expected")
    _, first, counts = np.unique(np.round(found, SAME), axis=0, return_index=True, return_counts=True)
    order = np.argsort(first)
    return found[first[order]], counts[order] / len(found)


def _nearest(atoms, count):
    """Sorted distances (n_sites, count) of all sites."""
    sites, distances = spheres(atoms, count, "id")
    counts = np.bincount(sites, minlength=len(atoms))
    distances = distances[np.lexsort((distances, sites))]
    begin = np.cumsum(counts) - counts
    return distances[begin[:, None] + np.arange(count)]


def spheres(atoms, count, quantities):
    """Pairs within a sphere that holds `count` neighbours of every site, or more: it grows until it does.

    Parameters
    ----------
    atoms : ase.Atoms
    count : int
    quantities : str
        As of vesin, "i" (the site) first: "j" the neighbour, "d" the distance (A), "D" the vector.

    Returns
    -------
    tuple of ndarray, shape (n_pairs, ...)

    Raises
    ------
    AnharmonicError
        If there are too many pairs for the memory.
    """
    cell, _ = minkowski_reduce(atoms.cell.array)  # skewed cells have many images within the sphere
    positions = np.linalg.solve(cell.T, atoms.positions.T).T % 1 @ cell
    density = len(atoms) / abs(np.linalg.det(cell))
    radius = MARGIN * (3 * count / (4 * np.pi * density)) ** (1 / 3)
    while True:
        pairs = len(atoms) * density * 4 / 3 * np.pi * radius**3
        if pairs > MOST_PAIRS:
            raise AnharmonicError(
                f"{count} neighbours of {len(atoms)} atoms are some {pairs:.2g} pairs within {radius:.1f} A, "
                f"more than memory is expected to hold ({MOST_PAIRS:.0e}); ask for fewer neighbours (groups)"
            )
        search = extra("vesin").NeighborList(cutoff=radius, full_list=True)
        found = search.compute(points=positions, box=cell, periodic=True, quantities=quantities)
        found = tuple(part.astype(int) if part.dtype.kind == "u" else part for part in found)  # older vesin: unsigned
        if np.bincount(found[0], minlength=len(atoms)).min() >= count:
            return found
        radius *= MARGIN
