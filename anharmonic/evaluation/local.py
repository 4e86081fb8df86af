"""Energy changes of single-site displacements, at the cost of the touched clusters only."""

from itertools import combinations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.clusters.metrics import get_strain_metric
from anharmonic.errors import AnharmonicError
from anharmonic.evaluation.bonds import green_lagrange
from anharmonic.evaluation.cluster_sum import ClusterSum
from anharmonic.evaluation.fence import fence
from anharmonic.evaluation.grid import windows


class TouchedClusters(eqx.Module):
    """The clusters of a group of orbits of three or more sites around a given site.

    Attributes
    ----------
    index : array, shape (n_pairs, n_clusters), int32
        Each pair's strain: one of the neighbours', or after those one of the `others`.
    first, second : array, shape (n_others,), int32
        Neighbours between which the other strains are.
    vectors : array, shape (n_others, 3)
        From the first to the second (A).
    function : ClusterExpansions, ClusterFunction or WalledFunction
        One row for each cluster.
    """

    index: jax.Array
    first: jax.Array
    second: jax.Array
    vectors: jax.Array
    function: eqx.Module


class Surroundings(eqx.Module):
    """All that interacts with one site.

    Attributes
    ----------
    sites, offsets : array, shape (n_neighbours,), int32
        The neighbours: their sites, and their cells as indices of `SiteChanges.offsets`.
    vectors : array, shape (n_neighbours, 3)
        To the neighbours (A).
    pairs : array, shape (n_pair_rows,), int32
        The neighbour of each pair.
    functions : PairFunctions or None
        One row for each pair.
    clusters : tuple of TouchedClusters
    """

    sites: jax.Array
    offsets: jax.Array
    vectors: jax.Array
    pairs: jax.Array
    functions: eqx.Module | None
    clusters: tuple


class SiteChanges(eqx.Module):
    """Exact energy changes of displacements of one site in many cells at once.

    The cells must be so far apart that no cluster holds two of the moved sites.

    Attributes
    ----------
    surroundings : tuple of Surroundings
        By site.
    metric : str
    offsets : tuple of tuple of int
        Cells of neighbours.
    """

    surroundings: tuple
    metric: str = eqx.field(static=True)
    offsets: tuple = eqx.field(static=True)

    @classmethod
    def of_evaluator(cls, basis, evaluator):
        """Tables for all sites.

        Raises
        ------
        AnharmonicError
            If the energy is not a sum over clusters (site nets couple clusters, dipoles reach everywhere).
        """
        if not isinstance(evaluator.model, ClusterSum):
            raise AnharmonicError(
                "single-site Monte Carlo needs an energy that is a sum over clusters (models 'polynomial' and "
                "'cluster'); this is a site model: use --method md."
            )
        if evaluator.dipoles is not None:
            raise AnharmonicError(
                "single-site Monte Carlo needs atoms far apart that do not interact; dipoles do: run molecular "
                "dynamics (`anharmonic md`, --method md)."
            )
        offsets = {}
        sites = [_Collector(basis, evaluator, site, offsets) for site in range(basis.crystal.n_sites)]
        surroundings = tuple(site.result() for site in sites)
        return cls(surroundings, basis.metric, tuple(offsets))

    def change(self, site, own, steps, others, metric_tensor):
        """Energy changes (n_moved,) in eV.

        Parameters
        ----------
        site : int
        own, steps : array, shape (3, n_moved)
            Displacements of the site before the move, and the moves (A).
        others : array, shape (3, n_neighbours, n_moved)
            Displacements of its neighbours (A).
        metric_tensor : array, shape (3, 3)
        """
        around, total = self.surroundings[site], jnp.zeros_like(own[0])
        always, moved = metric_tensor[0, 0] > 0, jnp.stack([own, own + steps], axis=1)
        metric = get_strain_metric(self.metric)

        def to_neighbours():
            return metric(green_lagrange(around.vectors, others[:, :, None] - moved[:, None], metric_tensor))

        metrics = fence(always, to_neighbours)
        if around.functions is not None:
            total = total + _change(around.functions(_rows(metrics, around.pairs)))
        for touched in around.clusters:

            def between(touched=touched):
                differences = others[:, touched.second] - others[:, touched.first]
                return metric(green_lagrange(touched.vectors, differences, metric_tensor))

            fixed = fence(always, between)
            pairs = _rows(jnp.concatenate([metrics, jnp.stack([fixed, fixed], axis=1)]), touched.index)
            total = total + _change(touched.function(pairs))
        return total


