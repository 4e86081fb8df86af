"""Models that are linear in their parameters, solved directly by ridge regression."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from scipy.linalg import cho_factor, cho_solve

from anharmonic.fitting.prediction import scaled_residuals
from anharmonic.potential.models import Expansion


def is_linear(leaf):
    """Whether a part of a model is a linear expansion."""
    return isinstance(leaf, Expansion)


def linear_weights(model):
    """Weights of all expansions in a model, including the linear parts of its networks."""
    return [e.weights for e in jax.tree.leaves(model, is_leaf=is_linear) if is_linear(e)]


def with_linear_weights(model, flat):
    """The model with the weights of its expansions replaced by slices of `flat`."""
    sizes = [len(w) for w in linear_weights(model)]
    pieces = iter(jnp.split(flat, np.cumsum(sizes)[:-1]))
    return jax.tree.map(
        lambda e: eqx.tree_at(lambda x: x.weights, e, next(pieces)) if is_linear(e) else e, model, is_leaf=is_linear
    )


class NormalEquations:
    """Sums over frames of the ridge problem: add batches, then solve for any strength.

    The unknowns are the weights of all expansions and one energy offset per group.
    """

    def __init__(self, lattice, n_groups):
        self.lattice = lattice
        self.n_weights = sum(map(len, linear_weights(lattice.model)))
        size = self.n_weights + n_groups
        self.matrix, self.target = np.zeros((size, size)), np.zeros(size)

    def add(self, batch):
        """Add the frames of a `DeviceBatch`."""
        for k in range(len(batch)):
            matrix, target = _frame(self.lattice, self.n_weights, len(self.target), batch.frame(k))
            self.matrix += np.asarray(matrix)
            self.target += np.asarray(target)

    def solve(self, strength):
        """``(weights, offsets)`` that minimise the loss + strength |weights|^2."""
        diagonal = np.full(len(self.target), strength)
        diagonal[self.n_weights :] = 1e-12
        solution = cho_solve(cho_factor(self.matrix + np.diag(diagonal)), self.target)
        return solution[: self.n_weights], solution[self.n_weights :]


@eqx.filter_jit
def _frame(lattice, n_weights, n_unknowns, batch):
    """Contribution of one frame: the Jacobian of its residuals, which are affine in the unknowns."""

    def residuals(unknowns):
        model = with_linear_weights(lattice.model, unknowns[:n_weights])
        changed = eqx.tree_at(lambda x: x.model, lattice, model)
        return jnp.concatenate([r.ravel() for r in scaled_residuals(changed, unknowns[n_weights:], batch)])

    at_zero = residuals(jnp.zeros(n_unknowns))
    jacobian = jax.lax.map(residuals, jnp.eye(n_unknowns), batch_size=32) - at_zero
    return jacobian @ jacobian.T, -jacobian @ at_zero
