"""The parameters in which a model is linear: weights of expansions and, if wanted, last layers of networks."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.potential.models import Expansion, Network


def is_linear(leaf):
    """Whether a part of a model is a linear expansion."""
    return isinstance(leaf, Expansion)


def linear_weights(model, last_layers=False):
    """Weights of all expansions in a model, including the linear parts of its networks: a list of arrays (n,).

    With `last_layers`, those of each network follow the weights of its linear part. A model is exactly
    linear in all of these, and zero where they are.
    """
    parts = jax.tree.leaves(model, is_leaf=lambda x: is_linear(x) or isinstance(x, Network))
    weights = []
    for part in parts:
        if is_linear(part):
            weights.append(part.weights)
        elif isinstance(part, Network):
            weights += [part.linear.weights] + ([part.weights[-1][0]] if last_layers else [])
    return weights


def with_linear_weights(model, flat, last_layers=False):
    """The model with these weights replaced by slices of `flat`."""
    sizes = [len(w) for w in linear_weights(model, last_layers)]
    split = np.split if isinstance(flat, np.ndarray) else jnp.split
    pieces = iter(split(flat, np.cumsum(sizes)[:-1]))

    def replaced(part):
        if is_linear(part):
            return eqx.tree_at(lambda x: x.weights, part, next(pieces))
        if not isinstance(part, Network):
            return part
        part = eqx.tree_at(lambda x: x.linear.weights, part, next(pieces))
        return eqx.tree_at(lambda x: x.weights[-1], part, next(pieces)[None]) if last_layers else part

    return jax.tree.map(replaced, model, is_leaf=lambda x: is_linear(x) or isinstance(x, Network))
