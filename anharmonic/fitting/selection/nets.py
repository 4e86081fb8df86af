"""Many small nets of one shape at once: energies and explicit slopes, so that only one derivative is left to JAX."""

from itertools import pairwise

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np


class Nets(eqx.Module):
    """One function of k inputs for each of m models: linear part plus tanh layers (eq. 17).

    Units that pad a layer have zero weights and stay so: no gradient reaches them.

    Attributes
    ----------
    linear : array, shape (m, k)
    weights : tuple of array, shape (m, n_out, n_in)
        Of the hidden layers.
    biases : tuple of array, shape (m, n_out)
    output : array, shape (m, n_out)
    """

    linear: jax.Array
    weights: tuple
    biases: tuple
    output: jax.Array

    @classmethod
    def init(cls, n_inputs, hidden, padded, key):
        """One random net of `hidden` layer widths, padded to the widths `padded`; without the axis of models."""
        widths, keys = (n_inputs, *hidden), jax.random.split(key, len(hidden) + 1)
        weights = [
            np.asarray(jax.random.normal(k, (n_out, n_in)), float) / np.sqrt(n_in)
            for k, (n_in, n_out) in zip(keys, pairwise(widths), strict=False)
        ]
        output = 0.01 * np.asarray(jax.random.normal(keys[-1], hidden[-1:]), float) / np.sqrt(hidden[-1])
        biases = [np.linspace(-1, 1, n) if n > 1 else np.zeros(1) for n in hidden]
        outer = (n_inputs, *padded)
        weights = [_grown(w, (n_out, n_in)) for w, (n_in, n_out) in zip(weights, pairwise(outer), strict=True)]
        biases = [_grown(b, (n,)) for b, n in zip(biases, padded, strict=True)]
        return cls(np.zeros(n_inputs), tuple(weights), tuple(biases), _grown(output, padded[-1:]))

    def cut(self, hidden):
        """The net of `hidden` widths without its padding; of one model, without the axis of models."""
        widths = (self.linear.shape[-1], *hidden)
        weights = [w[:n_out, :n_in] for w, (n_in, n_out) in zip(self.weights, pairwise(widths), strict=True)]
        biases = [b[:n] for b, n in zip(self.biases, hidden, strict=True)]
        return Nets(self.linear, tuple(weights), tuple(biases), self.output[: hidden[-1]])

    def __call__(self, x):
        """Energies (n,) and slopes (k, n) at inputs (k, n); of one model (`jax.vmap` for all)."""
        layers, y = [], x
        for weight, bias in zip(self.weights, self.biases, strict=True):
            y = jnp.tanh(weight @ y + bias[:, None])
            layers.append(y)
        energy = self.linear @ x + self.output @ y - self._at_zero()
        slope = self.output[:, None] * (1 - layers[-1] ** 2)
        for weight, y in zip(self.weights[:0:-1], layers[-2::-1], strict=True):
            slope = (weight.T @ slope) * (1 - y**2)
        return energy, self.linear[:, None] + self.weights[0].T @ slope

    def _at_zero(self):
        y = self.biases[0]
        y = jnp.tanh(y)
        for weight, bias in zip(self.weights[1:], self.biases[1:], strict=True):
            y = jnp.tanh(weight @ y + bias)
        return self.output @ y


def stacked(nets):
    """Records of single models as one record with a first axis of models."""
    return jax.tree.map(lambda *leaves: np.stack(leaves), *nets)


def _grown(array, shape):
    """Zeros up to a shape."""
    return np.pad(array, [(0, n - m) for m, n in zip(array.shape, shape, strict=True)])
