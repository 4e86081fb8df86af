"""How far a state is outside the fitted data, from the strains that the evaluator has at hand."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.clusters.metrics import get_strain_metric
from anharmonic.evaluation.ladder import Polynomials


class OrbitRange(eqx.Module):
    """Fitted ranges of the invariants of degrees 1 and 2 of one orbit.

    Attributes
    ----------
    polynomials : Polynomials
    middle, half, power : array, shape (n_invariants,)
        As from `Potential.range_arrays`.
    group, begin, end : int
        Which clusters of which group of rows belong to the orbit.
    metric : str
    """

    polynomials: Polynomials
    middle: jax.Array
    half: jax.Array
    power: jax.Array
    group: int = eqx.field(static=True)
    begin: int = eqx.field(static=True)
    end: int = eqx.field(static=True)
    metric: str = eqx.field(static=True)

    def grade(self, rows, strains):
        """Largest distance from the middle in half-ranges, () array; `rows` and `strains` by group."""
        rows = rows[self.group]
        strain = rows.per_cluster(strains[self.group])[:, self.begin : self.end]
        metric = get_strain_metric(self.metric)(strain.reshape(len(strain), -1))
        phi = self.polynomials(metric).reshape(len(self.middle), -1, rows.length)
        distance = jnp.max(jnp.where(rows.owned, abs(phi - self.middle[:, None, None]), 0.0), axis=(1, 2))
        return jnp.max((distance / self.half) ** self.power)


def orbit_ranges(potential, groups):
    """An `OrbitRange` for every orbit, or none if the fitted ranges are unknown; `groups` of orbits by index."""
    ranges = potential.range_arrays()
    if ranges is None:
        return ()
    basis, found = potential.basis, []
    for number, group in enumerate(groups):
        starts = np.cumsum([0, *(basis.orbits[k].n_clusters for k in group)])
        for k, begin, end in zip(group, starts, starts[1:], strict=False):
            chosen = np.eye(len(basis.invariants[k].degrees))[: len(ranges[k][0])]
            polynomials = Polynomials.of_features(potential.lattice.features.orbits[k], chosen)
            found.append(OrbitRange(polynomials, *ranges[k], number, int(begin), int(end), basis.metric))
    return tuple(found)
