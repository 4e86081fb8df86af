"""Pairs of sites, one row each, on all cells at once: strains, and what their derivatives do to sites and cell.

A row is a pair of sites of a cluster, seen from the cluster's cell n. With u at both
ends, Delta = u_j - u_i and p = v + Delta, its Green-Lagrange strain is

    e = (p^T M p / v^2 - 1) / 2,    M = F^T F,

and weights ``w = (dE/de) / v^2`` give ``dE/dDelta = w M p`` and ``dE/dM = w p p^T / 2``.
"""

from itertools import combinations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.evaluation.grid import windows
from anharmonic.evaluation.tables import per_row


class Rows(eqx.Module):
    """The pairs of the clusters of some orbits of equal size: row ``pair * n_clusters + cluster``.

    Rows are evaluated on ``[-before, span)``: wherever a cluster can hold a cell of the span.

    Attributes
    ----------
    first, second : array, shape (3, n_rows), int32
        Where the windows of both ends begin in the flat displacements, by component.
    vectors : array, shape (n_rows, 3)
        Reference vectors v (A).
    squares : array, shape (n_rows,)
        v^2 (A^2).
    owned : array, shape (length,), bool
        Positions whose clusters count for the supercell: each cluster once.
    ends : tuple
        ``(site, distance, site, distance)`` of each row's ends.
    steps : tuple
        Cells from the first to the second end of each row, along the axes.
    members : tuple
        ``(site, distance)`` of each cluster's points, by cluster.
    before, span, n_clusters : int
    """

    first: jax.Array
    second: jax.Array
    vectors: jax.Array
    squares: jax.Array
    owned: jax.Array
    ends: tuple = eqx.field(static=True)
    steps: tuple = eqx.field(static=True)
    members: tuple = eqx.field(static=True)
    before: int = eqx.field(static=True)
    span: int = eqx.field(static=True)

    @classmethod
    def of_orbits(cls, crystal, orbits, grid):
        """Rows of the clusters of `orbits`, one orbit after the other."""
        sites = np.concatenate([orbit.sites for orbit in orbits])
        offsets = np.concatenate([orbit.offsets for orbit in orbits])
        pairs = list(combinations(range(sites.shape[1]), 2))
        distances = offsets @ np.array(grid.pitch)
        distances = distances - distances.min(axis=1, keepdims=True)
        before = int(distances.max())
        positions = (crystal.positions[sites] + offsets) @ crystal.cell
        vectors = np.concatenate([positions[:, b] - positions[:, a] for a, b in pairs])
        ends = [
            (int(sites[c, a]), int(distances[c, a]), int(sites[c, b]), int(distances[c, b]))
            for a, b in pairs
            for c in range(len(sites))
        ]
        steps = tuple(tuple((o[b] - o[a]).tolist()) for a, b in pairs for o in offsets)
        first, second = (
            np.array([[grid.position(x, e[k], e[k + 1] - before) for e in ends] for x in range(3)]) for k in (0, 2)
        )
        owned = np.concatenate([np.zeros(before, bool), grid.owned])
        members = tuple(tuple(zip(s.tolist(), d.tolist(), strict=True)) for s, d in zip(sites, distances, strict=True))
        return cls(
            first.astype(np.int32), second.astype(np.int32), vectors, (vectors**2).sum(axis=1), owned,
            tuple(ends), steps, members, before, grid.span,
        )  # fmt: skip

    @property
    def length(self):
        """Positions at which rows are evaluated."""
        return self.before + self.span

    @property
    def n_clusters(self):
        """Clusters of all orbits per cell."""
        return len(self.members)

    def differences(self, flat):
        """Delta (3, n_rows, length) in A, from the flat padded displacements."""
        return windows(flat, self.second, self.length) - windows(flat, self.first, self.length)

    def strains(self, flat, metric_tensor):
        """Green-Lagrange strains (n_rows, length)."""
        return green_lagrange(self.vectors, self.differences(flat), metric_tensor)

    def pulls(self, flat, weights, grid):
        """Terms of ``sum +- w p`` over the rows that end at each site: lists of (span,) by component (3) and site."""
        n_sites = grid.n_sites
        pulls, totals = [[[] for _ in range(n_sites)] for _ in range(3)], [[] for _ in range(n_sites)]
        for row, (i, d_i, j, d_j) in enumerate(self.ends):
            for here, d_here, there, d_there, sign in ((i, d_i, j, d_j, 1), (j, d_j, i, d_i, -1)):
                weight = self._weight(weights, row, d_here)
                totals[here].append(weight)
                for x in range(3):
                    other = grid.window(flat, x, there, d_there - d_here)
                    pulls[x][here].append(-weight * (other + sign * self.vectors[row, x]))
        for site, terms in enumerate(totals):
            for x in range(3):
                pulls[x][site].append(sum(terms, jnp.zeros((), flat.dtype)) * grid.window(flat, x, site))
        return pulls

    def fluxes(self, flat, weights, grid):
        """Terms ``w p`` of rows times the cells they reach across: lists of (span,) by component (3) and axis (3)."""
        fluxes = [[[] for _ in range(3)] for _ in range(3)]
        for row, (i, d_i, j, d_j) in enumerate(self.ends):
            for axis in np.flatnonzero(self.steps[row]):
                weight = self.steps[row][axis] * self._weight(weights, row, 0)
                for x in range(3):
                    difference = grid.window(flat, x, j, d_j) - grid.window(flat, x, i, d_i)
                    fluxes[x][axis].append(weight * (difference + self.vectors[row, x]))
        return fluxes

    def _weight(self, weights, row, distance):
        """Weights (span,) of the clusters that stand `distance` before each cell."""
        return weights[row, self.before - distance : self.before - distance + self.span]

    def total(self, values):
        """Sum of values (..., length) over the clusters of the supercell, each once."""
        return jnp.sum(jnp.where(self.owned, values, 0.0))

    def per_cluster(self, values):
        """Row values (n_rows, length) as (n_pairs, n_clusters, length)."""
        return values.reshape(-1, self.n_clusters, self.length)


def green_lagrange(vectors, differences, metric_tensor):
    """Strains (n, ...) of pairs with reference vectors (n, 3) and displacement differences (3, n, ...).

    Expanded so that no large numbers are subtracted.
    """
    x, y, z = differences
    stretched, c = vectors @ metric_tensor, 0.5 * metric_tensor
    along = [per_row(column, x) for column in stretched.T]
    homogeneous = 0.5 * jnp.sum((stretched - vectors) * vectors, axis=1)
    total = x * (c[0, 0] * x + 2 * c[0, 1] * y + along[0]) + per_row(homogeneous, x)
    total = total + y * (c[1, 1] * y + 2 * c[1, 2] * z + along[1])
    total = total + z * (c[2, 2] * z + 2 * c[0, 2] * x + along[2])
    return total / per_row(jnp.sum(vectors**2, axis=1), x)
