"""Trained networks, ensembles of them, and a straight line on top."""

from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

TOGETHER = 256
"""Samples that are predicted together."""


@dataclass(frozen=True)
class Trained:
    """A trained network.

    Attributes
    ----------
    model : equinox.Module
    offset, spread : ndarray, shape (outputs,)
        Mean and standard deviation of the targets that it was trained on.
    curve : ndarray, shape (n_epochs, 2)
        Loss of the training, and error of the share held out, standardised.
    best_epoch : int
    seconds : float
        Of the training, compilation included.
    """

    model: eqx.Module
    offset: np.ndarray
    spread: np.ndarray
    curve: np.ndarray
    best_epoch: int
    seconds: float

    def predict(self, inputs):
        """Properties (n, outputs) of inputs (n, ...)."""
        return np.asarray(apply(self.model, inputs)[0], float) * self.spread + self.offset

    def name(self, inputs):
        """Most likely atomic numbers (n, named) of inputs (n, ...)."""
        return np.asarray(apply(self.model, inputs)[1]).argmax(axis=-1)


@dataclass(frozen=True)
class Ensemble:
    """The mean of several trained networks."""

    members: tuple

    def predict(self, inputs):
        """Properties (n, outputs) of inputs (n, ...)."""
        return np.mean([member.predict(inputs) for member in self.members], axis=0)

    def spread(self, inputs):
        """Standard deviation (n, outputs) of the members."""
        return np.std([member.predict(inputs) for member in self.members], axis=0)


@dataclass(frozen=True)
class LinearBoost:
    """A straight line through targets against predictions, which undoes a bias towards the mean.

    Williams, Mukherjee and Rajan, "single step gradient boosting" in the discussion of table II.

    Attributes
    ----------
    slope, intercept : float
    """

    slope: float
    intercept: float

    @classmethod
    def fit(cls, predicted, targets):
        """From predictions and targets (n,) of the training."""
        slope, intercept = np.polyfit(np.ravel(predicted), np.ravel(targets), 1)
        return cls(float(slope), float(intercept))

    def __call__(self, predicted):
        """Corrected predictions."""
        return self.slope * np.asarray(predicted) + self.intercept


def apply(model, inputs):
    """Standardised properties (n, outputs) and logits (n, named, 104), or None, of inputs (n, ...)."""
    count, inputs = len(jax.tree.leaves(inputs)[0]), jax.tree.map(jnp.asarray, inputs)
    together = min(TOGETHER, count)
    parts = []
    for begin in range(0, count, together):
        chosen = np.arange(begin, begin + together).clip(max=count - 1)
        parts.append(_apply(model, inputs, chosen))
    return jax.tree.map(lambda *found: np.concatenate(found)[:count], *parts)


@eqx.filter_jit
def _apply(model, inputs, chosen):
    return jax.vmap(model)(jax.tree.map(lambda x: x[chosen], inputs))
