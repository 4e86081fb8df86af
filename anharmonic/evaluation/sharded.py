"""The fast evaluation of a potential on a supercell that is split over devices."""

import equinox as eqx
import jax
import jax.numpy as jnp

from anharmonic.errors import AnharmonicError
from anharmonic.evaluation.blocks import EVERYWHERE, FIELD, Blocks, PerBlock
from anharmonic.evaluation.cluster_sum import ClusterSum
from anharmonic.evaluation.evaluator import Evaluator

ON_SITES = jax.sharding.PartitionSpec(None, FIELD[-1])
"""Of fields (n_sites, n_cells)."""


class ShardedEvaluator(eqx.Module):
    """What an `Evaluator` does, by devices that hold a block of the cells each; see `Blocks`.

    Fields are split along their last axis, everything else is the same on all devices. The numbers
    are those of an `Evaluator` but for the order in which the shares of the blocks are added up.

    Attributes
    ----------
    of_block : Evaluator
        Its grid reads the block with its halo.
    blocks : Blocks
    """

    of_block: Evaluator
    blocks: Blocks = eqx.field(static=True)

    @classmethod
    def create(cls, potential, supercell, blocks, dtype="float32"):
        """Evaluator of a `Potential` on a `Supercell`, with arrays in `dtype`, on the devices of `blocks`.

        Raises
        ------
        AnharmonicError
            If the energy is not a sum over clusters.
        """
        evaluator = Evaluator.create(potential, supercell, dtype, blocks.count)
        if not isinstance(evaluator.model, ClusterSum) or evaluator.dipoles is not None:
            raise AnharmonicError(
                "a run on several devices needs an energy that is a sum over clusters (models 'polynomial' and "
                f"'cluster', without Born charges); {potential.name} has "
                f"{'dipoles' if evaluator.dipoles is not None else 'a net for each site'}: run it on one device"
            )
        sources = evaluator.grid.sources.reshape(blocks.count, -1, evaluator.grid.n_padded)
        read = PerBlock(blocks.places(sources))
        return cls(blocks.place(eqx.tree_at(lambda e: e.grid.sources, evaluator, read)), blocks)

    @property
    def volume(self):
        """Volume of the undeformed supercell (A^3)."""
        return self.of_block.volume

    @property
    def grades(self):
        """`SiteGrades`, or None if the potential knows no domain."""
        return self.of_block.grades

    def energy(self, displacements, deformation):
        """See `Evaluator.energy`."""

        def share(evaluator, u, deformation):
            return self._total(evaluator.energy(self.blocks.with_halo(u), deformation))

        return self._run(share, EVERYWHERE, displacements, deformation)

    def gradients(self, displacements, deformation):
        """See `Evaluator.gradients`."""

        def share(evaluator, u, deformation):
            energy, by_u, by_f = evaluator.gradients(self.blocks.with_halo(u), deformation)
            energy, by_f = self._total((energy, by_f))
            return energy, by_u, by_f

        return self._run(share, (EVERYWHERE, FIELD, EVERYWHERE), displacements, deformation)

    def derivatives(self, displacements, deformation):
        """See `Evaluator.derivatives`."""

        def share(evaluator, u, deformation):
            by_u, by_f = evaluator.derivatives(self.blocks.with_halo(u), deformation)
            return by_u, self._total(by_f)

        return self._run(share, (FIELD, EVERYWHERE), displacements, deformation)

    def site_grades(self, displacements, deformation):
        """See `Evaluator.site_grades`."""
        if self.grades is None:
            return jnp.zeros_like(displacements[:, 0])

        def own(evaluator, u, deformation):
            return evaluator.site_grades(self.blocks.with_halo(u), deformation)

        return self._run(own, ON_SITES, displacements, deformation)

    def signature(self, displacements, deformation):
        """See `Evaluator.signature`."""

        def share(evaluator, u, deformation):
            mean = evaluator.signature(self.blocks.with_halo(u), deformation)
            return self._total(mean) / self.blocks.count

        return self._run(share, EVERYWHERE, displacements, deformation)

    forces_and_stress = Evaluator.forces_and_stress
    extrapolation = Evaluator.extrapolation

    def _run(self, function, results, displacements, deformation):
        """``function(evaluator of the block, u of the block, F)`` on each device."""
        arrays = displacements, deformation
        return self.blocks.run(function, results, self.of_block, arrays, (FIELD, EVERYWHERE))

    def _total(self, shares):
        return jax.lax.psum(shares, FIELD[-1])
