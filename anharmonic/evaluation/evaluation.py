"""Single evaluations from Python with as little overhead as JAX allows."""

from functools import cache

import equinox as eqx
import jax


class Evaluation:
    """An `Evaluator` as a plain function: its tables stay on the device, and nothing is inspected at a call.

    To be made and called in the precision of the evaluator.

    Parameters
    ----------
    evaluator : Evaluator
    """

    def __init__(self, evaluator):
        arrays, static = eqx.partition(evaluator, eqx.is_array_like)
        leaves, structure = jax.tree.flatten(arrays)
        self._leaves, self._compiled = jax.device_put(leaves), _compiled(static, structure)

    def __call__(self, displacements, deformation):
        """``(energy, forces, stress, grades of the sites)`` as of `Evaluator`, on the host."""
        return jax.device_get(self._compiled(self._leaves, displacements, deformation))


@cache
def _compiled(static, structure):
    """Compiled once for all evaluators that differ in numbers only."""

    def evaluate(leaves, *state):
        evaluator = eqx.combine(jax.tree.unflatten(structure, leaves), static)
        return *evaluator.forces_and_stress(*state), evaluator.site_grades(*state)

    return jax.jit(evaluate)
