"""Evaluations alone, under the protocol of the samplers. Imported only where a row runs, as it imports JAX."""

from typing import NamedTuple

import equinox as eqx
import jax

DISPLACEMENT = 0.05
"""A, of the random state around which evaluations stay."""

PULL, STRAIN_PULL = 1e-4, 1e-4
"""A^2/eV, and 1/eV per atom: how far a result moves the next state; small beside the inverse of any stiffness."""


class Evaluated(NamedTuple):
    """A state, the displacements around which it stays, and the energy (eV) of the state before."""

    displacements: jax.Array
    deformation: jax.Array
    centre: jax.Array
    energy: jax.Array


class Evaluations(eqx.Module):
    """Energy, forces and stress once a step; forces and stress make the next state, so nothing can be left out."""

    def init(self, key, displacements, deformation, conditions, model):
        """A random state."""
        centre = displacements + DISPLACEMENT * jax.random.normal(key, displacements.shape, displacements.dtype)
        return Evaluated(centre, deformation, centre, model.energy(centre, deformation))

    def step(self, key, state, conditions, model):
        """One evaluation."""
        energy, by_u, by_f = model.gradients(state.displacements, state.deformation)
        n_atoms = state.displacements.size // 3
        deformation = jax.numpy.eye(3, dtype=by_f.dtype) - STRAIN_PULL / n_atoms * by_f
        return Evaluated(state.centre - PULL * by_u, deformation, state.centre, energy)

    def observe(self, state, conditions, model):
        """Energy (eV) of the last evaluation."""
        return {"energy": state.energy}
