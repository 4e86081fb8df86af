"""The loop of every training here: minibatches, the best epoch, checkpoints. What is minimised comes from outside."""

import time
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

from anharmonic.screening.networks.checkpoint import read_checkpoint, write_checkpoint


class State(NamedTuple):
    """All that changes while training; what a checkpoint holds."""

    parameters: Any
    optimiser: Any
    best: Any
    best_error: jax.Array
    best_epoch: jax.Array
    epoch: jax.Array
    curve: jax.Array
    seconds: jax.Array


class Task(NamedTuple):
    """What is learnt.

    Attributes
    ----------
    loss : callable
        ``loss(model, batch, conditions, key, share)`` gives the loss and an array of its terms for the curve. `key` is
        that of the step, `share` how much of all steps is done. The same object for the same task: it is compiled once.
    conditions : pytree of arrays
        Weights and the like, handed on to `loss`.
    judge : callable
        ``judge(model, epochs_done)`` gives an array of errors; the first decides which epoch is kept.
    n_errors : int
    """

    loss: Any
    conditions: Any
    judge: Any
    n_errors: int = 1


def descend(model, flags, data, task, settings, origin, checkpoint=None, on_epoch=lambda epoch, curve: None):
    """Train a model by AdamW; from its checkpoint where there is one.

    Parameters
    ----------
    model : equinox.Module
    flags : pytree of bool
        Which leaves are trained.
    data : pytree of arrays, shape (n, ...)
    task : Task
    settings : Training
    origin : dict of plain values
        What the checkpoint must have been written by.
    checkpoint : path-like, optional
    on_epoch : callable, optional
        Called with the number of epochs done and the curve.

    Returns
    -------
    best : equinox.Module
    state : State
        `curve` (epochs, n) holds the terms of the loss, their mean over the epoch, and the errors.

    Raises
    ------
    FileFormatError
        If the checkpoint is damaged or of another training.
    """
    data = jax.tree.map(jnp.asarray, data)
    count = len(jax.tree.leaves(data)[0])
    batch = min(settings.batch, count)
    steps = count // batch
    parameters, fixed = eqx.partition(model, flags)
    optimiser = _optimiser(settings.learning_rate, settings.weight_decay, settings.epochs * steps)
    key, total = jax.random.key(settings.seed), settings.epochs * steps
    state = _begin(parameters, optimiser, settings.epochs, _columns(model, data, task, key))
    if checkpoint is not None and Path(checkpoint).exists():
        state = read_checkpoint(checkpoint, state, origin)
    while int(state.epoch) < settings.epochs and int(state.epoch - state.best_epoch) < settings.patience:
        begin, done = time.perf_counter(), int(state.epoch)
        order = np.random.default_rng([settings.seed, done]).permutation(count)
        order = order[: steps * batch].reshape(-1, batch)
        parameters, memory, terms = _epoch(
            state.parameters, state.optimiser, fixed, data, order, optimiser.update, task, (key, done * steps, total)
        )
        errors = jnp.atleast_1d(task.judge(eqx.combine(parameters, fixed), done))
        state = _next(
            state, parameters, memory, jnp.concatenate([terms, errors]), errors[0], time.perf_counter() - begin
        )
        on_epoch(done + 1, np.asarray(state.curve[: done + 1]))
        if checkpoint is not None and ((done + 1) % settings.save_every == 0 or done + 1 == settings.epochs):
            write_checkpoint(checkpoint, state, origin)
    return eqx.combine(state.best, fixed), state._replace(curve=state.curve[: int(state.epoch)])


@cache
def _optimiser(learning_rate, weight_decay, steps):
    """AdamW; the same object for the same numbers, so that `_step` is compiled once."""
    rate = optax.warmup_cosine_decay_schedule(0.0, learning_rate, max(steps // 20, 1), max(steps, 2))
    return optax.adamw(rate, weight_decay=weight_decay)


def _columns(model, data, task, key):
    """Of the curve: terms of the loss, and errors."""
    first = jax.tree.map(lambda x: x[:1], data)
    terms = eqx.filter_eval_shape(task.loss, model, first, task.conditions, key, jnp.asarray(0.0))[1]
    return terms.shape[0] + task.n_errors


def _begin(parameters, optimiser, epochs, columns):
    zero = jnp.asarray(0)
    curve = jnp.full((epochs, columns), jnp.nan)
    memory = optimiser.init(parameters)
    return State(parameters, memory, parameters, jnp.asarray(jnp.inf), zero, zero, curve, jnp.asarray(0.0))


def _next(state, parameters, memory, row, error, seconds):
    """The state after one more epoch."""
    epoch = state.epoch + 1
    curve = state.curve.at[state.epoch].set(row)
    found = state._replace(
        parameters=parameters, optimiser=memory, epoch=epoch, curve=curve, seconds=state.seconds + seconds
    )
    better = bool(error < state.best_error)
    return found._replace(best=parameters, best_error=error, best_epoch=epoch) if better else found


def _epoch(parameters, memory, fixed, data, order, update, task, clock):
    """Parameters and optimiser after the batches (steps, batch) of an epoch, and the mean of the terms of the loss.

    A loop of steps, not a scan: inside of loops XLA's convolutions on CPUs take 17 times as long.
    """
    found, (key, begin, total) = [], clock
    for number, chosen in enumerate(order):
        now = key, np.int32(begin + number), np.int32(total)
        parameters, memory, terms = _step(
            parameters, memory, fixed, data, chosen, update, task.loss, task.conditions, now
        )
        found.append(terms)
    return parameters, memory, jnp.stack(found).mean(axis=0)


@eqx.filter_jit
def _step(parameters, memory, fixed, data, chosen, update, loss, conditions, now):
    """Parameters and optimiser after one batch (batch,), and the terms of its loss."""
    batch, (key, step, total) = jax.tree.map(lambda x: x[chosen], data), now

    def value(own):
        return loss(eqx.combine(own, fixed), batch, conditions, jax.random.fold_in(key, step), step / total)

    (_, terms), gradient = jax.value_and_grad(value, has_aux=True)(parameters)
    updates, memory = update(gradient, memory, parameters)
    return optax.apply_updates(parameters, updates), memory, terms
