"""Training of networks that predict properties, with early stopping, frozen parts and checkpoints."""

import hashlib
from dataclasses import asdict, dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

from anharmonic.screening.models.evaluation import split_groups
from anharmonic.screening.networks.layers import Scaling
from anharmonic.screening.networks.loop import Task, descend
from anharmonic.screening.networks.trained import Ensemble, Trained, apply


@dataclass(frozen=True)
class Training:
    """How long and how fast to train, and what is held out.

    Attributes
    ----------
    epochs : int
        At most.
    batch : int
        Samples of a step.
    learning_rate : float
        At its peak; rises over the first 5 % of the steps, then falls as a cosine.
    weight_decay : float
        Of AdamW.
    naming : float
        Weight of the cross entropy of the elements, against the error of the standardised targets.
    validation : float
        Share of the groups that is held out; its error decides which epoch is kept. With 0 the last one is.
    patience : int
        Epochs without a smaller error before stopping.
    seed : int
        Of the held-out share and of the order of the samples.
    save_every : int
        Epochs between checkpoints.
    """

    epochs: int = 60
    batch: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 1e-3
    naming: float = 1.0
    validation: float = 0.1
    patience: int = 1000
    seed: int = 0
    save_every: int = 10


def trainable(model, frozen=None):
    """Which leaves of a model are trained: its arrays, but no `Scaling`, and not the part that `frozen` picks.

    Parameters
    ----------
    model : equinox.Module
    frozen : callable, optional
        Such as ``lambda model: model.features``.

    Returns
    -------
    pytree of bool
    """
    flags = jax.tree.map(
        lambda part: jax.tree.map(lambda _: False, part) if isinstance(part, Scaling) else eqx.is_inexact_array(part),
        model, is_leaf=lambda part: isinstance(part, Scaling),
    )  # fmt: skip
    if frozen is None:
        return flags
    return eqx.tree_at(frozen, flags, replace_fn=lambda part: jax.tree.map(lambda _: False, part))


def train(model, samples, settings=None, frozen=None, checkpoint=None, on_epoch=lambda epoch, curve: None):
    """Train a network; from its checkpoint where there is one.

    The loss is the mean absolute error of the standardised targets that are known, and with `elements` the cross
    entropy of the names.

    Parameters
    ----------
    model : equinox.Module
        Gives properties and logits of one sample; this is where training begins.
    samples : Samples
    settings : Training, optional
    frozen : callable, optional
        As of `trainable`: what is not trained.
    checkpoint : path-like, optional
        Written every `save_every` epochs; a run that was interrupted ends as if it had not been.
    on_epoch : callable, optional
        Called with the number of epochs done and the curve.

    Returns
    -------
    Trained

    Raises
    ------
    FileFormatError
        If the checkpoint is damaged or of another training.
    """
    settings = settings or Training()
    held = split_groups(samples.groups, settings.validation, settings.seed)
    inside, outside = samples.part(~held), samples.part(held)
    offset, spread = np.nanmean(inside.targets, axis=0), np.nanstd(inside.targets, axis=0) + 1e-12
    judged = np.isfinite(outside.targets).any()
    data, check = (_arrays(part, offset, spread) for part in (inside, outside))
    task = Task(
        _loss, settings.naming, lambda model, done: _error(model, check) if judged else jnp.asarray(-float(done))
    )
    origin = {"settings": asdict(settings), "begins with": digest((model, samples.targets))}
    best, state = descend(model, trainable(model, frozen), data, task, settings, origin, checkpoint, on_epoch)
    return Trained(best, offset, spread, np.asarray(state.curve), int(state.best_epoch), float(state.seconds))


def train_ensemble(make, samples, settings, count, **options):
    """Networks that differ in their beginnings, held-out shares and orders.

    Parameters
    ----------
    make : callable
        Gives a model from a key.
    samples : Samples
    settings : Training
        Of the first; the seeds of the others follow.
    count : int
    options
        Of `train`.

    Returns
    -------
    Ensemble
    """
    seeds = range(settings.seed, settings.seed + count)
    every = (Training(**asdict(settings) | {"seed": seed}) for seed in seeds)
    return Ensemble(tuple(train(make(jax.random.key(s.seed)), samples, s, **options) for s in every))


def _arrays(samples, offset, spread):
    """Inputs, standardised targets and elements on the device."""
    elements = None if samples.elements is None else jnp.asarray(samples.elements)
    targets = jnp.asarray((samples.targets - offset) / spread, jnp.float32)
    return jax.tree.map(jnp.asarray, samples.inputs), targets, elements


def digest(tree):
    """Of all arrays, 16 letters."""
    total = hashlib.sha256()
    for leaf in jax.tree.leaves(eqx.filter(tree, eqx.is_array)):
        total.update(np.ascontiguousarray(leaf).tobytes())
    return total.hexdigest()[:16]


def _loss(model, batch, naming, key, share):
    """Mean absolute error of standardised targets, and cross entropy of the elements."""
    inputs, targets, elements = batch
    values, logits = jax.vmap(model)(inputs)
    known = jnp.isfinite(targets)
    loss = jnp.where(known, jnp.abs(values - jnp.where(known, targets, 0.0)), 0.0).sum() / jnp.maximum(known.sum(), 1)
    if logits is not None and elements is not None:
        loss += naming * optax.softmax_cross_entropy_with_integer_labels(logits, elements).sum(axis=-1).mean()
    return loss, loss[None]


def _error(model, data):
    """Mean absolute error of standardised targets."""
    return jnp.asarray(np.nanmean(np.abs(apply(model, data[0])[0] - np.asarray(data[1]))))
