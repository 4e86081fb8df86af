"""Octahedral tilts of corner-sharing perovskites: in-phase at M, anti-phase at R.

The order parameter is the displacement of the vertices along the rotation of
their octahedron, averaged over bonds with the alternating sign of the mode
(Glazer, Acta Cryst. B 28, 3384 (1972); irreps M3+ and R4+ of Howard and Stokes,
Acta Cryst. B 54, 782 (1998)). It is linear in the displacements and signed:
domains of opposite sign, and another choice of the origin, change its sign.
"""

from dataclasses import dataclass

import numpy as np

from anharmonic.clusters.enumeration import SHELL_TOLERANCE, neighbours
from anharmonic.crystal import Crystal
from anharmonic.errors import AnharmonicError

LABELS = tuple(f"{kind} tilt about {axis}" for kind in ("in-phase", "anti-phase") for axis in "xyz")
"""Names of the six components, in their order everywhere."""

AXES = np.array([0, 1, 2, 0, 1, 2])
"""Rotation axis of each component, in units of the reference cell's vectors."""

TWICE_Q = np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0], [1, 1, 1], [1, 1, 1], [1, 1, 1]])
"""Twice the wave vector of each component, in reciprocal vectors of the reference cell."""


@dataclass(frozen=True)
class TiltModes:
    """The six tilt modes of a cubic perovskite with five sites.

    Attributes
    ----------
    crystal : Crystal
    centre : int
        Site at the centre of the octahedron.
    vertices : ndarray, shape (6,), int
        Sites of the vertices on +x, +y, +z, -x, -y, -z of the centre.
    offsets : ndarray, shape (6, 3), int
        Cells of these vertices, for a centre in cell 0.
    """

    crystal: Crystal
    centre: int
    vertices: np.ndarray
    offsets: np.ndarray

    @classmethod
    def of_crystal(cls, crystal):
        """Recognise the modes from the structure; None if it is no cubic corner-sharing perovskite."""
        if crystal.n_sites != 5 or not _is_cubic(crystal.cell):
            return None
        for centre in range(5):
            octahedron = _corner_sharing_octahedron(crystal, centre)
            if octahedron is not None:
                return cls(crystal, centre, *octahedron)
        return None

    def commensurate(self, supercell):
        """Which components fit the supercell (S q integer), shape (6,), bool."""
        return (supercell.matrix @ TWICE_Q.T % 2 == 0).all(0)

    def missing(self, supercell):
        """Message that names the components which do not fit the supercell; None if all do."""
        absent = np.flatnonzero(~self.commensurate(supercell))
        if not len(absent):
            return None
        return (
            f"the supercell {supercell.matrix.tolist()} holds no {', '.join(LABELS[i] for i in absent)}: the wave "
            "vector is 1/2 on the doubled axes and S q must be integer; take even numbers of cells along each axis"
        )

    def patterns(self, supercell):
        """Displacements (A) of each mode at tangent 1, shape (6, n_sites, 3, n_cells); NaN where it does not fit."""
        cells, n_cells = supercell.cells, supercell.n_cells
        units = self.crystal.cell / np.linalg.norm(self.crystal.cell, axis=1, keepdims=True)
        patterns = np.zeros((6, self.crystal.n_sites, 3, n_cells))
        phases = (-1.0) ** (TWICE_Q @ cells.T)
        for site, offset, arm in zip(self.vertices, self.offsets, self.arms, strict=True):
            target = supercell.index(cells + offset)
            rotation = np.cross(units[AXES], arm)
            # every vertex has two bonds, which agree: their average is the displacement
            patterns[:, site, :, target] += np.moveaxis(rotation[:, :, None] * phases[:, None] / 2, -1, 0)
        patterns[~self.commensurate(supercell)] = np.nan
        return patterns

    def projection(self, supercell):
        """Linear map from displacements to tilts.

        Parameters
        ----------
        supercell : Supercell

        Returns
        -------
        ndarray, shape (6, n_sites, 3, n_cells), float64, 1/A
            ``t = (projection * u).sum((1, 2, 3))`` are the tangents of the angles: in-phase
            about x, y, z, then anti-phase about x, y, z, for displacements u (A) in the
            reference frame. NaN for components that do not fit the supercell (see `missing`).
        """
        patterns = self.patterns(supercell)
        return patterns / (patterns**2).sum((1, 2, 3), keepdims=True)

    def tangents(self, supercell, displacements):
        """Tangents (..., 6) of the tilts of u (..., n_sites, 3, n_cells), in the order of `projection`."""
        return np.tensordot(np.asarray(displacements, float), self.projection(supercell), ([-3, -2, -1], [1, 2, 3]))

    def octahedra(self, supercell):
        """Linear map from the displacements of its six vertices to the tilts of each octahedron.

        The rotation that fits best (least squares, to first order).

        Parameters
        ----------
        supercell : Supercell

        Returns
        -------
        weights : ndarray, shape (3, 6, 3), 1/A
            Tangents of the angles about the axes of the reference are ``(weights * u).sum((1, 2))``.
        cells : ndarray, shape (6, n_cells), int
            The cell in which each of the vertices (of the sites `vertices`) of the octahedron of each cell lies.
        """
        units = self.crystal.cell / np.linalg.norm(self.crystal.cell, axis=1, keepdims=True)
        rotations = np.cross(units[:, None], self.arms[None])
        cells = np.stack([supercell.index(supercell.cells + offset) for offset in self.offsets])
        return rotations / (rotations**2).sum((1, 2), keepdims=True), cells

    def displacements(self, in_phase, anti_phase, supercell):
        """Displacements of a tilted state, the inverse of `projection`.

        Parameters
        ----------
        in_phase, anti_phase : array_like, shape (3,)
            Angles (degrees) about the axes of the reference cell.
        supercell : Supercell

        Returns
        -------
        ndarray, shape (n_sites, 3, n_cells), float64, A
            In the reference frame.

        Raises
        ------
        AnharmonicError
            If an angle is asked for whose mode does not fit the supercell.
        """
        tangents = np.tan(np.radians(np.concatenate([in_phase, anti_phase])))
        wanted = tangents != 0
        if (wanted & ~self.commensurate(supercell)).any():
            raise AnharmonicError(self.missing(supercell))
        return np.tensordot(tangents[wanted], self.patterns(supercell)[wanted], 1)

    @property
    def arms(self):
        """Vectors (A) from the centre to its vertices, shape (6, 3)."""
        return np.concatenate([self.crystal.cell, -self.crystal.cell]) / 2


def angles(tangents):
    """Angles (degrees) of tilts (...) given as tangents."""
    return np.degrees(np.arctan(tangents))


def _is_cubic(cell):
    metric = cell @ cell.T
    return np.allclose(metric, np.eye(3) * np.trace(metric) / 3, atol=1e-4 * np.trace(metric))


def _corner_sharing_octahedron(crystal, centre):
    """``(vertices, offsets)`` in the order of `TiltModes`, if `centre` has six on the half cell vectors."""
    half = np.linalg.norm(crystal.cell[0]) / 2
    near = neighbours(crystal, centre, half)
    if len(near) != 6 or len({crystal.species[site] for _, site, _ in near}) != 1:
        return None
    vectors = np.array([crystal.vector(centre, site, offset) for _, site, offset in near])
    arms = np.concatenate([crystal.cell, -crystal.cell]) / 2
    match = np.linalg.norm(vectors - arms[:, None], axis=-1)
    if match.min(1).max() > SHELL_TOLERANCE:
        return None
    chosen = [near[i] for i in match.argmin(1)]
    return np.array([site for _, site, _ in chosen]), np.array([offset for _, _, offset in chosen])
