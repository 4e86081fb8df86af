"""Where the atoms are on average, and how far they swing: moments of the displacements, folded onto a few cells.

A run that records them (``observe`` with ``sites``) knows its average structure, its displacement parameters, and in
which layers its octahedra turn which way, without a trajectory.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.crystal.folding import Folding

TENSOR = np.array([(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)])
"""Components of the second moments, in Voigt order."""


class SiteMoments(eqx.Module):
    """First and second moments of the displacements of each site, over the equivalent cells of a supercell.

    Attributes
    ----------
    members : array, shape (n_folded, n_members), int32
        The cells that are folded onto each cell.
    """

    members: jax.Array

    @classmethod
    def of_supercell(cls, supercell):
        """Folded onto the cells of `Folding`."""
        return cls(Folding.of_supercell(supercell).members.astype(np.int32))

    def __call__(self, state, model):
        """Array (n_sites, 9, n_folded): mean u (A), then mean u u (A^2, Voigt order), in the reference frame."""
        return moments(state.displacements, self.members)


class LayerRotations(eqx.Module):
    """Rotation of the octahedra of each layer about its normal, as tangents.

    Attributes
    ----------
    weights : array, shape (3, n_sites, 3, n_cells)
        1/A; staggered in the layer, not from layer to layer.
    layers : array, shape (3, n_cells), int32
        The layer of each cell along each axis.
    n_layers : int
    """

    weights: jax.Array
    layers: jax.Array
    n_layers: int = eqx.field(static=True)

    def __call__(self, state, model):
        """Array (3, n_layers): zeros where an axis has fewer layers."""
        local = jnp.einsum("ascn,scn->an", self.weights, state.displacements)
        members = self.layers[:, None, :] == jnp.arange(self.n_layers)[:, None]
        return jnp.einsum("aln,an->al", members.astype(local.dtype), local)


def moments(displacements, members):
    """First and second moments of displacements (n_sites, 3, n_cells) over `members`: see `SiteMoments`."""
    folded = jnp.take(displacements, members, axis=-1)
    products = jnp.stack([folded[:, i] * folded[:, j] for i, j in TENSOR], axis=1)
    return jnp.mean(jnp.concatenate([folded, products], axis=1), axis=-1)
