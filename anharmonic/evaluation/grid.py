"""Fields on a supercell with a halo: every neighbour is a window of one flat array.

The Hermite normal form of a supercell is a grid of cells N1 x N2 x N3, periodic with a
twist. Padded by h_k cells on both sides of axis k and written out row after row, the
neighbour at cell offset o of *all* cells stands a constant distance further on,
``o1 p1 + o2 p2 + o3 p3``, where p are the pitches of the padded grid. So neighbours are
contiguous windows, whatever the supercell; the twist only decides what is copied into
the halo. Windows run through halo cells as well; what is computed there is not used.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np


class HaloGrid(eqx.Module):
    """A supercell padded by a halo and written out flat.

    Attributes
    ----------
    sources : array, shape (n_padded,), int32
        The cell whose values stand at each flat position.
    owned : array, shape (span,), bool
        Which positions of the span are cells of the supercell and not of its halo.
    shape : tuple of int
        Cells along the axes.
    pitch : tuple of int
        Flat distance between neighbours along each axis.
    margin : int
        Flat position of cell (0, 0, 0): as far before and behind the span windows may reach.
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
    def create(cls, supercell, n_sites, reach):
        """Grid on which windows at cell offsets up to `reach` (3,) along the axes can be read."""
        shape, reach = np.array(supercell.shape), np.asarray(reach)
        width = shape + 2 * reach
        pitch = np.array([width[1] * width[2], width[2], 1])
        margin, span = int(pitch @ reach), int(shape[0] * pitch[0])
        position = np.arange(span + 2 * margin)
        cells = np.stack([position // pitch[0], position % pitch[0] // pitch[1], position % pitch[1]], axis=1) - reach
        inside = ((cells >= 0) & (cells < shape)).all(axis=1)[margin : margin + span]
        sources = supercell.index(cells).astype(np.int32)
        return cls(sources, inside, tuple(shape.tolist()), tuple(pitch.tolist()), margin, n_sites)

    @property
    def span(self):
        """Length of the window that holds all cells."""
        return self.shape[0] * self.pitch[0]

    @property
    def n_padded(self):
        """Length of a padded field."""
        return self.span + 2 * self.margin

    def pad(self, displacements):
        """Vectors (n_sites, 3, n_cells) with their halo, component after component: flat (3 * n_sites * n_padded,)."""
        n_cells = displacements.shape[-1]
        first = n_cells * (3 * np.arange(self.n_sites) + np.arange(3)[:, None])
        places = first.reshape(-1, 1).astype(np.int32) + self.sources
        return displacements.reshape(-1).at[places].get(mode="promise_in_bounds").reshape(-1)

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


def windows(flat, starts, length):
    """Windows ``flat[start : start + length]`` of all `starts` (...,): shape (..., length).

    Not to be differentiated: the transpose would scatter.
    """
    numbers = jax.lax.GatherDimensionNumbers((starts.ndim,), (), (0,))
    inside = jax.lax.GatherScatterMode.PROMISE_IN_BOUNDS
    return jax.lax.gather(flat, jnp.asarray(starts)[..., None], numbers, (length,), mode=inside)
