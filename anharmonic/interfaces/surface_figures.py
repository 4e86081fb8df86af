"""Free-energy surfaces over two order parameters."""

import numpy as np

from anharmonic.conventions import BOLTZMANN
from anharmonic.interfaces.style import INK, PAGE, figure

COLUMNS = 4
"""Panels in a row, at most."""

LEVELS = np.arange(1.0, 13.0)
"""Of the contours, kT of the whole supercell."""


def draw_surfaces(surfaces, labels, n_formula_units, path):
    """A panel for each temperature with one scale of colours, contours every kT, blank where samples are too few.

    Parameters
    ----------
    surfaces : sequence of Surface
    labels : sequence of str
        Of the two coordinates.
    n_formula_units : int
        Of the supercell.
    path : path-like
        png, pdf or svg; png and pdf without a suffix.
    """
    rows = -(-len(surfaces) // COLUMNS)
    columns = -(-len(surfaces) // rows)
    meV = 1000 / n_formula_units
    highest = meV * max(np.nanmax(s.free_energy) for s in surfaces)
    with figure(path, PAGE * (columns + 0.5) / (COLUMNS + 0.5), 0.7 + 1.6 * rows) as drawing:
        panels = drawing.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        for axes, surface in zip(panels.flat, surfaces, strict=False):
            heights = np.ma.masked_invalid(surface.free_energy.T)
            colours = {"cmap": "viridis", "vmin": 0, "vmax": highest, "rasterized": True}
            image = axes.pcolormesh(*surface.edges, meV * heights, **colours)
            levels = LEVELS[LEVELS * BOLTZMANN * surface.temperature < heights.max()]
            if min(heights.shape) > 1 and len(levels):
                reduced = heights / (BOLTZMANN * surface.temperature)
                axes.contour(*surface.centres, reduced, levels=levels, colors=INK, linewidths=0.4)
            axes.plot(*surface.lowest_at, "+", color="white", ms=6, mew=1.2)
            axes.set_title(f"{surface.temperature:g} K")
        _frame(panels, surfaces, labels)
        drawing.colorbar(image, ax=panels, label="F (meV / f.u.), a line every kT", pad=0.02)


def _frame(panels, surfaces, labels):
    """Limits: from the first bin to one beyond what is known at any temperature; labels at the outer panels."""
    known = np.any([np.isfinite(s.free_energy) for s in surfaces], axis=0)
    for axis, edges in enumerate(surfaces[0].edges):
        last = np.flatnonzero(known.any(axis=1 - axis))[-1]
        (panels[0, 0].set_xlim, panels[0, 0].set_ylim)[axis](edges[0], edges[min(last + 2, len(edges) - 1)])
    columns = panels.shape[1]
    for k, axes in enumerate(panels.flat):
        axes.set_visible(k < len(surfaces))
        if k + columns >= len(surfaces):
            axes.set_xlabel(labels[0])
            axes.tick_params(labelbottom=True)
        if k % columns == 0:
            axes.set_ylabel(labels[1])
