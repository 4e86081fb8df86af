"""Where bonds and clusters stand on a halo grid: the tables of an evaluation, made once on the host.

A bond is one row of numbers, on all cells at once. It stands at the cell of that of its ends which comes first in the
flat grid, its anchor; a cluster at that of its first site. Seen from a cluster, its bonds are rows that begin later.
"""

from collections import Counter

import numpy as np

from anharmonic.evaluation.bonds import BondRows
from anharmonic.evaluation.windowed import ClusterTable, WindowSums


def reach(basis):
    """Largest distance (3,) in cells along the axes between two sites of a cluster."""
    return np.max([np.ptp(o.offsets, axis=1).max(axis=0) for o in basis.orbits], axis=0)


class Layout:
    """Order and places of the bonds of a basis.

    Parameters
    ----------
    basis : ClusterBasis
    grid : HaloGrid
    in_place : sequence of int
        Pair orbits (indices) whose functions act on the rows of their bonds themselves; these rows come first.

    Attributes
    ----------
    before : int
        Flat distance by which clusters may begin before the span.
    owned : ndarray, shape (before + span,), bool
        Positions whose bonds and clusters count for the supercell: each once.
    """

    def __init__(self, basis, grid, in_place=()):
        self.basis, self.grid, self.in_place = basis, grid, frozenset(in_place)
        self.pitch = np.array(grid.pitch)
        self.before = max(int(np.ptp(self._distances(k), axis=1).max()) for k in range(len(basis.orbits)))
        bonds = basis.bonds
        self.owned = np.concatenate([np.zeros(self.before, bool), grid.owned])
        self.anchors = np.maximum(0, -(bonds.offsets @ self.pitch))
        first = {int(b) for k in in_place for b in bonds.members[k].ravel()}
        others = [k for k in range(len(basis.orbits)) if k not in self.in_place]
        uses = Counter(int(b) for k in others for b in bonds.members[k].ravel())
        self.order = sorted(range(bonds.n_bonds), key=lambda b: (b not in first, -uses[b], b))
        self.rows = np.argsort(self.order)

    def bonds(self, crystal):
        """The `BondRows`."""
        return BondRows.create(crystal, self.basis.bonds, self.order, self.anchors, self.grid, self.before)

    def rows_of(self, orbit):
        """Row of each cluster of a pair orbit."""
        return self.rows[self.basis.bonds.members[orbit][:, 0]]

    def table(self, orbits):
        """`ClusterTable` of the clusters of orbits of equal size, one orbit after the other."""
        reach = self.grid.span + 2 * self.before
        starts = np.concatenate([self.rows[self.basis.bonds.members[k]] * reach + self._delays(k) for k in orbits])
        sites = np.concatenate([self.basis.orbits[k].sites for k in orbits])
        return ClusterTable.create(starts.T, sites, np.concatenate([self._distances(k) for k in orbits]), self)

    def sums(self, groups):
        """`WindowSums` from the pairs of the clusters of groups of orbits to the rows of bonds.

        A bond's windows begin before those of its clusters, in what belongs to the row before: only where nothing of
        the span depends on it.
        """
        uses, width, first = [[] for _ in self.order], self.grid.span + self.before, 0
        for group in groups:
            rows = np.concatenate([self.rows[self.basis.bonds.members[k]] for k in group]).T
            delays = np.concatenate([self._delays(k) for k in group]).T
            for number, (row, delay) in enumerate(zip(rows.ravel(), delays.ravel(), strict=True)):
                uses[row].append((first + number) * width - delay)
            first += rows.size
        return WindowSums.create(uses, first * width, width, self.before)

    def _distances(self, k):
        """Flat distances (n_clusters, n_points) of the sites of an orbit's clusters from the first of them."""
        return self.basis.orbits[k].offsets @ self.pitch - self._lowest(k)

    def _lowest(self, k):
        """Flat distance (n_clusters, 1) of the first site of each of an orbit's clusters."""
        return (self.basis.orbits[k].offsets @ self.pitch).min(axis=1, keepdims=True)

    def _delays(self, k):
        """Flat distances (n_clusters, n_pairs) of the anchors of an orbit's bonds from its clusters."""
        bonds = self.basis.bonds
        return bonds.shifts[k] @ self.pitch - self._lowest(k) - self.anchors[bonds.members[k]]
