"""L-BFGS for many small problems at once, with the exact inverse of what is quadratic in them.

Every iteration costs one evaluation of all problems: a step that does not lower its loss enough is shortened in the
next one, whatever the other problems do. Nocedal and Wright, Numerical Optimization (2006), algorithm 7.4.
"""

import equinox as eqx
import jax
import jax.numpy as jnp

MEMORY = 12
DECREASE = 1e-4
"""Share of the decrease that the slope promises that a step must bring (Armijo)."""

SHORTEN = 0.3
SHORTEST = 1e-3
"""A step shorter than this share of the direction starts again without memory."""

FIRST = 0.05
"""Length of the first step in the parameters that are not quadratic."""


class Search(eqx.Module):
    """State of m problems of P parameters.

    Attributes
    ----------
    x, gradient, direction : array, shape (m, P)
    loss, length : array, shape (m,)
    steps, changes : array, shape (MEMORY, m, P)
        Last accepted steps and changes of the gradient, the newest first.
    inverse : array, shape (MEMORY, m)
        1 / (step . change); zero for an empty place.
    """

    x: jax.Array
    gradient: jax.Array
    direction: jax.Array
    loss: jax.Array
    length: jax.Array
    steps: jax.Array
    changes: jax.Array
    inverse: jax.Array


def minimise(objective, x, precondition, free, iterations):
    """Lower the losses of m problems.

    Parameters
    ----------
    objective : callable
        Of x (m, P); gives losses (m,), each of which depends on its own row only.
    x : array, shape (m, P)
    precondition : callable
        ``(vectors (m, P), scale (m,)) -> (m, P)``: first guess of the inverse Hessian; `scale` is for its free part.
    free : array of bool, shape (P,)
        Parameters in which the objective is not quadratic.
    iterations : int

    Returns
    -------
    x, losses
        The last of shape (iterations, m).
    """

    def evaluate(x):
        losses, pull = jax.vjp(objective, x)
        return losses, pull(jnp.ones_like(losses))[0]

    loss, gradient = evaluate(x)
    empty = jnp.zeros((MEMORY, *x.shape), x.dtype)
    direction = -precondition(gradient, _first_scale(gradient, free))
    none = jnp.zeros((MEMORY, len(x)), x.dtype)
    search = Search(x, gradient, direction, loss, jnp.ones_like(loss), empty, empty, none)

    def iterate(search, _):
        trial = search.x + search.length[:, None] * search.direction
        return _advance(search, trial, *evaluate(trial), precondition, free), search.loss

    search, losses = jax.lax.scan(iterate, search, length=iterations)
    return search.x, losses


def _advance(search, trial, loss, gradient, precondition, free):
    """Accept or shorten the step of every problem."""
    promised = search.length * _dot(search.gradient, search.direction)
    accepted = (loss <= search.loss + DECREASE * promised) & jnp.isfinite(loss)
    step, change = trial - search.x, gradient - search.gradient
    curvature = _dot(step, change)
    kept = accepted & (curvature > 1e-6 * jnp.sqrt(_dot(step, step) * _dot(change, change)))
    failed = ~accepted & (search.length < SHORTEST)

    def pushed(memory, new):
        moved = jnp.concatenate([new[None], memory[:-1]])
        chosen = jnp.where(kept.reshape(-1, *[1] * (new.ndim - 1)), moved, memory)
        return jnp.where(failed.reshape(-1, *[1] * (new.ndim - 1)), 0.0, chosen)

    steps, changes = pushed(search.steps, step), pushed(search.changes, change)
    inverse = pushed(search.inverse, jnp.where(kept, 1 / jnp.where(kept, curvature, 1.0), 0.0))
    column = accepted[:, None]
    x, gradient = jnp.where(column, trial, search.x), jnp.where(column, gradient, search.gradient)
    direction = -_inverse_hessian(gradient, steps, changes, inverse, precondition, free)
    renewed = accepted | failed
    return Search(
        x, gradient, jnp.where(renewed[:, None], direction, search.direction), jnp.where(accepted, loss, search.loss),
        jnp.where(renewed, 1.0, search.length * SHORTEN), steps, changes, inverse,
    )  # fmt: skip


def _inverse_hessian(vector, steps, changes, inverse, precondition, free):
    """The two loops of L-BFGS."""
    alphas = []
    for k in range(MEMORY):
        alphas.append(inverse[k] * _dot(steps[k], vector))
        vector = vector - alphas[-1][:, None] * changes[k]
    step, change = jnp.where(free, steps[0], 0.0), jnp.where(free, changes[0], 0.0)
    square = _dot(change, change)
    learned = abs(_dot(step, change)) / jnp.maximum(square, 1e-30)
    scale = jnp.where((inverse[0] > 0) & (square > 0), learned, _first_scale(vector, free))
    vector = precondition(vector, scale)
    for k in reversed(range(MEMORY)):
        beta = inverse[k] * _dot(changes[k], vector)
        vector = vector + (alphas[k] - beta)[:, None] * steps[k]
    return vector


def _first_scale(gradient, free):
    size = jnp.linalg.norm(jnp.where(free, gradient, 0.0), axis=1)
    return FIRST / jnp.maximum(size, FIRST)


def _dot(a, b):
    return jnp.sum(a * b, axis=-1)