def _rows(field, index):
    """Rows ``field[index]`` of a field (n, 2, n_moved), as windows: shape (*index.shape, 2, n_moved)."""
    length = field[0].size
    return windows(field.reshape(-1), length * index, length).reshape(*index.shape, *field.shape[1:])


def _change(energies):
    """Sum over rows of energies (n_rows, 2, n_moved) after minus before, (n_moved,); as a product, which is fast."""
    before, after = (jnp.ones(len(energies), energies.dtype) @ energies.reshape(len(energies), -1)).reshape(2, -1)
    return after - before


class _Collector:
    """Builds the `Surroundings` of one site."""

    def __init__(self, basis, evaluator, site, offsets):
        self.basis, self.evaluator, self.site = basis, evaluator, site
        self.offsets, self.neighbours = offsets, {}

    def result(self):
        model, pairs, rows = self.evaluator.model, [], []
        for orbit, of_orbit in model.pair_rows:
            for members, p, cluster in self._members([orbit]):
                pairs.append(self._neighbour(members[1 - p]))
                rows.append(of_orbit[cluster])
        found = [(f, self._members(group)) for f, group in zip(model.functions, model.groups, strict=True)]
        clusters = [self._touched(function, members) for function, members in found if members]
        n = len(self.neighbours)
        clusters = [TouchedClusters(np.where(i < 0, n - 1 - i, i).astype(np.int32), *rest) for i, *rest in clusters]
        functions = model.pairs.of_rows(np.array(rows)) if rows else None
        keys = list(self.neighbours)
        return Surroundings(
            np.array([s for s, _ in keys], np.int32),
            np.array([self.offsets.setdefault(o, len(self.offsets)) for _, o in keys], np.int32),
            self._cast(self._positions(keys) - self._positions([(self.site, (0, 0, 0))])),
            np.array(pairs, np.int32), functions, tuple(clusters),
        )  # fmt: skip

    def _members(self, orbits):
        """``(members, place of the site, number)`` of each cluster of some orbits that has the site in cell 0."""
        sites = np.concatenate([self.basis.orbits[k].sites for k in orbits])
        offsets = np.concatenate([self.basis.orbits[k].offsets for k in orbits])
        return [
            ([(int(s), tuple((x - o[p]).tolist())) for s, x in zip(row, o, strict=True)], p, number)
            for number, (row, o) in enumerate(zip(sites, offsets, strict=True))
            for p in np.flatnonzero(row == self.site)
        ]

    def _neighbour(self, key):
        return self.neighbours.setdefault(key, len(self.neighbours))

    def _touched(self, function, members):
        """Index table with others counted as -1, -2, ..., their ends and vectors, and the clusters' function."""
        others, index = {}, []
        for cluster, p, _ in members:
            column = []
            for a, b in combinations(range(len(cluster)), 2):
                if p in (a, b):
                    column.append(self._neighbour(cluster[a + b - p]))
                else:
                    ends = self._neighbour(cluster[a]), self._neighbour(cluster[b])
                    column.append(-1 - others.setdefault((cluster[a], cluster[b], *ends), len(others)))
            index.append(column)
        first, second, i, j = zip(*others, strict=True)
        vectors = self._cast(self._positions(second) - self._positions(first))
        chosen = function.of_rows(np.array([number for _, _, number in members]))
        return np.array(index).T, np.array(i, np.int32), np.array(j, np.int32), vectors, chosen

    def _positions(self, keys):
        crystal = self.basis.crystal
        return np.array([(crystal.positions[s] + np.array(o)) @ crystal.cell for s, o in keys]).reshape(-1, 3)

    def _cast(self, values):
        return values.astype(self.evaluator.volume.dtype)


def conflicts(basis):
    """Cell offsets at which two copies of any site share a cluster: (n, 3) int array."""
    found = set()
    for orbit in basis.orbits:
        for sites, offsets in zip(orbit.sites, orbit.offsets, strict=True):
            for a, b in combinations(range(orbit.n_points), 2):
                if sites[a] == sites[b]:
                    found.add(tuple((offsets[b] - offsets[a]).tolist()))
    return np.array(sorted(found), int).reshape(-1, 3)
