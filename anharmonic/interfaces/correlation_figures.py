"""Correlations of tilts over distance, a curve for each temperature."""

import numpy as np

from anharmonic.errors import AnharmonicError
from anharmonic.interfaces.style import COLOURS, MARKERS, MUTED, PAGE, evenly, figure

MOST = len(COLOURS)
"""Temperatures in one figure."""


def draw_tilt_correlations(found, path):
    """Draw correlations along the rotation axis above those across it, a column for each axis.

    Parameters
    ----------
    found : sequence of (str, TiltCorrelations)
        Names of temperatures and their correlations; `MOST` of them, evenly chosen, are drawn.
    path : path-like
        png, pdf or svg; png and pdf without a suffix.
    """
    if not found:
        raise AnharmonicError("a figure of correlations takes at least one temperature that recorded them, found none")
    chosen = evenly(found, MOST)
    with figure(path, PAGE, 4.4) as drawing:
        panels = drawing.subplots(2, 3, sharex=True, sharey=True)
        for row, name in zip(panels, ("along", "across"), strict=True):
            for axis, axes in enumerate(row):
                axes.axhline(0, color=MUTED, lw=0.5, ls="--", zorder=0)
                for k, (label, correlations) in enumerate(chosen):
                    mean, error = (x[axis] for x in getattr(correlations, name))
                    distance = np.arange(len(mean)) + 0.02 * (k - len(chosen) / 2)
                    axes.errorbar(distance, mean, error, color=COLOURS[k], marker=MARKERS[k], lw=0.8, elinewidth=0.8,
                                  label=label)  # fmt: skip
                axes.set_title(f"tilt about {'xyz'[axis]}, {name} {'the axis' if name == 'along' else 'it'}")
        for axes in panels[1]:
            axes.set_xlabel("Distance (cells)")
        for axes in panels[:, 0]:
            axes.set_ylabel("Correlation of tilts")
        panels[0, 0].set_ylim(-1.1, 1.1)
        panels[0, 0].xaxis.get_major_locator().set_params(integer=True)
        drawing.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=len(chosen))
