"""How well data determine a model: the covariance of the weights in which it is linear, and what follows from it.

For a model that is linear in its weights, ridge regression is the mean of a Bayesian posterior whose
covariance is the inverse of the matrix of the normal equations (MacKay, Neural Comput. 4, 415 (1992), eq.
2.11). Its scale is not taken from an assumed noise: it is calibrated on errors of frames that were left out.
Of networks the last layers count and the others are held (the last-layer Laplace approximation: Kristiadi,
Hein, Hennig, ICML 2020).
"""

from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.potential.linear_weights import with_linear_weights

KINDS = ("energy", "forces", "stress")


@dataclass(frozen=True)
class Posterior:
    """Covariance of the linear weights (see `linear_weights`, last layers included), up to a calibrated scale.

    Attributes
    ----------
    factor : ndarray, shape (n_weights, n_directions)
        L of the covariance L L^T.
    scales : ndarray, shape (3,)
        What the standard deviations of energies, forces and stresses are multiplied by.
    """

    factor: np.ndarray
    scales: np.ndarray

    def weights(self, mean, n, seed):
        """Weights (n, n_weights) drawn in pairs on both sides of `mean`, with the spread that forces ask for."""
        half = np.random.default_rng(seed).standard_normal((n // 2, self.factor.shape[1])) @ self.factor.T
        half = half * self.scales[KINDS.index("forces")]
        return mean + np.stack([half, -half], axis=1).reshape(2 * len(half), -1)


@eqx.filter_jit
def variances(lattice, factor, displacements, deformation, translations, volume):
    """Sums of squares of what each column of `factor` does to energy, forces and stress, before the scales.

    Parameters
    ----------
    lattice : LatticePotential
    factor : array, shape (n_weights, n_directions)
    displacements, deformation, translations, volume
        See `LatticePotential.forces_and_stress`.

    Returns
    -------
    tuple of arrays
        eV^2 (); eV^2/A^2 (n_sites, 3, n_cells); eV^2/A^6 (3, 3).
    """

    def predict(weights):
        model = with_linear_weights(lattice.model, weights, last_layers=True)
        changed = eqx.tree_at(lambda x: x.model, lattice, model)
        return changed.forces_and_stress(displacements, deformation, translations, volume)

    at_zero = predict(jnp.zeros(factor.shape[0], displacements.dtype))

    def add(total, direction):
        change = jax.tree.map(jnp.subtract, predict(direction), at_zero)
        return jax.tree.map(lambda t, x: t + x**2, total, change), None

    return jax.lax.scan(add, jax.tree.map(jnp.zeros_like, at_zero), jnp.asarray(factor.T))[0]
