"""Tilts of single octahedra, and how far they are felt: correlations along the axes.

Octahedra that share corners turn against each other in the layer across the rotation axis; how they follow each other
from layer to layer is what tells in-phase from anti-phase tilts. Correlations are therefore given of the rotation
staggered within the layer: along the rotation axis +1 is in-phase and -1, +1, -1, ... anti-phase; across it +1 is the
rigid layer.
"""

from dataclasses import dataclass

import numpy as np

from anharmonic.analysis.statistics import estimate
from anharmonic.analysis.tilts import TWICE_Q, TiltModes
from anharmonic.crystal import Supercell


@dataclass(frozen=True)
class TiltCorrelations:
    """Correlations ``<t(n) t(n + r)> / <t(n)^2>`` of the local tilt t (tangent) about each axis.

    Attributes
    ----------
    mean, error : ndarray, shape (3, 3, n_distances)
        By rotation axis, direction and distance (0, 1, 2, ... cells); NaN where nothing was recorded, or nothing turns.
    mean_square : ndarray, shape (3,)
        ``<t(n)^2>`` by rotation axis.
    """

    mean: np.ndarray
    error: np.ndarray
    mean_square: np.ndarray

    @property
    def along(self):
        """Mean and error along the rotation axis, shapes (3, n_distances)."""
        return tuple(np.stack([x[k, k] for k in range(3)]) for x in (self.mean, self.error))

    @property
    def across(self):
        """Mean and error over the two directions across it, shapes (3, n_distances); NaN where both are."""
        others = [[(k + 1) % 3, (k + 2) % 3] for k in range(3)]
        pairs = [np.stack([x[k, o] for k, o in enumerate(others)]) for x in (self.mean, self.error)]
        known = np.isfinite(pairs[0]).sum(axis=1)
        # the two directions share samples: their errors are averaged, not combined
        return tuple(np.where(known, np.nansum(x, axis=1) / np.maximum(known, 1), np.nan) for x in pairs)


def tilt_correlations(series, offsets, commensurate):
    """Correlations of tilts from what a run recorded.

    Parameters
    ----------
    series : array_like, shape (n_samples, 6, n_offsets)
        ``<a(n) a(n + offset)>`` of in-phase tilts about x, y, z, then of anti-phase tilts; see
        `anharmonic.sampling.observables.Correlation`.
    offsets : array_like, shape (n_offsets, 3), int
        In cells: none first, then along the axes.
    commensurate : array_like, shape (6,), bool
        Which tilts fit the supercell, see `TiltModes.commensurate`.

    Returns
    -------
    TiltCorrelations
    """
    series, offsets = np.asarray(series, float), np.asarray(offsets)
    mean = np.full((3, 3, 1 + int(np.abs(offsets).max())), np.nan)
    error, square = mean.copy(), np.full(3, np.nan)
    for axis in range(3):
        kind = next((k for k in (0, 1) if commensurate[axis + 3 * k]), None)
        if kind is None or not series[:, axis + 3 * kind, 0].any():
            continue
        own = series[:, axis + 3 * kind]
        square[axis] = own[:, 0].mean()
        mean[axis, :, 0], error[axis, :, 0] = 1.0, 0.0
        for k in range(1, len(offsets)):
            way, distance = int(np.argmax(offsets[k])), int(offsets[k].max())
            sign = (-1.0) ** (distance * kind * (way == axis))
            value = own[:, k].mean() / square[axis]
            spread = estimate(own[:, k] - value * own[:, 0]).error / square[axis]
            mean[axis, way, distance], error[axis, way, distance] = sign * value, spread
    return TiltCorrelations(mean, error, square)


def staggered_octahedra(modes: TiltModes, supercell: Supercell):
    """Weights of the tilts of single octahedra with the signs of the six modes, for `Correlation`.

    Returns
    -------
    weights : ndarray, shape (6, 6, 3, n_cells), 1/A
        Of each mode and vertex; zeros for modes that do not fit the supercell.
    sites : ndarray, shape (6,), int
        Site of each vertex.
    cells : ndarray, shape (6, n_cells), int
        Cell of each vertex of the octahedron of each cell.
    """
    weights, cells = modes.octahedra(supercell)
    signs = (-1.0) ** (TWICE_Q @ supercell.cells.T) * modes.commensurate(supercell)[:, None]
    return np.tile(weights, (2, 1, 1))[..., None] * signs[:, None, None], modes.vertices, cells


def local_tilts(modes: TiltModes, supercell: Supercell, displacements):
    """Rotation of every octahedron about the axes of the reference, from its six vertices.

    Averaged with the signs of a mode they are the tilts of `TiltModes.projection`.

    Parameters
    ----------
    modes : TiltModes
    supercell : Supercell
    displacements : ndarray, shape (n_sites, 3, n_cells)
        A, in the frame of the reference.

    Returns
    -------
    ndarray, shape (3, n_cells)
        Tangents of the angles about the cell vectors.
    """
    weights, cells = modes.octahedra(supercell)
    moved = np.stack([displacements[s][:, c] for s, c in zip(modes.vertices, cells, strict=True)])
    return np.einsum("avx,vxn->an", weights, moved)
