"""Sums of windows by tables: what clusters read from bonds and sites, and what they give back. No scatter."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.evaluation.grid import windows

CHUNK = 8
"""Windows that one kernel adds up; more are taken chunk by chunk, so that tables of any length compile alike."""


class WindowSums(eqx.Module):
    """For each of some rows, a sum of windows of one flat array.

    Attributes
    ----------
    starts : tuple of array, shape (n_windows, n_rows of the part), int32
        By part: consecutive rows that are sums of equally many windows.
    length : int
        Of a window.
    before : int
        Zeros in front of the first number, where windows may begin.
    """

    starts: tuple
    length: int = eqx.field(static=True)
    before: int = eqx.field(static=True)

    @classmethod
    def create(cls, uses, n_flat, length, before=0):
        """From the windows (list of starts) of each row, in an array of `n_flat` numbers."""
        parts, counts = [], [len(row) for row in uses]
        edges = [0, *(k for k in range(1, len(uses)) if counts[k] != counts[k - 1]), len(uses)]
        for begin, end in zip(edges, edges[1:], strict=False):
            part = np.array(uses[begin:end], np.int32).reshape(end - begin, -1).T
            part = part if len(part) else np.full((1, end - begin), n_flat, np.int32)
            parts.append(part + np.int32(before))
        return cls(tuple(parts), length, before)

    @classmethod
    def padded(cls, uses, n_flat, length):
        """All rows as one part: rows with fewer windows than others add zeros."""
        most = max(1, max(map(len, uses)))
        return cls((np.array([row + [n_flat] * (most - len(row)) for row in uses], np.int32).T,), length, 0)

    def __call__(self, pieces, fence=lambda function: function()):
        """Sums (n_rows, length) over windows of flat arrays, one behind the other."""
        front, back = (jnp.zeros(n, pieces[0].dtype) for n in (self.before, self.length))
        flat = fence(lambda: jnp.concatenate([front, *pieces, back]))
        return jnp.concatenate([self._part(flat, starts) for starts in self.starts])

    def _part(self, flat, starts):
        zero = jnp.zeros((starts.shape[1], self.length), flat.dtype)
        return in_chunks(lambda total, start: total + windows(flat, start, self.length), zero, starts)


class ClusterTable(eqx.Module):
    """The clusters of orbits of equal size: where their bonds and their sites stand.

    Clusters are evaluated on ``[-before, span)``: wherever one can hold a cell of the span.

    Attributes
    ----------
    starts : array, shape (n_pairs, n_clusters), int32
        Where the windows of each cluster's bonds begin in the rows of bonds.
    points : array, shape (n_points, n_clusters), int32
        Where the windows of each cluster's sites begin in fields (n_sites, n_padded).
    sites : WindowSums
        From clusters to the sites that they contain.
    owned : array, shape (length,), bool
        Positions whose clusters count for the supercell: each cluster once.
    """

    starts: jax.Array
    points: jax.Array
    sites: WindowSums
    owned: jax.Array

    @classmethod
    def create(cls, starts, sites, distances, layout):
        """From bonds (n_pairs, n_clusters), and sites and their distances (n_clusters, n_points)."""
        grid, before = layout.grid, layout.before
        length, uses = grid.span + before, [[] for _ in range(grid.n_sites)]
        for cluster, members in enumerate(zip(sites.tolist(), distances.tolist(), strict=True)):
            for site, distance in zip(*members, strict=True):
                uses[site].append(cluster * length + before - distance)
        points = np.array([[grid.position(0, s, d - before) for s, d in zip(*m, strict=True)]
                           for m in zip(sites.tolist(), distances.tolist(), strict=True)])  # fmt: skip
        sums = WindowSums.padded(uses, len(sites) * length, grid.span)
        return cls(starts.astype(np.int32), points.T.astype(np.int32), sums, layout.owned)

    @property
    def length(self):
        """Positions at which clusters are evaluated."""
        return len(self.owned)

    @property
    def n_clusters(self):
        """Clusters per cell."""
        return self.starts.shape[1]

    def of_bonds(self, rows):
        """Values (n_pairs, n_clusters, length) of each cluster's bonds, from rows of all bonds."""
        return windows(rows.reshape(-1), self.starts, self.length)

    def at_sites(self, values):
        """Means over points, summed over the clusters of each site: (m, n_sites, span) of (m, n_clusters, length)."""
        return jnp.stack([self.sites([one.reshape(-1)]) for one in values]) / len(self.points)

    def of_sites(self, field):
        """Means over each cluster's points (m, n_clusters, length) of a field (m, n_sites, n_padded)."""
        first = np.arange(len(field), dtype=np.int32)[:, None] * (field.shape[1] * field.shape[2])
        flat = field.reshape(-1)
        return sum(windows(flat, first + points, self.length) for points in self.points) / len(self.points)

    def total(self, values):
        """Sum of values (..., length) over the clusters of the supercell, each once."""
        return jnp.sum(jnp.where(self.owned, values, 0.0))


def in_chunks(add, total, tables):
    """``add(total, *entries)`` for all entries of `tables` (arrays of one length), some at a time in one kernel."""
    n = len(jax.tree.leaves(tables)[0])

    def chunk(total, part):
        for k in range(len(jax.tree.leaves(part)[0])):
            total = add(total, *jax.tree.leaves(jax.tree.map(lambda x, k=k: x[k], part)))
        return total, None

    whole = n - n % CHUNK if n > CHUNK else 0
    if whole:
        parts = jax.tree.map(lambda x: x[:whole].reshape(-1, CHUNK, *x.shape[1:]), tables)
        total, _ = jax.lax.scan(chunk, total, parts)
    return chunk(total, jax.tree.map(lambda x: x[whole:], tables))[0]
