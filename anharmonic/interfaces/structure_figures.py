"""Average structures along their axes: octahedra, and atoms as ellipses that hold half of their displacements."""

import numpy as np
from matplotlib.patches import Ellipse, Polygon
from scipy.spatial import ConvexHull

from anharmonic.analysis.tilts import TiltModes
from anharmonic.errors import AnharmonicError
from anharmonic.interfaces.style import COLOURS, INK, MUTED, PAGE, figure

HALF = 1.5382
"""Radius, in standard deviations, of the ellipsoid of a Gaussian in space that holds one half."""

VIEWS = ((1, 2), (2, 0), (0, 1))
"""Right and upward axis of the views along x, y and z."""

MARGIN = 0.02
"""Atoms this near to the edge of the cell (fractional) are drawn at both ends."""


def draw_structures(found, path):
    """Draw a row of three views for each structure.

    Parameters
    ----------
    found : sequence of (str, AverageStructure)
        Titles and structures.
    path : path-like
        png, pdf or svg; png and pdf without a suffix.
    """
    if not found:
        raise AnharmonicError("a figure of structures takes at least one, found none")
    with figure(path, PAGE, 0.8 + 2.4 * len(found)) as drawing:
        rows = drawing.subplots(len(found), 3, squeeze=False)
        for row, (title, average) in zip(rows, found, strict=True):
            positions, tensors = _atoms(average)
            for k, axes in enumerate(row):
                _draw_view(axes, average, positions, tensors, k)
                axes.set_xlabel(f"along {'xyz'[k]}", color=MUTED, labelpad=2)
            row[0].set_title(title, loc="left")
        species = list(dict.fromkeys(found[0][1].configuration.crystal.species))
        handles = [Ellipse((0, 0), 1, 1, fc=COLOURS[k], ec=INK, lw=0.5) for k in range(len(species))]
        drawing.legend(handles, species, loc="outside lower center", ncols=len(species))


def _atoms(average):
    """Positions (n_sites, n_cells, 3) and U (n_sites, n_cells, 3, 3), A and A^2."""
    state = average.configuration
    positions = np.einsum("ij,sjn->sni", state.deformation, state.reference_positions() + state.displacements)
    return positions, np.moveaxis(average.fluctuations.mean(axis=0), -1, 1)


def _draw_view(axes, average, positions, tensors, view):
    """One projection, the farthest atoms first."""
    state, (right, up) = average.configuration, VIEWS[view]
    species = list(dict.fromkeys(state.crystal.species))
    for vertices in _octahedra(state, positions):
        flat = vertices[:, [right, up]]
        hull = flat[ConvexHull(flat).vertices]
        axes.add_patch(Polygon(hull, fc=COLOURS[4], ec=COLOURS[0], alpha=0.35, lw=0.6, zorder=1))
    drawn = sorted(_repeated(state, positions, tensors), key=lambda item: item[1][view])
    for depth, (site, position, tensor) in enumerate(drawn):
        values, vectors = np.linalg.eigh(tensor[np.ix_([right, up], [right, up])])
        widths = 2 * HALF * np.sqrt(np.maximum(values, 1e-6))
        angle = np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1]))
        colour = COLOURS[species.index(state.crystal.species[site]) % len(COLOURS)]
        place = position[[right, up]]
        axes.add_patch(
            Ellipse(place, widths[1], widths[0], angle=angle, fc=colour, ec=INK, lw=0.3, zorder=2 + depth * 1e-3)
        )
    cell = state.cell[:, [right, up]]
    corners = np.array([np.zeros(2), cell[right], cell[right] + cell[up], cell[up]])
    axes.add_patch(Polygon(corners, fc="none", ec=MUTED, lw=0.7, ls="--", zorder=9))
    low, high = corners.min(axis=0), corners.max(axis=0)
    edge = 0.08 * (high - low).max()
    axes.set(xlim=(low[0] - edge, high[0] + edge), ylim=(low[1] - edge, high[1] + edge), aspect="equal")
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(False)


def _repeated(state, positions, tensors):
    """``(site, position, U)`` of the atoms in the cell, those on its faces at both ends."""
    inverse = np.linalg.inv(state.cell)
    shifts = np.array(list(np.ndindex(3, 3, 3))) - 1
    for site in range(positions.shape[0]):
        for position, tensor in zip(positions[site], tensors[site], strict=True):
            fractional = (position @ inverse) % 1
            for image in fractional + shifts:
                if (image > -MARGIN).all() and (image < 1 + MARGIN).all():
                    yield site, image @ state.cell, tensor


def _octahedra(state, positions):
    """Vertices (6, 3) of the octahedra of a perovskite around the centres in the cell; none for other crystals."""
    modes = TiltModes.of_crystal(state.crystal)
    if modes is None:
        return
    supercell, inverse = state.supercell, np.linalg.inv(state.cell)
    centres = np.mod(positions[modes.centre] @ inverse + MARGIN, 1) - MARGIN
    for n in range(supercell.n_cells):
        vertices = []
        for site, offset in zip(modes.vertices, modes.offsets, strict=True):
            target = supercell.index(supercell.cells[n] + offset)
            away = (positions[site, target] - positions[modes.centre, n]) @ inverse
            vertices.append(centres[n] + away - away.round())
        vertices = np.array(vertices)
        for shift in np.array(list(np.ndindex(2, 2, 2))):
            if (centres[n] + shift < 1 + MARGIN).all():
                yield (vertices + shift) @ state.cell
