"""Bonds, one row each, on all cells at once: strains, and what their derivatives do to sites and cell.

With u at both ends, Delta = u_j - u_i and p = v + Delta, the Green-Lagrange strain of a bond is

    e = (p^T M p / v^2 - 1) / 2,    M = F^T F,

and weights ``w = (dE/de) / v^2`` give ``dE/dDelta = w M p`` and ``dE/dM = w p p^T / 2``.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.evaluation.grid import windows
from anharmonic.evaluation.tables import per_row
from anharmonic.evaluation.windowed import in_chunks


class BondRows(eqx.Module):
    """The distinct bonds of a basis.

    Strains are rows on ``[-before, span + before)``, wherever a cluster that holds a cell of the span has a bond;
    weights on ``[-before, span)``, wherever a bond ends at a cell of the span.

    Attributes
    ----------
    first, second : array, shape (3, n_rows), int32
        Where the windows of both ends begin in the flat displacements, by component.
    vectors : array, shape (n_rows, 3)
        Reference vectors v (A).
    squares : array, shape (n_rows,)
        v^2 (A^2).
    steps : array, shape (n_rows, 3)
        Cells from the first to the second end, along the axes.
    pulling : tuple of array
        For each end of a bond at each site: where its weights begin (n_ends, n_sites), where the displacements of the
        other end do (n_ends, 3, n_sites), and the vector there (n_ends, 3, n_sites; A). Sites with fewer ends
        than others have ends without weight.
    before, span : int
    """

    first: jax.Array
    second: jax.Array
    vectors: jax.Array
    squares: jax.Array
    steps: jax.Array
    pulling: tuple
    before: int = eqx.field(static=True)
    span: int = eqx.field(static=True)

    @classmethod
    def create(cls, crystal, bonds, order, anchors, grid, before):
        """Rows of `bonds` in an `order`; `anchors` are the flat distances of first ends from where bonds stand."""
        sites = np.stack([bonds.first, bonds.second], axis=1)[order]
        offsets, vectors = bonds.offsets[order], bonds.vectors[order]
        places = anchors[order][:, None] + np.stack([np.zeros(len(order), int), offsets @ np.array(grid.pitch)], axis=1)
        first, second = (
            np.array([
                [grid.position(x, s, d - before) for s, d in zip(sites[:, end], places[:, end], strict=True)]
                for x in range(3)
            ])
            for end in (0, 1)
        )  # fmt: skip
        pulling = _pulling(sites, places, vectors, grid, before)
        squares = (vectors**2).sum(axis=1)
        return cls(
            first.astype(np.int32), second.astype(np.int32), vectors, squares, offsets.astype(float), pulling,
            before, grid.span,
        )  # fmt: skip

    def strains(self, flat, metric_tensor):
        """Green-Lagrange strains (n_rows, span + 2 before), from the flat padded displacements."""
        return green_lagrange(self.vectors, self._differences(flat, 0, self.span + 2 * self.before), metric_tensor)

    def pulls(self, flat, weights, grid):
        """Sums ``+- w p`` (3, n_sites, span) of the rows that end at each site, of weights (n_rows, before + span)."""
        weights = jnp.concatenate([weights.reshape(-1), jnp.zeros(self.span, weights.dtype)])
        begin = np.array([[grid.position(x, s) for s in range(grid.n_sites)] for x in range(3)], np.int32)
        own = windows(flat, begin, self.span)

        def add(total, weight, other, vector):
            apart = own - windows(flat, other, self.span) - vector[..., None]
            return total + windows(weights, weight, self.span) * apart

        return in_chunks(add, jnp.zeros_like(own), self.pulling)

    def fluxes(self, flat, weights, owned):
        """Sums ``w p`` over all bonds times the cells they reach across, by component and axis: (3, 3)."""
        weights, counted = weights[:, self.before :], owned.astype(weights.dtype)
        differences = self._differences(flat, self.before, self.span)
        sums = [(weights * (d + v[:, None])) @ counted for d, v in zip(differences, self.vectors.T, strict=True)]
        return jnp.stack(sums) @ self.steps

    def _differences(self, flat, begin, length):
        """Delta (3, n_rows, length) in A, from some position on."""
        return windows(flat, self.second + begin, length) - windows(flat, self.first + begin, length)


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


def _pulling(sites, places, vectors, grid, before):
    """`BondRows.pulling` of bonds between sites (n_rows, 2) at flat places (n_rows, 2)."""
    ends, length = [[] for _ in range(grid.n_sites)], grid.span + before
    for row, (pair, place) in enumerate(zip(sites.tolist(), places.tolist(), strict=True)):
        for here, sign in ((0, 1), (1, -1)):
            there = 1 - here
            away = [grid.position(x, pair[there], place[there] - place[here]) for x in range(3)]
            ends[pair[here]].append((row * length + before - place[here], away, sign * vectors[row]))
    most = max(map(len, ends))
    for site, found in enumerate(ends):
        nothing = len(sites) * length, [grid.position(x, site) for x in range(3)], np.zeros(3)
        found += [nothing] * (most - len(found))
    weights, others, shifts = (np.array([[end[k] for end in found] for found in ends]) for k in range(3))
    others, shifts = (np.moveaxis(x, 0, -1) for x in (others, shifts))
    return weights.T.astype(np.int32), others.astype(np.int32), shifts
