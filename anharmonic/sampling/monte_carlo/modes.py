"""Collective moves along given displacement patterns: soft modes that single atoms follow slowly."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.errors import AnharmonicError
from anharmonic.sampling.monte_carlo.metropolis import Microstate, decide, exponent


class ModeMoves(eqx.Module):
    """One trial of the amplitude of each pattern, optionally together with a strain of the cell.

    The step is ``u + a pattern``, and with `strain` also ``F + a strain (random strain)``, with a normal
    number a of standard deviation `width` by pattern. Patterns need not be orthogonal.

    Attributes
    ----------
    patterns : array, shape (n_patterns, n_sites, 3, n_cells)
        Displacements (A) at amplitude 1, in the reference frame.
    modes : array, shape (n_modes, 3, 3)
        Strain modes that move along.
    strain : array, shape (n_patterns,)
        Standard deviation of each component of the strain, relative to that of the amplitude.
    volume : array
        Of the undeformed supercell (A^3).
    """

    patterns: jax.Array
    modes: jax.Array
    strain: jax.Array
    volume: jax.Array
    target: float = eqx.field(static=True, default=0.4)
    label: str = eqx.field(static=True, default="mode_acceptance")

    @classmethod
    def create(cls, crystal, supercell, patterns, modes=None, strain=0.0, dtype="float32"):
        """Moves for a supercell of `crystal`.

        Parameters
        ----------
        crystal : Crystal
        supercell : Supercell
        patterns : array_like, shape (n_patterns, n_sites, 3, n_cells)
            For instance those of `anharmonic.analysis.TiltModes` that fit the supercell.
        modes : array_like, shape (n_modes, 3, 3), optional
            Strain modes, as of `strain_modes`.
        strain : float or array_like, shape (n_patterns,)
            Strain that goes with amplitude 1.

        Raises
        ------
        AnharmonicError
            If a pattern has not the shape of displacements, is zero or not finite.
        """
        patterns = np.asarray(patterns, float)
        if patterns.shape[1:] != (crystal.n_sites, 3, supercell.n_cells):
            raise AnharmonicError(
                f"patterns have the shape (n, {crystal.n_sites}, 3, {supercell.n_cells}); found {patterns.shape}"
            )
        size = np.sum(patterns**2, axis=(1, 2, 3))
        if not (np.isfinite(size) & (size > 0)).all():
            raise AnharmonicError("a pattern is zero or not finite: does the mode fit the supercell?")
        strain = np.broadcast_to(np.asarray(strain, float), len(patterns))
        modes = np.zeros((0, 3, 3)) if modes is None else modes
        values = patterns, modes, strain, crystal.volume * supercell.n_cells
        return cls(*(np.asarray(v, dtype) for v in values))

    def initial_width(self, displacements):
        """A guess (n_patterns,): as far in all as a single atom."""
        return 0.1 / jnp.sqrt(jnp.sum(self.patterns**2, axis=(1, 2, 3)))

    def __call__(self, key, configuration, width, conditions, model):
        """The configuration after one trial for each pattern, and their probabilities (n_patterns,)."""

        def one(configuration, inputs):
            key, pattern, width, strain = inputs
            amplitude_key, strain_key, accept_key = jax.random.split(key, 3)
            amplitude = width * jax.random.normal(amplitude_key, (), width.dtype)
            amounts = strain * width * jax.random.normal(strain_key, (len(self.modes),), width.dtype)
            displacements = configuration.displacements + amplitude * pattern
            deformation = configuration.deformation + jnp.tensordot(amounts, self.modes, 1)
            trial = Microstate(displacements, deformation, model.energy(displacements, deformation))
            return decide(accept_key, configuration, trial, exponent(configuration, trial, self.volume, conditions))

        inputs = jax.random.split(key, len(self.patterns)), self.patterns, width, self.strain
        return jax.lax.scan(one, configuration, inputs)
