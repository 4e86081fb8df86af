"""Fields on a supercell with a halo: every neighbour is a window of one flat array.

The Hermite normal form of a supercell is a grid of cells N1 x N2 x N3, periodic with a
twist. Padded by h_k cells on both sides of axis k and written out row after row, the
neighbour at cell offset o of *all* cells stands a constant distance further on,
``o1 p1 + o2 p2 + o3 p3``, where p are the pitches of the padded grid. So neighbours are
contiguous windows, whatever the supercell; the twist only decides what is copied into
the halo. Windows run through halo cells as well; what is computed there is not used.

Large supercells are cut into equal slabs along the first axis, each with a halo of its own,
to be evaluated one after the other: their rows stay in the cache.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np


class HaloGrid(eqx.Module):
    """A slab of a supercell padded by a halo and written out flat; all slabs of a supercell are alike.

    Attributes
    ----------
    sources : array, shape (n_slabs, n_padded), int32
        The cell whose values stand at each flat position of each slab.
    owned : array, shape (span,), bool
        Which positions of the span are cells of the slab and not of its halo.
    shape : tuple of int
        Cells of a slab along the axes.
    pitch : tuple of int
        Flat distance between neighbours along each axis.
    margin : int
        Flat position of the first cell: as far before and behind the span windows may reach.
    n_sites : int
        Sites of a cell.
    """

    sources: jax.Array
    owned: jax.Array
    shape: tuple = eqx.field(static=True)
    pitch: tuple = eqx.field(static=True)
    margin: int = eqx.field(static=True)
    n_sites: int = eqx.field(static=True)

    @classmethod
    def create(cls, supercell, n_sites, reach, longest=None, n_blocks=1):
        """Grid on which windows at cell offsets up to `reach` (3,) along the axes can be read.

        Slabs are as thick as a span of `longest` allows (default: the whole supercell), and equally many in each of
        `n_blocks` blocks of planes.
        """
        shape, reach = np.array(supercell.shape), np.asarray(reach)
        shape[0] //= n_blocks
        n_slabs = _slabs(shape, reach, longest) if longest else 1
        shape[0] //= n_slabs
        width = shape + 2 * reach
        pitch = np.array([width[1] * width[2], width[2], 1])
        margin, span = int(pitch @ reach), int(shape[0] * pitch[0])
        position = np.arange(span + 2 * margin)
        cells = np.stack([position // pitch[0], position % pitch[0] // pitch[1], position % pitch[1]], axis=1) - reach
        inside = ((cells >= 0) & (cells < shape)).all(axis=1)[margin : margin + span]
        first = shape[0] * np.arange(n_blocks * n_slabs)[:, None, None] * np.array([1, 0, 0])
        sources = supercell.index(cells + first).astype(np.int32)
        return cls(sources, inside, tuple(shape.tolist()), tuple(pitch.tolist()), margin, n_sites)

    @property
    def span(self):
        """Length of the window that holds all cells."""
        return self.shape[0] * self.pitch[0]

    @property
    def n_slabs(self):
        """Slabs of the supercell."""
        return self.sources.shape[0]

    @property
    def n_padded(self):
        """Length of a padded field."""
        return self.span + 2 * self.margin

    def pad(self, displacements, sources):
        """Vectors (n_sites, 3, n_cells) on a slab, given by its row of `sources`: (3 * n_sites * n_padded + margin,).

        Windows that begin in the halo may end behind the last field: there stand zeros.
        """
        n_cells = displacements.shape[-1]
        first = n_cells * (3 * np.arange(self.n_sites) + np.arange(3)[:, None])
        places = first.reshape(-1, 1).astype(np.int32) + sources
        fields = jnp.asarray(displacements).reshape(-1).at[places].get(mode="promise_in_bounds")
        return jnp.concatenate([fields.reshape(-1), jnp.zeros(self.margin, fields.dtype)])

    def position(self, component, site, distance=0):
        """Flat position of cell (0, 0, 0) in displacements padded by `pad`, moved by a distance."""
        return (component * self.n_sites + site) * self.n_padded + self.margin + distance

    def window(self, flat, component, site, distance=0):
        """The values (span,) of a component of a site at a distance from all cells."""
        start = self.position(component, site, distance)
        return flat[start : start + self.span]

    def crop(self, field):
        """The cells (..., n_cells) of a field on the span (..., span)."""
        n1, n2, n3 = self.shape
        grid = field.reshape(*field.shape[:-1], n1, self.pitch[0] // self.pitch[1], self.pitch[1])
        return grid[..., :n2, :n3].reshape(*field.shape[:-1], n1 * n2 * n3)


def _slabs(shape, reach, longest):
    """Fewest equal slabs with a span of at most `longest`, but at least four times as thick as the reach."""
    plane = (shape[1] + 2 * reach[1]) * (shape[2] + 2 * reach[2])
    thick = [n for n in range(1, shape[0] + 1) if shape[0] % n == 0 and n >= 4 * reach[0]]
    fitting = [n for n in thick if n * plane <= longest]
    return shape[0] // (fitting[-1] if fitting else min(thick, default=shape[0]))


def windows(flat, starts, length):
    """Windows ``flat[start : start + length]`` of all `starts` (...,): shape (..., length).

    Not to be differentiated: the transpose would scatter.
    """
    numbers = jax.lax.GatherDimensionNumbers((starts.ndim,), (), (0,))
    inside = jax.lax.GatherScatterMode.PROMISE_IN_BOUNDS
    return jax.lax.gather(flat, jnp.asarray(starts)[..., None], numbers, (length,), mode=inside)
