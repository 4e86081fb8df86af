"""Parts that several networks have: scaling of the input, dense layers with a bypass, and two parts as one network."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

KINDS = ("standard", "root")
LEAST = 1e-3
"""Least spread of a column, against that of all, by which it is divided."""


class Scaling(eqx.Module):
    """Scaling of the input, fitted once and never trained (`training.trainable` leaves it out).

    "standard" gives every number zero mean and unit variance; "root" takes the square root first, which brings counts
    of very different size together, and divides all numbers by one spread, so that empty bins stay quiet.

    Attributes
    ----------
    shift : array, shape of a sample
    scale : array, shape of a sample or ()
    kind : str
    """

    shift: jax.Array
    scale: jax.Array
    kind: str = eqx.field(static=True)

    @classmethod
    def fit(cls, samples, kind="standard"):
        """The scaling of samples (n, ...): those that a network is trained on, no others.

        Raises
        ------
        ValueError
            If there is no such kind.
        """
        if kind not in KINDS:
            raise ValueError(f"kinds of scaling are {', '.join(KINDS)}; found {kind!r}")
        samples = np.asarray(samples, np.float32)
        samples = np.sqrt(samples) if kind == "root" else samples
        spread = samples.std(axis=0)
        root = np.sqrt((spread**2).mean()) + 1e-12
        scale = root if kind == "root" else np.maximum(spread, LEAST * root)
        return cls(jnp.asarray(samples.mean(axis=0)), jnp.asarray(scale, jnp.float32), kind)

    def __call__(self, x):
        """A scaled sample, of the same shape."""
        x = jnp.sqrt(x) if self.kind == "root" else x
        return jax.lax.stop_gradient((x - self.shift) / self.scale)


class Dense(eqx.Module):
    """Dense layers with GELU; all but the first add to what they are given.

    Attributes
    ----------
    layers : list of equinox.nn.Linear
    """

    layers: list

    def __init__(self, inputs, width, depth, *, key):
        sizes = [inputs] + [width] * depth
        keys = jax.random.split(key, depth)
        self.layers = [eqx.nn.Linear(a, b, key=k) for a, b, k in zip(sizes, sizes[1:], keys, strict=False)]

    def __call__(self, x):
        """Numbers (width,) from numbers (inputs,)."""
        x = jax.nn.gelu(self.layers[0](x))
        for layer in self.layers[1:]:
            x = x + jax.nn.gelu(layer(x))
        return x


class Head(eqx.Module):
    """The fully connected layers G: from features to any number of properties.

    Attributes
    ----------
    dense : Dense
    last : equinox.nn.Linear
    """

    dense: Dense
    last: eqx.nn.Linear

    def __init__(self, inputs, outputs=1, width=256, depth=2, *, key):
        first, second = jax.random.split(key)
        self.dense = Dense(inputs, width, depth, key=first)
        self.last = eqx.nn.Linear(width, outputs, key=second)

    def __call__(self, x):
        """Properties (outputs,) from features (inputs,)."""
        return self.last(self.dense(x))


class TwoParts(eqx.Module):
    """Features F, then a head G; between them, if wished, the names of the elements.

    With `naming`, all that the head is told are the probabilities of the elements on each site: the energy of a cubic
    perovskite follows from its composition, so that what remains to be read from the fingerprint is who is where.

    Attributes
    ----------
    features : equinox.Module
        F, with an attribute `size`.
    naming : ElementNaming or None
    head : Head
        G.
    """

    features: eqx.Module
    naming: eqx.Module | None
    head: Head

    def __call__(self, x):
        """Properties (outputs,) and logits (named, 104), or None, of one sample."""
        x = self.features(x)
        if self.naming is None:
            return self.head(x), None
        logits = self.naming(x)
        return self.head(jax.nn.softmax(logits).ravel()), logits
