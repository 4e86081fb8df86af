"""Training of many nets at once: shapes times folds in one program, frames that are held out with weights of zero."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.fitting.selection.labels import loss_weights
from anharmonic.fitting.selection.nets import Nets
from anharmonic.fitting.selection.quasi_newton import minimise

CHUNK = 32
"""Unit models whose predictions are made at once."""


class Targets(eqx.Module):
    """Labels and their weights in every fold.

    Attributes
    ----------
    energy : array, shape (n_frames,)
    components : tuple of array, shape (n_block_frames, n_components)
    energy_weights : array, shape (n_folds, n_frames)
    component_weights : tuple of array, shape (n_folds, n_block_frames, n_components)
    zeros : array, shape (n_groups, n_frames)
        Cells of a frame where it belongs to a group.
    """

    energy: jax.Array
    components: tuple
    energy_weights: jax.Array
    component_weights: tuple
    zeros: jax.Array

    @classmethod
    def of_labels(cls, labels, weights, training, n_groups, dtype="float32"):
        """Targets of `Labels` for folds whose frames are `training` (n_folds, n_frames); see `loss_weights`."""
        found = [loss_weights(labels, weights, frames) for frames in training]
        zeros = np.where(labels.group == np.arange(n_groups)[:, None], labels.n_cells, 0)
        by_fold = tuple(np.array(block) for block in zip(*(components for _, components in found), strict=True))
        arrays = labels.energy, labels.components, np.array([energy for energy, _ in found]), by_fold, zeros
        return cls(*jax.tree.map(lambda x: jnp.asarray(x, dtype), arrays))

    def losses(self, energies, components, offsets):
        """Losses (m,) of m models, shapes times folds; predictions as of `Design.predict`, offsets (m, n_groups)."""
        n_folds = len(self.energy_weights)
        residual = energies + offsets @ self.zeros - self.energy
        total = jnp.einsum("sfn,fn->sf", _by_fold(residual, n_folds) ** 2, self.energy_weights)
        for found, labels, weights in zip(components, self.components, self.component_weights, strict=True):
            squares = _by_fold(found - labels, n_folds) ** 2
            total = total + jnp.einsum("sfnc,fnc->sf", squares, weights)
        return total.reshape(-1)


class Start(eqx.Module):
    """Where the trainings of m models begin.

    Attributes
    ----------
    nets : tuple of Nets
    offsets : array, shape (m, n_groups)
        Of energies, eV per cell.
    strengths : array, shape (m,)
        Of the ridge on linear parts and output layers, which was used to solve them and stays.
    inverse : array, shape (m, q, q)
        Inverse of the normal matrix of all that a model is linear in, the q - n_groups weights of `outputs_of` and
        the offsets: what these must do when other weights change.
    """

    nets: tuple
    offsets: jax.Array
    strengths: jax.Array
    inverse: jax.Array


@eqx.filter_jit
def train_nets(design, targets, start, iterations):
    """Minimise the loss of every model by quasi-Newton steps; each model sees its own frames only.

    Parameters
    ----------
    design : Design
        In the precision of the training; see `anharmonic.fitting.selection.tables`.
    targets : Targets
    start : Start
        Of m models, shapes times trainings, trainings running fastest.
    iterations : int

    Returns
    -------
    nets, offsets, losses
        The last of shape (iterations, m).
    """
    outputs = outputs_of(start.nets)
    n_outputs, n_linear = outputs.shape[1], start.inverse.shape[1]
    hidden, layout = jax.tree.flatten([(net.weights, net.biases) for net in start.nets])
    x = jnp.concatenate([outputs, start.offsets, *(leaf.reshape(len(outputs), -1) for leaf in hidden)], axis=1)
    ends = np.cumsum([leaf[0].size for leaf in hidden])[:-1]

    def unpack(x):
        pieces = jnp.split(x[:, n_linear:], ends, axis=1)
        layers = jax.tree.unflatten(layout, [p.reshape(leaf.shape) for p, leaf in zip(pieces, hidden, strict=True)])
        bare = [Nets(net.linear, *pair, net.output) for net, pair in zip(start.nets, layers, strict=True)]
        return with_outputs(bare, x[:, :n_outputs]), x[:, n_outputs:n_linear]

    def objective(x):
        nets, offsets = unpack(x)
        losses = targets.losses(*design.predict(nets), offsets)
        return losses + start.strengths * jnp.sum(x[:, :n_outputs] ** 2, axis=1)

    def precondition(vectors, scale):
        linear = 0.5 * jnp.einsum("mqp,mp->mq", start.inverse, vectors[:, :n_linear])
        return jnp.concatenate([linear, scale[:, None] * vectors[:, n_linear:]], axis=1)

    x, losses = minimise(objective, x, precondition, jnp.arange(x.shape[1]) >= n_linear, iterations)
    return *unpack(x), losses


@eqx.filter_jit
def predict(design, nets):
    """`Design.predict`, compiled."""
    return design.predict(nets)


def unit_responses(design, nets):
    """Predictions for a unit of every parameter that one model is linear in: linear parts and output layers.

    Parameters
    ----------
    design : Design
    nets : tuple of Nets
        Of one model, without the axis of models.

    Returns
    -------
    energies : ndarray, shape (p, n_frames)
    components : list of ndarray, shape (p, n_block_frames, n_components)
        The parameters of each net are its linear part, then its output layer.
    """
    sizes = [len(net.linear) + len(net.output) for net in nets]
    n_units = sum(sizes)
    padded = -(-n_units // CHUNK) * CHUNK
    units = np.eye(padded, n_units, dtype=design.items[0].inputs.dtype).reshape(-1, CHUNK, n_units)
    energies, components = _unit_predictions(design, nets, units)
    rows = [np.asarray(x).reshape(padded, *x.shape[2:])[:n_units] for x in (energies, *components)]
    return rows[0], rows[1:]


@eqx.filter_jit
def _unit_predictions(design, nets, units):
    return jax.lax.map(lambda chunk: design.predict(with_outputs(repeated(nets, CHUNK), chunk)), units)


def repeated(nets, m):
    """Nets of one model as those of m equal ones."""
    return jax.tree.map(lambda x: jnp.broadcast_to(x, (m, *x.shape)), nets)


def outputs_of(nets):
    """Linear parts and output layers of m models (m, p): by net, its linear part, then its output layer."""
    return jnp.concatenate([part for net in nets for part in (net.linear, net.output)], axis=1)


def with_outputs(nets, outputs):
    """Nets with other linear parts and output layers (m, p), in the order of `outputs_of`."""
    found, start = [], 0
    for net in nets:
        middle = start + net.linear.shape[1]
        end = middle + net.output.shape[1]
        found.append(Nets(outputs[:, start:middle], net.weights, net.biases, outputs[:, middle:end]))
        start = end
    return tuple(found)


def _by_fold(values, n_folds):
    """Values (m, ...) as (n_shapes, n_folds, ...)."""
    return values.reshape(len(values) // n_folds, n_folds, *values.shape[1:])
