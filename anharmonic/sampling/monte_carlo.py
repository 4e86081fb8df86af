"""Metropolis Monte Carlo: single-site displacements coloured in parallel, and strain moves.

Samples exp(-(U + P V) / kT) V^(N-1) with a flat measure in the components of F along the
strain modes: the same ensemble as `LangevinDynamics`, whose total momentum is zero.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.conventions import BOLTZMANN
from anharmonic.evaluation import Evaluator, SiteChanges, conflicts
from anharmonic.sampling.colouring import colour_cells
from anharmonic.sampling.noise import normal, uniform

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
    changes : SiteChanges
    order : array, shape (n_cells,), int32
        The cells, sorted by colour.
    places : array, shape (n_cells,), int32
        Where each cell stands in that order.
    neighbours : array, shape (n_colours, n_offsets, n_cells / n_colours), int32
        Where the cells at the offsets of `changes` stand in that order.
    modes : array, shape (n_modes, 3, 3)
    volume : array
        Volume of the undeformed supercell (A^3).
    adapt : array
        Rate at which widths follow the acceptance; zero in production.
    strain_trials : int
    """

    changes: SiteChanges
    order: jax.Array
    places: jax.Array
    neighbours: jax.Array
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
        changes = SiteChanges.of_evaluator(potential.basis, Evaluator.create(potential, supercell, dtype))
        colours = colour_cells(supercell, conflicts(potential.basis))
        order, places = colours.ravel(), np.argsort(colours.ravel()).astype(np.int32)
        neighbours = places[supercell.translations(np.array(changes.offsets).reshape(-1, 3))[:, order]]
        return cls(
            changes, order, places, np.swapaxes(neighbours.reshape(-1, *colours.shape), 0, 1), np.asarray(modes, dtype),
            np.asarray(potential.crystal.volume * supercell.n_cells, dtype), np.asarray(0.0, dtype),
            strain_trials if len(modes) else 0,
        )  # fmt: skip

    def adapting(self, rate=0.1):
        """The same sampler with widths that adapt: for equilibration only."""
        return eqx.tree_at(lambda s: s.adapt, self, np.asarray(rate, self.adapt.dtype))

    def init(self, key, displacements, deformation, conditions, model):
        """State with guessed widths; they adapt in equilibration."""
        dtype, n_sites = displacements.dtype, displacements.shape[0]
        energy = model.energy(displacements, deformation)
        strain_width = 0.02 / jnp.sqrt(displacements.size / 3)
        return MonteCarloState(
            displacements, deformation, energy, jnp.full(n_sites, 0.1, dtype), strain_width.astype(dtype),
            jnp.zeros(n_sites, dtype), jnp.zeros((), dtype),
        )  # fmt: skip

    def step(self, key, state, conditions, model):
        """One pass."""
        site_key, strain_key = jax.random.split(key)
        state = self._sweep_sites(site_key, state, conditions)
        return self._sweep_strain(strain_key, state, conditions, model) if self.strain_trials else state

    def observe(self, state, conditions, model):
        """Scalars of a state: energy in eV, shares of accepted trials."""
        return {
            "energy": model.energy(state.displacements, state.deformation),
            "acceptance": jnp.mean(state.acceptance),
            "strain_acceptance": state.strain_acceptance,
        }

    def _sweep_sites(self, key, state, conditions):
        """One trial for every site of every cell, site after site, colour after colour."""
        n_sites, dtype = state.displacements.shape[0], state.displacements.dtype
        n_colours, _, n_moved = self.neighbours.shape
        step_key, accept_key = jax.random.split(key)
        steps = state.widths[:, None, None, None] * normal(step_key, (n_sites, n_colours, 3, n_moved), dtype)
        thermal = BOLTZMANN * conditions.temperature
        limits = thermal * _thresholds(accept_key, (n_sites, n_colours, n_moved), dtype)
        displacements = jnp.take(state.displacements, self.order, axis=-1, mode="clip")
        metric_tensor, shares, energy = state.deformation.T @ state.deformation, [], state.energy
        for site in range(n_sites):
            trials = steps[site], limits[site]
            displacements, (accepted, change) = self._sweep_site(site, displacements, *trials, metric_tensor)
            shares.append(jnp.mean(accepted))
            energy = energy + jnp.sum(change)
        displacements, shares = jnp.take(displacements, self.places, axis=-1, mode="clip"), jnp.stack(shares)
        return eqx.tree_at(
            lambda s: (s.displacements, s.energy, s.acceptance, s.widths),
            state,
            (displacements, energy, shares, self._adapted(state.widths, shares)),
        )

    def _sweep_site(self, site, displacements, steps, limits, metric_tensor):
        """Trials for `site`; also the share of accepted ones and the change of energy by colour."""
        around, n_cells = self.changes.surroundings[site], displacements.shape[-1]
        n_moved = steps.shape[-1]
        first = ((3 * around.sites + np.arange(3, dtype=np.int32)[:, None]) * n_cells)[:, :, None]

        def one_colour(displacements, inputs):
            colour, steps, limits, neighbours = inputs
            start = np.int32(site), np.int32(0), colour * n_moved
            own = jax.lax.dynamic_slice(displacements, start, (1, 3, n_moved))[0]
            places = first + jnp.take(neighbours, around.offsets, axis=0, mode="clip")
            others = displacements.reshape(-1).at[places].get(mode="promise_in_bounds")
            change = self.changes.change(site, own, steps, others, metric_tensor)
            accepted = change < limits
            moved = own + jnp.where(accepted, steps, 0.0)
            displacements = jax.lax.dynamic_update_slice(displacements, moved[None], start)
            return displacements, (jnp.mean(accepted.astype(own.dtype)), jnp.sum(jnp.where(accepted, change, 0.0)))

        colours = jnp.arange(len(steps), dtype=jnp.int32)
        return jax.lax.scan(one_colour, displacements, (colours, steps, limits, self.neighbours))

    def _sweep_strain(self, key, state, conditions, model):
        """Trials of the deformation at fixed u."""
        n_atoms = state.displacements.size // 3
        thermal = BOLTZMANN * conditions.temperature

        def one(carry, key):
            deformation, energy = carry
            step_key, accept_key = jax.random.split(key)
            amounts = state.strain_width * jax.random.normal(step_key, (len(self.modes),), energy.dtype)
            trial = deformation + jnp.tensordot(amounts, self.modes, 1)
            trial_energy = model.energy(state.displacements, trial)
            old, new = jnp.linalg.det(deformation), jnp.linalg.det(trial)
            work = trial_energy - energy + conditions.work(self.volume, trial) - conditions.work(self.volume, deformation)
            exponent = work / thermal - (n_atoms - 1) * jnp.log(jnp.maximum(new, 1e-6) / old)
            accepted = (exponent < _thresholds(accept_key, (), energy.dtype)) & (new > 0)
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


def _thresholds(key, shape, dtype):
    """-log of uniform numbers: accepting what is smaller accepts x with probability min(1, exp(-x))."""
    return -jnp.log(uniform(key, shape, dtype))
