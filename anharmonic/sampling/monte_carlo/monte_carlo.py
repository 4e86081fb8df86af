"""Monte Carlo as a composition of moves.

Samples exp(-(U + W) / kT) V^(N-1) with a flat measure in the components of F along the
strain modes: the same ensemble as `MolecularDynamics`, whose total momentum is zero.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.sampling.monte_carlo.metropolis import Microstate
from anharmonic.sampling.monte_carlo.sharded_sites import ShardedSiteMoves
from anharmonic.sampling.monte_carlo.sites import SiteMoves
from anharmonic.sampling.monte_carlo.strain import StrainMoves


class MonteCarloState(Microstate):
    """State of a run: all that a restart needs besides key, step and conditions.

    Attributes
    ----------
    widths : tuple of array
        Size of the trials of each move, in its own unit.
    acceptance : tuple of array
        Share of accepted trials of each move in the last step.
    """

    widths: tuple
    acceptance: tuple


class MonteCarlo(eqx.Module):
    """Sampler of the canonical or isothermal-isobaric ensemble.

    One step is every move once, in order. Each leaves the ensemble unchanged, so their composition
    does, whatever the order; together they must reach every configuration.

    Attributes
    ----------
    moves : tuple
        Each with `target`, `label`, `initial_width(displacements)` and
        ``(key, configuration, width, conditions, model) -> (configuration, acceptance)``.
    adapt : array
        Rate at which widths follow the acceptance; zero in production, where widths
        that depend on the past would bias the ensemble.
    """

    moves: tuple
    adapt: jax.Array

    @classmethod
    def create(cls, potential, supercell, modes, moves=None, dtype="float32", blocks=None):
        """Sampler for a potential on a supercell.

        Parameters
        ----------
        potential : Potential
        supercell : Supercell
        modes : array, shape (n_modes, 3, 3)
            Strain modes, as of `strain_modes`; none for a fixed cell.
        moves : sequence, optional
            By default `SiteMoves` and `StrainMoves`. What others cost and bring: docs/sampling.md.
        dtype : str
        blocks : Blocks, optional
            Of a supercell that is split over devices; for the default moves.

        Raises
        ------
        AnharmonicError
            If the default moves are impossible: the model is no sum over clusters, or the supercell too small.
        """
        if moves is None:
            strain = StrainMoves.create(potential.crystal, supercell, modes, dtype=dtype)
            sites = SiteMoves.create(potential, supercell, dtype=dtype)
            moves = sites if blocks is None else ShardedSiteMoves.of_moves(sites, blocks), strain
        return cls(tuple(moves), np.asarray(0.0, dtype))

    @property
    def n_exchanges(self):
        """How often a step needs the displacements of neighbouring cells anew."""
        return sum(move.n_exchanges for move in self.moves)

    def adapting(self, rate=0.1):
        """The same sampler with widths that adapt: for equilibration only."""
        return eqx.tree_at(lambda s: s.adapt, self, np.asarray(rate, self.adapt.dtype))

    def init(self, key, displacements, deformation, conditions, model):
        """State with guessed widths; they adapt in equilibration."""
        energy = model.energy(displacements, deformation)
        widths = tuple(jnp.asarray(move.initial_width(displacements), displacements.dtype) for move in self.moves)
        return MonteCarloState(displacements, deformation, energy, widths, tuple(map(jnp.zeros_like, widths)))

    def step(self, key, state, conditions, model):
        """Every move once."""
        configuration = Microstate(state.displacements, state.deformation, state.energy)
        keys, shares = jax.random.split(key, len(self.moves)), []
        for move, one_key, width in zip(self.moves, keys, state.widths, strict=True):
            configuration, share = move(one_key, configuration, width, conditions, model)
            shares.append(share)
        widths = [
            width * jnp.exp(self.adapt * (share - move.target))
            for move, width, share in zip(self.moves, state.widths, shares, strict=True)
        ]
        parts = configuration.displacements, configuration.deformation, configuration.energy
        return MonteCarloState(*parts, tuple(widths), tuple(shares))

    def observe(self, state, conditions, model):
        """Scalars of a state: energy in eV, mean share of accepted trials by the label of the move."""
        shares = {}
        for move, share in zip(self.moves, state.acceptance, strict=True):
            number = sum(name.startswith(move.label) for name in shares)
            shares[f"{move.label}_{number + 1}" if number else move.label] = jnp.mean(share)
        return {"energy": state.energy} | shares

    def adopt(self, own, other, own_conditions, other_conditions):
        """The configuration of `other` with the widths of `own`, which fit the conditions of `own`."""
        return eqx.tree_at(lambda s: (s.widths, s.acceptance), other, (own.widths, own.acceptance))
