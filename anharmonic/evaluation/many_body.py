"""Functions of clusters of three and more sites, as small dense products on blocks of positions."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.evaluation.ladder import Matrix, Polynomials
from anharmonic.potential.models import Network

BLOCK = 2**17
"""Numbers of one table of monomials on a block: the tables of a block should stay in the cache."""


class ClusterFunction(eqx.Module):
    """Energy of one orbit's clusters as a function of their pair metrics.

    ``psi = P_0 + output . tanh(... tanh(P_1..h + b))`` without its value at the reference,
    where the P are polynomials of the pair metrics: an expansion is P_0 alone, and the
    first layer of a net is folded into the others.

    Attributes
    ----------
    polynomials : Polynomials
    biases : tuple of array
    layers : tuple of Matrix
        The weights after the first layer.
    """

    polynomials: Polynomials
    biases: tuple
    layers: tuple

    @classmethod
    def of_term(cls, term, features):
        """From the term and the `OrbitFeatures` of an orbit."""
        if not isinstance(term, Network):
            return cls(Polynomials.of_features(features, (term.weights / term.scales)[None]), (), ())
        scales = term.linear.scales
        channels = np.concatenate([(term.linear.weights / scales)[None], term.weights[0] / scales])
        layers = tuple(map(Matrix.of, term.weights[1:]))
        return cls(Polynomials.of_features(features, channels), term.biases, layers)

    def of_rows(self, rows):
        """The functions of some clusters: all are alike."""
        return self

    def with_derivative(self, metrics):
        """``(psi, d psi / d metric of each pair)`` in eV, each (n_clusters, length)."""
        flat = metrics.reshape(len(metrics), -1)
        energy, by_metric = in_blocks(self._with_derivative, flat, self.polynomials.n_monomials)
        return energy.reshape(metrics.shape[1:]), list(by_metric.reshape(metrics.shape))

    def _with_derivative(self, flat):
        energy, pull = jax.vjp(self._of_columns, flat)
        return energy, pull(jnp.ones_like(energy))[0]

    def __call__(self, metrics):
        """psi (n_clusters, ...) in eV of metrics (n_pairs, n_clusters, ...)."""
        return self._of_columns(metrics.reshape(len(metrics), -1)).reshape(metrics.shape[1:])

    def _of_columns(self, metrics):
        values = self.polynomials(metrics)
        if not self.layers:
            return values[0]
        return values[0] + self._net(values[1:]) - self._net(jnp.zeros_like(values[1:, :1]))

    def _net(self, x):
        for bias, weights in zip(self.biases, self.layers, strict=True):
            x = weights(jnp.tanh(x + bias[:, None]))
        return x[0]


def in_blocks(function, rows, width):
    """Apply `function` to rows (n, length) in blocks of positions, each of which needs `width` numbers."""
    length = rows.shape[-1]
    block = max(BLOCK // width, 16)
    n_blocks = -(-length // block)
    if n_blocks < 2:
        return function(rows)
    padded = jnp.pad(rows, ((0, 0), (0, n_blocks * block - length))).reshape(-1, n_blocks, block)
    results = jax.lax.map(function, jnp.moveaxis(padded, 1, 0))

    def join(x):
        return jnp.moveaxis(x, 0, -2).reshape(*x.shape[1:-1], -1)[..., :length]

    return jax.tree.map(join, results)
