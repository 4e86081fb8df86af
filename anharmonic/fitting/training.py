"""Training of all parameters by Adam with early stopping on validation frames."""

from dataclasses import dataclass

import equinox as eqx
import jax
import numpy as np
import optax

from anharmonic.fitting.prediction import device_batches, loss
from anharmonic.potential.features import Features
from anharmonic.potential.lattice import LatticePotential
from anharmonic.potential.linear_weights import is_linear
from anharmonic.potential.potential import precision
from anharmonic.potential.topology import Topology


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to train.

    Attributes
    ----------
    steps : int
        Full-batch steps of Adam at most.
    learning_rate : float
        At its peak; rises over the first 5 % of the steps, then falls as a cosine.
    patience : int
        Checks (one every `check_every` steps) without a better validation loss
        before stopping.
    check_every : int
        Steps between checks.
    weight_decay : float
        Of AdamW.
    """

    steps: int = 2000
    learning_rate: float = 5e-3
    patience: int = 20
    check_every: int = 20
    weight_decay: float = 1e-4


@dataclass(frozen=True)
class Trained:
    """Best parameters found and the curve of (step, training loss, validation loss)."""

    model: eqx.Module
    offsets: np.ndarray
    curve: np.ndarray
    stopped_early: bool


def train(basis, model, offsets, parts, weights, schedule, on_check=lambda step, curve: None):
    """Minimise the loss over model parameters and group offsets, in float64.

    Parameters
    ----------
    basis : ClusterBasis
    model : ClusterModel or SiteModel
        At the start; feature scales are not trained.
    offsets : ndarray, shape (n_groups,)
        Initial energy offsets (eV per cell).
    parts : dict of Dataset
        ``"training"`` and, if there is one, ``"validation"``.
    weights : Weights
    schedule : Schedule
    on_check : callable
        Called with ``(step, curve)`` after every check, for progress.

    Returns
    -------
    Trained
    """
    lattice = LatticePotential(Topology.of_basis(basis), Features.of_basis(basis), model)
    with precision("float64"):
        training, validation = (
            device_batches(parts[part], lattice.topology, weights)[0] if part in parts else []
            for part in ("training", "validation")
        )
        return _train(lattice, offsets, training, validation, schedule, on_check)


def _train(lattice, offsets, training, validation, schedule, on_check):
    """`train` on device batches."""
    trainable = _freeze_scales(lattice.model, jax.tree.map(eqx.is_array_like, lattice.model))
    parameters, fixed = eqx.partition(lattice.model, trainable)
    optimiser = optax.adamw(_learning_rate(schedule), weight_decay=schedule.weight_decay)
    variables = (jax.tree.map(jax.numpy.asarray, parameters), jax.numpy.asarray(offsets))
    state = optimiser.init(variables)

    def objective(variables, lattice, batches):
        model = eqx.combine(variables[0], fixed)
        return loss(eqx.tree_at(lambda x: x.model, lattice, model), variables[1], batches)

    @eqx.filter_jit
    def advance(variables, state, lattice, batches):
        def step(carry, _):
            variables, state = carry
            value, gradient = jax.value_and_grad(objective)(variables, lattice, batches)
            updates, state = optimiser.update(gradient, state, variables)
            return (optax.apply_updates(variables, updates), state), value

        (variables, state), values = jax.lax.scan(step, (variables, state), length=schedule.check_every)
        return variables, state, values[-1]

    evaluate = eqx.filter_jit(objective)
    start = float(evaluate(variables, lattice, validation or training))
    best, best_value, since, curve = variables, start, 0, []
    for step in range(schedule.check_every, schedule.steps + 1, schedule.check_every):
        variables, state, value = advance(variables, state, lattice, training)
        held_out = float(evaluate(variables, lattice, validation)) if validation else float(value)
        curve.append((step, float(value), held_out))
        best, best_value, since = (variables, held_out, 0) if held_out < best_value else (best, best_value, since + 1)
        on_check(step, curve)
        if since >= schedule.patience or not np.isfinite(value):
            break
    model = jax.tree.map(np.asarray, eqx.combine(best[0], fixed))
    return Trained(model, np.asarray(best[1]), np.array(curve), since >= schedule.patience)


def _learning_rate(schedule):
    warm_up = max(schedule.steps // 20, 1)
    return optax.warmup_cosine_decay_schedule(0.0, schedule.learning_rate, warm_up, schedule.steps, 1e-5)


def _freeze_scales(model, trainable):
    """Mark the standardisation of features as not trained."""
    return jax.tree.map(
        lambda part, flags: eqx.tree_at(lambda e: e.scales, flags, False) if is_linear(part) else flags,
        model, trainable, is_leaf=is_linear,
    )  # fmt: skip
