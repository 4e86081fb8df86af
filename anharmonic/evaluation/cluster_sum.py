"""Energies that are sums over clusters: polynomial expansions and cluster nets."""

import equinox as eqx
import numpy as np

from anharmonic.evaluation.many_body import ClusterFunction
from anharmonic.evaluation.pairs import PairFunctions
from anharmonic.potential import precision

TABLE_RANGE = 1.5
"""In float32, pair nets become tables on this multiple of the fitted range, around its middle."""


class ClusterSum(eqx.Module):
    """One function for each group of rows (eq. 12 with eq. 2 or eq. 13).

    Attributes
    ----------
    functions : tuple of PairFunctions or ClusterFunction
    """

    functions: tuple

    @classmethod
    def of_potential(cls, potential, groups, tabulate):
        """Functions of a `ClusterModel` for groups of orbits, given by their indices.

        `tabulate` allows tables for pair nets, where the fitted ranges are known.
        """
        basis, features, terms = potential.basis, potential.lattice.features.orbits, potential.model.terms
        ranges = table_ranges(potential) if tabulate and potential.ranges else None

        def function(group):
            if basis.orbits[group[0]].n_points > 2:
                return ClusterFunction.of_term(terms[group[0]], features[group[0]], basis.metric)
            counts = [basis.orbits[k].n_clusters for k in group]
            limits = None if ranges is None else np.array([ranges[k] for k in group])
            chosen = [terms[k] for k in group], [features[k] for k in group]
            return PairFunctions.of_terms(*chosen, counts, basis.metric, limits)

        with precision("float64"):
            return cls(tuple(function(group) for group in groups))

    def __call__(self, rows, strains, grid):
        """Energy (eV) and its derivatives (eV) by the strains, both by group."""
        energy, derivatives = 0.0, []
        for group, function, strain in zip(rows, self.functions, strains, strict=True):
            pairs = isinstance(function, PairFunctions)
            psi, by_strain = function.of_strain(strain if pairs else group.per_cluster(strain))
            energy = energy + group.total(psi)
            derivatives.append(by_strain.reshape(strain.shape))
        return energy, derivatives


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
