"""Bond strains to invariant polynomials, orbit by orbit."""

import equinox as eqx
import jax
import jax.numpy as jnp

from anharmonic.clusters.metrics import get_strain_metric


class Monomials:
    """Products of powers, evaluated with as few multiplications as sharing allows.

    Compared by identity: it is a static part of compiled functions.
    """

    def __init__(self, exponents):
        self.variables = [tuple(k for k, e in enumerate(row) for _ in range(int(e))) for row in exponents]

    def __call__(self, q):
        """Monomials (n_monomials, ...) of coordinates q (n_coordinates, ...)."""
        known = {(k,): q[k] for k in range(q.shape[0])}

        def product(factors):
            if factors not in known:
                known[factors] = product(factors[:-1]) * known[factors[-1:]]
            return known[factors]

        return jnp.stack([product(factors) for factors in self.variables])


class OrbitFeatures(eqx.Module):
    """The invariants of one orbit as functions of its pair metrics (eqs. 6 and 2 of the paper).

    Attributes
    ----------
    ccd : array, shape (n_coordinates, n_pairs)
        The matrix U.
    coefficients : array, shape (n_invariants, n_monomials)
    monomials : Monomials
    """

    ccd: jax.Array
    coefficients: jax.Array
    monomials: Monomials = eqx.field(static=True)

    def __call__(self, metrics):
        """Invariants (n_invariants, ...) of pair metrics (n_pairs, ...)."""
        dtype = metrics.dtype
        q = metrics if self.ccd.shape == (1, 1) else jnp.tensordot(self.ccd.astype(dtype), metrics, 1)
        return jnp.tensordot(self.coefficients.astype(dtype), self.monomials(q), 1)


class Features(eqx.Module):
    """All invariants of a basis."""

    orbits: tuple
    metric: str = eqx.field(static=True)

    @classmethod
    def of_basis(cls, basis):
        """The features of a `ClusterBasis`."""
        orbits = [
            OrbitFeatures(ccd.matrix, invariants.coefficients, Monomials(invariants.exponents))
            for ccd, invariants in zip(basis.ccds, basis.invariants, strict=True)
        ]
        return cls(tuple(orbits), basis.metric)

    def metrics(self, strains):
        """Deformation metric f(d) of Green-Lagrange bond strains."""
        return get_strain_metric(self.metric)(strains)
