"""Single-site moves of a supercell that is split over devices: the same trials, each by the owner of the cell.

Cells of one colour share no cluster, so all devices move theirs at once. Whenever a colour of a site has moved, the
planes at the ends of each block are sent to the neighbouring devices, whose next trials see them: the Markov
chain is that of one device, trial by trial.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.conventions import BOLTZMANN
from anharmonic.errors import AnharmonicError
from anharmonic.evaluation.blocks import AXIS, EVERYWHERE, FIELD, Blocks, PerBlock
from anharmonic.sampling.monte_carlo.metropolis import thresholds, unit_steps
from anharmonic.sampling.monte_carlo.sites import SiteMoves


class ShardedSiteMoves(eqx.Module):
    """What `SiteMoves` does, by devices that hold a block of the cells each.

    A device keeps the displacements of its own cells, sorted by colour, and behind them those of its halo.

    Attributes
    ----------
    of_block : SiteMoves
        Its tables read the block with its halo.
    ends : PerBlock
        Where the cells that the neighbours before and behind need stand, (2, cells of a halo).
    blocks : Blocks
    shape : tuple of int
        Colours, and cells of a colour in the supercell.
    """

    of_block: SiteMoves
    ends: PerBlock
    blocks: Blocks = eqx.field(static=True)
    shape: tuple = eqx.field(static=True)
    target: float = eqx.field(static=True, default=SiteMoves.target)
    label: str = eqx.field(static=True, default=SiteMoves.label)

    @classmethod
    def of_moves(cls, moves, blocks):
        """The `SiteMoves` of a supercell, on the devices of `blocks`.

        Raises
        ------
        AnharmonicError
            If the blocks have not equally many cells of each colour.
        """
        n_colours, n_offsets, n_moved = moves.neighbours.shape
        own = moves.order.reshape(n_colours, blocks.count, -1) if n_moved % blocks.count == 0 else None
        if own is None or (own // blocks.own != np.arange(blocks.count)[:, None]).any():
            raise AnharmonicError(
                f"Monte Carlo moves cells of {n_colours} colours in turn, and {blocks.count} devices would not have "
                f"equally many of each: give fewer devices, or a first axis of a multiple of "
                f"{n_colours * blocks.count} cells"
            )
        order = np.swapaxes(own, 0, 1).reshape(blocks.count, -1) % blocks.own
        places = np.argsort(order, axis=1).astype(np.int32)
        sorted_places = cls._sorted_places(places, blocks)
        cells = moves.order[moves.neighbours].reshape(n_colours, n_offsets, blocks.count, -1)
        neighbours = blocks.places(np.moveaxis(cells, 2, 0))
        neighbours = np.take_along_axis(sorted_places, neighbours.reshape(blocks.count, -1), 1).reshape(
            neighbours.shape
        )
        ends = np.stack([places[:, : blocks.halo], places[:, blocks.own - blocks.halo :]], axis=1)
        tables = PerBlock(order.astype(np.int32)), PerBlock(places), PerBlock(neighbours)
        of_block = SiteMoves(moves.changes, *tables, moves.proposal)
        return cls(of_block, PerBlock(ends), blocks, (n_colours, n_moved))

    @staticmethod
    def _sorted_places(places, blocks):
        """Where what stands in a block with its halo (see `Blocks.places`) stands here: (n_blocks, n), int32."""
        before = np.arange(blocks.own, blocks.own + blocks.halo, dtype=np.int32)
        halos = (np.broadcast_to(x, (blocks.count, blocks.halo)) for x in (before, before + np.int32(blocks.halo)))
        first, last = halos
        return np.concatenate([first, places, last], axis=1)

    @property
    def n_exchanges(self):
        """How often the displacements of neighbouring cells are needed anew: at first, after each colour, and for the
        energy."""
        return self.shape[0] + 2

    def initial_width(self, displacements):
        """See `SiteMoves.initial_width`."""
        return self.of_block.initial_width(displacements)

    def __call__(self, key, configuration, width, conditions, model):
        """See `SiteMoves.__call__`."""
        steps, limits = self.draw(key, configuration.displacements)
        trials = width[:, None, None, None] * steps, BOLTZMANN * conditions.temperature * limits
        arrays = configuration.displacements, configuration.deformation, *trials
        specs = FIELD, EVERYWHERE, self.blocks.along_last(4), self.blocks.along_last(3)
        tables = self.of_block, self.ends
        displacements, shares = self.blocks.run(self._sweep_block, (FIELD, EVERYWHERE), tables, arrays, specs)
        energy = model.energy(displacements, configuration.deformation)
        return eqx.tree_at(lambda c: (c.displacements, c.energy), configuration, (displacements, energy)), shares

    def draw(self, key, displacements):
        """See `SiteMoves.draw`: the same numbers."""
        n_colours, n_moved = self.shape
        n_sites, dtype = displacements.shape[0], displacements.dtype
        step_key, accept_key = jax.random.split(key)
        steps = unit_steps(self.of_block.proposal, step_key, (n_sites, n_colours, 3, n_moved), dtype, self.blocks)
        return steps, thresholds(accept_key, (n_sites, n_colours, n_moved), dtype, self.blocks)

    def _sweep_block(self, tables, displacements, deformation, steps, limits):
        """On each device: displacements of the block after a pass, and the share of accepted trials by site."""
        moves, ends = tables
        by_colour = jnp.take(displacements, moves.order, axis=-1, mode="clip")
        extended = jnp.concatenate([by_colour, *self.blocks.neighbours(displacements)], axis=-1)

        def told(site, extended):
            own = extended[site]
            halos = self.blocks.sent(*(jnp.take(own, places, axis=-1, mode="clip") for places in ends))
            return extended.at[site, :, self.blocks.own :].set(jnp.concatenate(halos, axis=-1))

        extended, shares, _ = moves.pass_over(extended, deformation, steps, limits, told)
        moved = jnp.take(extended, moves.places, axis=-1, mode="clip")
        return moved, jax.lax.pmean(shares, AXIS)
