"""Strain moves: trials of the deformation gradient at fixed displacements u, all atoms following the cell."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.sampling.monte_carlo.metropolis import Microstate, decide, exponent


class StrainMoves(eqx.Module):
    """A few trials of F along all strain modes at once.

    A step of F is uniform in the components along the modes, in which the ensemble is flat: the weight
    V^(N-1) is that of the atoms (`exponent`). The width is the standard deviation of each component.

    Attributes
    ----------
    modes : array, shape (n_modes, 3, 3)
        None for a fixed cell: nothing is tried.
    volume : array
        Of the undeformed supercell (A^3).
    trials : int
    """

    modes: jax.Array
    volume: jax.Array
    trials: int = eqx.field(static=True)
    target: float = eqx.field(static=True, default=0.4)
    label: str = eqx.field(static=True, default="strain_acceptance")

    @classmethod
    def create(cls, crystal, supercell, modes, trials=2, dtype="float32"):
        """Moves for a supercell of `crystal`."""
        volume = np.asarray(crystal.volume * supercell.n_cells, dtype)
        return cls(np.asarray(modes, dtype), volume, trials)

    @property
    def n_exchanges(self):
        """How often the displacements of neighbouring cells are needed anew: for the energy of each trial."""
        return self.trials if len(self.modes) else 0

    def initial_width(self, displacements):
        """A guess: thermal strains fall with the square root of the number of atoms."""
        return jnp.asarray(0.02 / np.sqrt(displacements.size / 3), displacements.dtype)

    def __call__(self, key, configuration, width, conditions, model):
        """The configuration after all trials, and their mean probability of acceptance."""
        if not len(self.modes) or not self.trials:
            return configuration, jnp.zeros_like(width)

        def one(configuration, key):
            step_key, accept_key = jax.random.split(key)
            amounts = width * jax.random.normal(step_key, (len(self.modes),), width.dtype)
            deformation = configuration.deformation + jnp.tensordot(amounts, self.modes, 1)
            energy = model.energy(configuration.displacements, deformation)
            trial = Microstate(configuration.displacements, deformation, energy)
            return decide(accept_key, configuration, trial, exponent(configuration, trial, self.volume, conditions))

        configuration, probabilities = jax.lax.scan(one, configuration, jax.random.split(key, self.trials))
        return configuration, jnp.mean(probabilities)
