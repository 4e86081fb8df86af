"""Clusters of three and more sites with walls around their ellipsoids (see `anharmonic.potential.walls`)."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.evaluation.expansions import ClusterExpansions
from anharmonic.evaluation.many_body import ClusterFunction
from anharmonic.potential.models import Expansion
from anharmonic.potential.walls import EllipsoidWall

NO_WALL = EllipsoidWall(np.zeros(1), np.float64(np.inf), np.float64(0.0))

TRIPLET = 3
"""Pairs of one."""


class ClusterWalls(eqx.Module):
    """Energies of walls, ``stiffness * max(0, rho - limit)^3``.

    Attributes
    ----------
    form : ClusterExpansions or ClusterFunction
        rho of the pair metrics.
    limits, stiffness : array, shape (n_clusters,)
        The latter in eV.
    """

    form: eqx.Module
    limits: jax.Array
    stiffness: jax.Array

    @classmethod
    def of_walls(cls, walls, features, counts):
        """From the `EllipsoidWall` (or None) and `OrbitFeatures` of orbits of `counts` clusters each.

        The forms of triplets are polynomials of one kernel; larger clusters come one orbit at a time.
        """
        walls = [NO_WALL if wall is None else wall for wall in walls]
        forms = [_form(wall, f) for wall, f in zip(walls, features, strict=True)]
        if features[0].ccd.shape[1] <= TRIPLET:
            form = ClusterExpansions.of_terms(forms, features, counts)
        else:
            form = ClusterFunction.of_term(forms[0], features[0])
        limits, stiffness = (np.repeat([getattr(w, name) for w in walls], counts) for name in ("limit", "stiffness"))
        return cls(form, limits, stiffness)

    def of_rows(self, rows):
        """The walls of some clusters, in the given order."""
        return ClusterWalls(self.form.of_rows(rows), self.limits[rows], self.stiffness[rows])

    def __call__(self, metrics):
        """Energies (n_clusters, ...) in eV of metrics (n_pairs, n_clusters, ...)."""
        excess, stiffness = self._beyond(self.form(metrics))
        return stiffness * excess**3

    def with_derivative(self, metrics):
        """Energies, and their derivatives (n_clusters, ...) by the metric of each pair."""
        rho, slopes = self.form.with_derivative(metrics)
        excess, stiffness = self._beyond(rho)
        return stiffness * excess**3, [3 * stiffness * excess**2 * slope for slope in slopes]

    def _beyond(self, rho):
        shape = (-1, *[1] * (rho.ndim - 1))
        return jnp.maximum(rho - self.limits.reshape(shape), 0.0), self.stiffness.reshape(shape)


class WalledFunction(eqx.Module):
    """A function of clusters and their walls."""

    function: eqx.Module
    walls: ClusterWalls

    def of_rows(self, rows):
        """The same for some clusters, in the given order."""
        return WalledFunction(self.function.of_rows(rows), self.walls.of_rows(rows))

    def __call__(self, metrics):
        """psi (n_clusters, ...) in eV of metrics (n_pairs, n_clusters, ...)."""
        return self.function(metrics) + self.walls(metrics)

    def with_derivative(self, metrics):
        """``(psi, d psi / d metric of each pair)`` in eV."""
        (one, by_one), (other, by_other) = self.function.with_derivative(metrics), self.walls.with_derivative(metrics)
        return one + other, [a + b for a, b in zip(by_one, by_other, strict=True)]


def _form(wall, features):
    """rho of a wall as an expansion in all invariants."""
    n = features.coefficients.shape[0]
    return Expansion(np.pad(np.asarray(wall.weights), (0, n - len(wall.weights))), np.ones(n))
