"""Single-site displacement moves one after another, each with the full energy: the reference for `SiteMoves`."""

import equinox as eqx
import jax
import jax.numpy as jnp

from anharmonic.conventions import BOLTZMANN
from anharmonic.errors import AnharmonicError
from anharmonic.sampling.monte_carlo.metropolis import Microstate, check_proposal, thresholds, unit_steps
from anharmonic.sampling.monte_carlo.sites import FIRST_WIDTH

ORDERS = ("fixed", "random")


class SequentialMoves(eqx.Module):
    """One trial for every atom, one atom at a time.

    N full energies a pass: slow, but for every model and supercell, and independent of all that
    makes `SiteMoves` fast. Widths are standard deviations (A) of each component, by site.

    Attributes
    ----------
    proposal : str
        ``"normal"`` or ``"uniform"``.
    order : str
        ``"random"``: another order of the atoms in every pass, so that the pass obeys detailed
        balance; ``"fixed"``: site after site, cell after cell.
    """

    proposal: str = eqx.field(static=True, default="normal")
    order: str = eqx.field(static=True, default="random")
    target: float = eqx.field(static=True, default=0.4)
    label: str = eqx.field(static=True, default="acceptance")

    def __check_init__(self):
        check_proposal(self.proposal)
        if self.order not in ORDERS:
            raise AnharmonicError(f"order is one of {', '.join(ORDERS)}; found {self.order!r}")

    def initial_width(self, displacements):
        """A guess (n_sites,), in A."""
        return jnp.full(len(displacements), FIRST_WIDTH, displacements.dtype)

    def __call__(self, key, configuration, width, conditions, model):
        """The configuration after one pass, and the share of accepted trials by site (n_sites,)."""
        displacements = configuration.displacements
        n_sites, _, n_cells = displacements.shape
        n_atoms = n_sites * n_cells
        step_key, accept_key, order_key = jax.random.split(key, 3)
        atoms = jnp.arange(n_atoms, dtype=jnp.int32)
        if self.order == "random":
            atoms = jax.random.permutation(order_key, atoms)
        steps = unit_steps(self.proposal, step_key, (n_atoms, 3), displacements.dtype)
        steps = width[atoms // n_cells, None] * steps
        limits = thresholds(accept_key, (n_atoms,), displacements.dtype)
        limits = BOLTZMANN * conditions.temperature * limits
        configuration, accepted = self.sweep(configuration, atoms, steps, limits, model)
        by_site = jnp.zeros(n_sites, displacements.dtype).at[atoms // n_cells].add(accepted)
        return configuration, by_site / n_cells

    def sweep(self, configuration, atoms, steps, limits, model):
        """The configuration after given trials, and which were accepted (n_trials,): 0 or 1.

        Parameters
        ----------
        configuration : Microstate
        atoms : array, shape (n_trials,), int32
            ``site * n_cells + cell`` of the atom of each trial.
        steps : array, shape (n_trials, 3)
            A.
        limits : array, shape (n_trials,)
            Largest changes of energy that are accepted (eV).
        model : Evaluator
        """
        n_cells, deformation = configuration.displacements.shape[-1], configuration.deformation

        def one(carry, trial):
            displacements, energy = carry
            atom, step, limit = trial
            at = atom // n_cells, jnp.zeros_like(atom), atom % n_cells
            own = jax.lax.dynamic_slice(displacements, at, (1, 3, 1))
            moved = jax.lax.dynamic_update_slice(displacements, own + step[None, :, None], at)
            trial_energy = model.energy(moved, deformation)
            accepted = trial_energy - energy < limit
            carry = jnp.where(accepted, moved, displacements), jnp.where(accepted, trial_energy, energy)
            return carry, accepted.astype(energy.dtype)

        start = configuration.displacements, configuration.energy
        (displacements, energy), accepted = jax.lax.scan(one, start, (atoms, steps, limits))
        return Microstate(displacements, deformation, energy), accepted
