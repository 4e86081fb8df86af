"""Metropolis Monte Carlo: single-site displacements coloured in parallel, and strain moves.

Samples exp(-(U + P V) / kT) V^(N-1) with a flat measure in the components of F along the
strain modes: the same ensemble as `LangevinDynamics`, whose total momentum is zero.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.conventions import BOLTZMANN
from anharmonic.potential.local import LocalEnergies, conflicts
from anharmonic.sampling.colouring import colour_cells

TARGET_ACCEPTANCE = 0.4


class MonteCarloState(eqx.Module):
    """State of a run: all that a restart needs besides key, step and conditions.

    Attributes
    ----------
    displacements : array, shape (n_sites, 3, n_cells)
        u (A).
    deformation : array, shape (3, 3)
        F.
    energy : array
        U (eV).
    widths : array, shape (n_sites,)
        Standard deviations (A) of displacement trials.
    strain_width : array
        Standard deviation of strain trials.
    acceptance : array, shape (n_sites,)
        Share of accepted trials by site in the last pass.
    strain_acceptance : array
        Share of accepted strain trials in the last pass.
    """

    displacements: jax.Array
    deformation: jax.Array
    energy: jax.Array
    widths: jax.Array
    strain_width: jax.Array
    acceptance: jax.Array
    strain_acceptance: jax.Array


class MonteCarlo(eqx.Module):
    """Sampler of the canonical or isothermal-isobaric ensemble by Metropolis trials.

    One step is a pass: one trial per site, then `strain_trials` of the cell.

    Attributes
    ----------
    local : LocalEnergies
    local_translations : array, shape (n_offsets, n_cells)
    colours : tuple of array
        For each site, the cells of each colour (n_colours, n_moved).
    ranks : tuple of array
        For each site, place of each cell within its colour (n_colours, n_cells), n_moved where absent.
    modes : array, shape (n_modes, 3, 3)
    volume : array
        Volume of the undeformed supercell (A^3).
    adapt : array
        Rate at which widths follow the acceptance; zero in production.
    strain_trials : int
    """

    local: LocalEnergies
    local_translations: jax.Array
    colours: tuple
    ranks: tuple
    modes: jax.Array
    volume: jax.Array
    adapt: jax.Array
    strain_trials: int = eqx.field(static=True)

    @classmethod
    def create(cls, potential, supercell, modes, strain_trials=2, dtype="float32"):
        """Sampler for a potential on a supercell.

        Raises
        ------
        AnharmonicError
            If the model is no sum over clusters, or the supercell too small to colour.
        """
        local = LocalEnergies.of_potential(potential)
        colours = [colour_cells(supercell, c) for c in conflicts(potential.basis)]
        return cls(
            local, supercell.translations(np.array(local.offsets)), tuple(colours),
            tuple(_ranks(c, supercell.n_cells) for c in colours), np.asarray(modes, dtype),
            np.asarray(potential.crystal.volume * supercell.n_cells, dtype), np.asarray(0.0, dtype),
            strain_trials if len(modes) else 0,
        )  # fmt: skip

    def adapting(self, rate=0.1):
        """The same sampler with widths that adapt: for equilibration only."""
        return eqx.tree_at(lambda s: s.adapt, self, np.asarray(rate, self.adapt.dtype))

    def init(self, key, displacements, deformation, conditions, lattice, translations):
        """State with guessed widths; they adapt in equilibration."""
        dtype, n_sites = displacements.dtype, displacements.shape[0]
        energy = lattice.energy(displacements, deformation, translations)
        strain_width = 0.02 / jnp.sqrt(displacements.size / 3)
        return MonteCarloState(
            displacements, deformation, energy, jnp.full(n_sites, 0.1, dtype), strain_width.astype(dtype),
            jnp.zeros(n_sites, dtype), jnp.zeros((), dtype),
        )  # fmt: skip

    def step(self, key, state, conditions, lattice, translations):
        """One pass."""
        keys = jax.random.split(key, len(self.colours) + 1)
        displacements, acceptance = state.displacements, []
        metric_tensor = state.deformation.T @ state.deformation
        for site in range(len(self.colours)):
            displacements, accepted = self._sweep_site(
                site, keys[site], displacements, metric_tensor, state.widths[site], conditions, lattice
            )
            acceptance.append(accepted)
        acceptance = jnp.stack(acceptance)
        energy = lattice.energy(displacements, state.deformation, translations)
        state = eqx.tree_at(
            lambda s: (s.displacements, s.energy, s.acceptance, s.widths),
            state,
            (displacements, energy, acceptance, self._adapted(state.widths, acceptance)),
        )
        return self._sweep_strain(keys[-1], state, conditions, lattice, translations) if self.strain_trials else state

    def observe(self, state, conditions):
        """Scalars of a state: energy in eV, shares of accepted trials."""
        return {
            "energy": state.energy,
            "acceptance": jnp.mean(state.acceptance),
            "strain_acceptance": state.strain_acceptance,
        }

    def _sweep_site(self, site, key, displacements, metric_tensor, width, conditions, lattice):
        """One trial for `site` in every cell, colour after colour."""

        def one_colour(displacements, inputs):
            key, cells, ranks = inputs
            step_key, accept_key = jax.random.split(key)
            steps = width * jax.random.normal(step_key, (3, len(cells)), displacements.dtype)
            change = self.local.change(
                lattice, site, cells, steps, displacements, metric_tensor, self.local_translations
            )
            accepted = _metropolis(accept_key, change / (BOLTZMANN * conditions.temperature))
            taken = jnp.append(jnp.where(accepted, steps, 0.0), jnp.zeros((3, 1), steps.dtype), axis=1)
            return displacements.at[site].add(taken[:, ranks]), jnp.mean(accepted.astype(steps.dtype))

        keys = jax.random.split(key, len(self.colours[site]))
        inputs = keys, self.colours[site], self.ranks[site]
        displacements, accepted = jax.lax.scan(one_colour, displacements, inputs)
        return displacements, jnp.mean(accepted)

    def _sweep_strain(self, key, state, conditions, lattice, translations):
        """Trials of the deformation at fixed u."""
        n_atoms = state.displacements.size // 3
        thermal = BOLTZMANN * conditions.temperature

        def one(carry, key):
            deformation, energy = carry
            step_key, accept_key = jax.random.split(key)
            amounts = state.strain_width * jax.random.normal(step_key, (len(self.modes),), energy.dtype)
            trial = deformation + jnp.tensordot(amounts, self.modes, 1)
            trial_energy = lattice.energy(state.displacements, trial, translations)
            old, new = jnp.linalg.det(deformation), jnp.linalg.det(trial)
            work = trial_energy - energy + conditions.pressure * self.volume * (new - old)
            exponent = work / thermal - (n_atoms - 1) * jnp.log(jnp.maximum(new, 1e-6) / old)
            accepted = _metropolis(accept_key, exponent) & (new > 0)
            carry = jax.tree.map(lambda a, b: jnp.where(accepted, a, b), (trial, trial_energy), carry)
            return carry, accepted.astype(energy.dtype)

        carry, accepted = jax.lax.scan(
            one, (state.deformation, state.energy), jax.random.split(key, self.strain_trials)
        )
        share = jnp.mean(accepted)
        return eqx.tree_at(
            lambda s: (s.deformation, s.energy, s.strain_acceptance, s.strain_width),
            state,
            (*carry, share, self._adapted(state.strain_width, share)),
        )

    def _adapted(self, width, acceptance):
        """Width moved towards the target acceptance."""
        return width * jnp.exp(self.adapt * (acceptance - TARGET_ACCEPTANCE))


def _metropolis(key, exponent):
    """Accept with probability min(1, exp(-exponent)); never where it is not finite."""
    uniform = jax.random.uniform(key, exponent.shape, exponent.dtype, minval=jnp.finfo(exponent.dtype).tiny)
    return -jnp.log(uniform) > exponent


def _ranks(colours, n_cells):
    """Place of every cell within each colour, or the number of cells of a colour where it is absent."""
    ranks = np.full((len(colours), n_cells), colours.shape[1], np.int32)
    np.put_along_axis(ranks, colours, np.arange(colours.shape[1], dtype=np.int32)[None], axis=1)
    return ranks
