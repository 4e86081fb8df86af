"""Energies that are sums over clusters: polynomial expansions and cluster nets."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.evaluation.expansions import ClusterExpansions
from anharmonic.evaluation.many_body import ClusterFunction
from anharmonic.evaluation.pairs import PairFunctions
from anharmonic.evaluation.walled import ClusterWalls, WalledFunction
from anharmonic.evaluation.windowed import WindowSums
from anharmonic.potential import precision
from anharmonic.potential.models import Expansion
from anharmonic.potential.walls import unwalled

TABLE_RANGE = 1.5
"""In float32, pair nets become tables on this multiple of the fitted range, around its middle."""

JOINED = 3
"""Expansions of clusters of up to so many sites are evaluated together."""


class ClusterSum(eqx.Module):
    """Functions of clusters (eq. 12 with eq. 2 or eq. 13), of the metrics of their bonds.

    Attributes
    ----------
    pairs : PairFunctions or None
        Of the first rows of bonds, in their order.
    functions : tuple of ClusterExpansions, ClusterFunction or WalledFunction
        By group of orbits of larger clusters.
    tables : tuple of ClusterTable
        By group.
    sums : WindowSums
        From the pairs of these clusters to the rows of bonds.
    owned : array, shape (before + span,), bool
        Positions whose pairs count for the supercell.
    groups : tuple of tuple of int
        The orbits (indices) of each group.
    pair_rows : tuple
        ``(orbit, row of each cluster)`` of the pairs.
    """

    pairs: PairFunctions | None
    functions: tuple
    tables: tuple
    sums: WindowSums
    owned: jax.Array
    groups: tuple = eqx.field(static=True)
    pair_rows: tuple = eqx.field(static=True)

    @classmethod
    def of_potential(cls, potential, layout, tabulate):
        """Functions of a `ClusterModel`; `tabulate` allows tables for pair nets, where the fitted ranges are known."""
        groups = _groups(potential)
        with precision("float64"):
            pairs = _pairs(potential, layout, tabulate) if layout.in_place else None
            functions = tuple(_function(potential, group) for group in groups)
        rows = tuple((k, tuple(layout.rows_of(k).tolist())) for k in sorted(layout.in_place))
        tables = tuple(map(layout.table, groups))
        return cls(pairs, functions, tables, layout.sums(groups), layout.owned, groups, rows)

    def __call__(self, metrics, grid, fence):
        """Energy (eV), and its derivatives (eV) by the metrics of all bonds (n_rows, span + before).

        Parameters
        ----------
        metrics : array, shape (n_rows, span + 2 before)
        grid : HaloGrid
        fence : callable
            Gives the result of a function, computed once and written out (see `anharmonic.evaluation.fence`).
        """
        energy, of_pairs, flat = 0.0, None, []
        if self.pairs is not None:
            f = metrics[: len(self.pairs.lower), : self.sums.length]
            energy = jnp.sum(jnp.where(self.owned, self.pairs(f), 0.0))
            of_pairs = self.pairs.derivative(f)
        for function, table in zip(self.functions, self.tables, strict=True):
            own_metrics = fence(lambda table=table: table.of_bonds(metrics))
            psi, by_metric = fence(lambda f=function, m=own_metrics: f.with_derivative(m))
            energy = energy + table.total(psi)
            flat += [slopes.reshape(-1) for slopes in by_metric]
        if not self.functions:
            return energy, of_pairs
        total = self.sums(flat, fence)
        if of_pairs is not None:
            n = len(of_pairs)
            total = jnp.concatenate([total[:n] + of_pairs, total[n:]])
        return energy, total


def table_ranges(potential):
    """By orbit, the limits of the metric of a pair's table; None for larger clusters."""
    result = []
    for orbit, limits, features in zip(
        potential.basis.orbits, potential.ranges, potential.lattice.features.orbits, strict=True
    ):
        lower, upper = np.sort(features.ccd[0, 0] * limits[0])
        half = 0.5 * TABLE_RANGE * (upper - lower)
        result.append((0.5 * (lower + upper) - half, 0.5 * (lower + upper) + half) if orbit.n_points == 2 else None)
    return result


def _groups(potential):
    """Orbits (indices) of more than two sites that are evaluated together: expansions of small clusters."""
    orbits, terms = potential.basis.orbits, potential.model.terms
    large = [k for k, orbit in enumerate(orbits) if orbit.n_points > 2]
    joined = {}
    for k in large:
        together = orbits[k].n_points <= JOINED and isinstance(unwalled(terms[k])[0], Expansion)
        joined.setdefault(("joined", orbits[k].n_points) if together else k, []).append(k)
    return tuple(map(tuple, joined.values()))


def _function(potential, group):
    """The function of a group."""
    features = [potential.lattice.features.orbits[k] for k in group]
    terms, walls = zip(*(unwalled(potential.model.terms[k]) for k in group), strict=True)
    counts = [potential.basis.orbits[k].n_clusters for k in group]
    if potential.basis.orbits[group[0]].n_points > JOINED or not isinstance(terms[0], Expansion):
        function = ClusterFunction.of_term(terms[0], features[0])
    else:
        function = ClusterExpansions.of_terms(terms, features, counts)
    known = any(wall is not None for wall in walls)
    return WalledFunction(function, ClusterWalls.of_walls(walls, features, counts)) if known else function


def _pairs(potential, layout, tabulate):
    """Functions of the rows of bonds that are pairs themselves."""
    basis, orbits = potential.basis, sorted(layout.in_place)
    ranges = table_ranges(potential) if tabulate and potential.ranges else None
    limits = None if ranges is None else np.array([ranges[k] for k in orbits])
    terms, features = (
        [potential.model.terms[k] for k in orbits],
        [potential.lattice.features.orbits[k] for k in orbits],
    )
    functions = PairFunctions.of_terms(terms, features, [basis.orbits[k].n_clusters for k in orbits], limits)
    return functions.of_rows(np.argsort(np.concatenate([layout.rows_of(k) for k in orbits])))
