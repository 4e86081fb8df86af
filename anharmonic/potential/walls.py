"""Walls around what the fitted data cover: energies that keep runs inside it.

No data tell a fit what happens there, and a polynomial may fall: a long run finds every such hole, and in a large
supercell one hole takes the others along. How often walls are felt shows in the extrapolation grade.
"""

import equinox as eqx
import jax
import jax.numpy as jnp


class Wall(eqx.Module):
    """Harmonic wall of a pair beyond its range; zero within.

    Attributes
    ----------
    lower, upper : array
        Limits of the pair metric within which it is zero: the fitted range and a margin.
    stiffness : array
        eV per squared metric.
    """

    lower: jax.Array
    upper: jax.Array
    stiffness: jax.Array

    def __call__(self, features):
        """Energy (...) in eV of the invariants (n_invariants, ...) of a pair, the first of which is its metric."""
        excess = jnp.maximum(features[0] - self.upper, 0.0) + jnp.maximum(self.lower - features[0], 0.0)
        return self.stiffness.astype(features.dtype) * excess.astype(features.dtype) ** 2


class EllipsoidWall(eqx.Module):
    """Wall of a larger cluster beyond an ellipsoid of its collective deformations q; zero within.

    ``stiffness * max(0, rho - limit)^3`` with ``rho = (q - q_0)^T M (q - q_0) - q_0^T M q_0``: it begins softly, and
    of degree 6 in q it outgrows every polynomial of degree 5. The form is invariant under the point group of the
    cluster, so that it is a sum of invariants of degrees 1 and 2.

    Attributes
    ----------
    weights : array, shape (n_low,)
        Of the invariants of degrees 1 and 2, which come first: their sum is rho.
    limit : array
    stiffness : array
        eV.
    """

    weights: jax.Array
    limit: jax.Array
    stiffness: jax.Array

    def __call__(self, features):
        """Energy (...) in eV of the invariants (n_invariants, ...) of a cluster."""
        dtype = features.dtype
        rho = jnp.tensordot(self.weights.astype(dtype), features[: len(self.weights)], 1)
        return self.stiffness.astype(dtype) * jnp.maximum(rho - self.limit.astype(dtype), 0.0) ** 3


class WalledTerm(eqx.Module):
    """The function of an orbit's clusters with their wall."""

    term: eqx.Module
    wall: Wall | EllipsoidWall

    def __call__(self, features):
        """Energy (...) in eV of features (n_features, ...)."""
        return self.term(features) + self.wall(features)


def unwalled(term):
    """``(function, wall)`` of a term; the wall is None if there is none."""
    return (term.term, term.wall) if isinstance(term, WalledTerm) else (term, None)
