"""Bonds: the distinct pairs of sites whose lengths the clusters of a basis are made of."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np


@dataclass(frozen=True)
class Bonds:
    """Distinct pairs of sites per reference cell, and how the clusters refer to them.

    Attributes
    ----------
    first, second : ndarray, shape (n_bonds,), int
        Sites at the two ends; the first lies in the bond's own cell.
    offsets : ndarray, shape (n_bonds, 3), int
        Cell of the second site relative to the bond's own.
    vectors : ndarray, shape (n_bonds, 3)
        Reference vectors (A).
    members : tuple of ndarray, shape (n_clusters, n_pairs), int
        For each orbit, the bond of each pair of each cluster.
    shifts : tuple of ndarray, shape (n_clusters, n_pairs, 3), int
        For each orbit, the cell of that bond relative to the cluster's own.
    """

    first: np.ndarray
    second: np.ndarray
    offsets: np.ndarray
    vectors: np.ndarray
    members: tuple
    shifts: tuple

    @classmethod
    def of_orbits(cls, crystal, orbits):
        """Collect the bonds of all clusters; pair orbits come first and keep their order."""
        table, members, shifts = {}, [], []
        for orbit in orbits:
            pairs = list(combinations(range(orbit.n_points), 2))
            found = [
                [_bond(s[a], o[a], s[b], o[b]) for a, b in pairs]
                for s, o in zip(orbit.sites.tolist(), orbit.offsets.tolist(), strict=True)
            ]
            members.append(np.array([[table.setdefault(bond, len(table)) for bond, _ in row] for row in found]))
            shifts.append(np.array([[shift for _, shift in row] for row in found]))
        first, second, offsets = (np.array(column) for column in zip(*table, strict=True))
        vectors = (crystal.positions[second] + offsets - crystal.positions[first]) @ crystal.cell
        return cls(first, second, offsets, vectors, tuple(members), tuple(shifts))

    @property
    def n_bonds(self):
        """Number of bonds per reference cell."""
        return len(self.first)

    @property
    def lengths(self):
        """Reference lengths (A), shape (n_bonds,)."""
        return np.linalg.norm(self.vectors, axis=1)


def _bond(site_a, cell_a, site_b, cell_b):
    """Canonical bond ``(first, second, offset)`` and the cell it is anchored in."""
    forward = tuple(b - a for a, b in zip(cell_a, cell_b, strict=True))
    if (site_a, (0, 0, 0)) < (site_b, forward):
        return (site_a, site_b, forward), tuple(cell_a)
    return (site_b, site_a, tuple(-x for x in forward)), tuple(cell_b)
