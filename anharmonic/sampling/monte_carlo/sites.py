"""Single-site displacement moves, coloured: cells that share no cluster move at once."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.conventions import BOLTZMANN
from anharmonic.errors import AnharmonicError
from anharmonic.evaluation import Evaluator, SiteChanges, conflicts
from anharmonic.sampling.monte_carlo.colouring import colour_cells
from anharmonic.sampling.monte_carlo.metropolis import check_proposal, thresholds, unit_steps

FIRST_WIDTH = 0.1
"""A."""


class SiteMoves(eqx.Module):
    """One trial for every site of every cell, site after site, colour after colour.

    Trials of one colour change disjoint sets of clusters, so that moving them at once is
    the same as one after another. Widths are standard deviations (A) of each component, by site.

    Attributes
    ----------
    changes : SiteChanges
    order : array, shape (n_cells,), int32
        The cells, sorted by colour.
    places : array, shape (n_cells,), int32
        Where each cell stands in that order.
    neighbours : array, shape (n_colours, n_offsets, n_cells / n_colours), int32
        Where the cells at the offsets of `changes` stand in that order.
    proposal : str
        ``"normal"`` or ``"uniform"``.
    """

    changes: SiteChanges
    order: jax.Array
    places: jax.Array
    neighbours: jax.Array
    proposal: str = eqx.field(static=True)
    target: float = eqx.field(static=True, default=0.4)
    label: str = eqx.field(static=True, default="acceptance")

    @classmethod
    def create(cls, potential, supercell, proposal="normal", dtype="float32"):
        """Moves for a potential on a supercell.

        Raises
        ------
        AnharmonicError
            If the model is no sum over clusters, or the supercell too small to colour.
        """
        check_proposal(proposal)
        try:
            changes = SiteChanges.of_evaluator(potential.basis, Evaluator.create(potential, supercell, dtype))
            colours = colour_cells(supercell, conflicts(potential.basis))
        except AnharmonicError as error:
            raise AnharmonicError(
                f"{error} In Python, Monte Carlo with moves=(SequentialMoves(), ...) takes any supercell and model: "
                "one atom at a time with the full energy, which is slow."
            ) from error
        order, places = colours.ravel(), np.argsort(colours.ravel()).astype(np.int32)
        neighbours = places[supercell.translations(np.array(changes.offsets).reshape(-1, 3))[:, order]]
        by_colour = np.swapaxes(neighbours.reshape(-1, *colours.shape), 0, 1)
        return cls(changes, order, places, by_colour, proposal)

    def initial_width(self, displacements):
        """A guess (n_sites,), in A."""
        return jnp.full(len(displacements), FIRST_WIDTH, displacements.dtype)

    def __call__(self, key, configuration, width, conditions, model):
        """The configuration after one pass, and the share of accepted trials by site (n_sites,)."""
        steps, limits = self.draw(key, configuration.displacements)
        limits = BOLTZMANN * conditions.temperature * limits
        displacements, shares, _ = self.sweep(configuration, width[:, None, None, None] * steps, limits)
        energy = model.energy(displacements, configuration.deformation)
        return eqx.tree_at(lambda c: (c.displacements, c.energy), configuration, (displacements, energy)), shares

    def draw(self, key, displacements):
        """Steps of unit variance (n_sites, n_colours, 3, n_moved), and thresholds (n_sites, n_colours, n_moved)."""
        n_colours, _, n_moved = self.neighbours.shape
        n_sites, dtype = displacements.shape[0], displacements.dtype
        step_key, accept_key = jax.random.split(key)
        steps = unit_steps(self.proposal, step_key, (n_sites, n_colours, 3, n_moved), dtype)
        return steps, thresholds(accept_key, (n_sites, n_colours, n_moved), dtype)

    def sweep(self, configuration, steps, limits):
        """Displacements after given trials, shares of accepted ones (n_sites,), and the change of energy (eV).

        Parameters
        ----------
        configuration : Microstate
        steps : array, shape (n_sites, n_colours, 3, n_moved)
            A.
        limits : array, shape (n_sites, n_colours, n_moved)
            Largest changes of energy that are accepted (eV).
        """
        by_colour = jnp.take(configuration.displacements, self.order, axis=-1, mode="clip")
        by_colour, shares, total = self.pass_over(by_colour, configuration.deformation, steps, limits)
        return jnp.take(by_colour, self.places, axis=-1, mode="clip"), shares, total

    def pass_over(self, displacements, deformation, steps, limits, told=lambda site, displacements: displacements):
        """As `sweep`, of displacements whose cells are sorted by colour; other cells may stand behind them.

        `told` is given the displacements whenever a colour of a site has moved, and returns them: with news of the
        other cells.
        """
        shares, total = [], jnp.zeros((), displacements.dtype)
        metric_tensor = deformation.T @ deformation
        for site in range(len(displacements)):
            trials = steps[site], limits[site]
            displacements, (accepted, change) = self._sweep_site(site, displacements, *trials, metric_tensor, told)
            shares.append(jnp.mean(accepted))
            total = total + jnp.sum(change)
        return displacements, jnp.stack(shares), total

    def _sweep_site(self, site, displacements, steps, limits, metric_tensor, told):
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
            displacements = told(site, jax.lax.dynamic_update_slice(displacements, moved[None], start))
            return displacements, (jnp.mean(accepted.astype(own.dtype)), jnp.sum(jnp.where(accepted, change, 0.0)))

        colours = jnp.arange(len(steps), dtype=jnp.int32)
        return jax.lax.scan(one_colour, displacements, (colours, steps, limits, self.neighbours))
