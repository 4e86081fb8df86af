"""One look for all figures: colours that colour-blind readers tell apart, sizes for a printed page."""

from contextlib import contextmanager
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from anharmonic.files import replacing

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
"""Okabe and Ito's palette (2008): blue, vermilion, green, purple, sky blue, orange."""

INK, MUTED, BAND = "#222222", "#6b6b6b", "#dedede"

FORMATS = ("png", "pdf")
"""Of the figures that commands write: one to look at, one for print."""

MARKERS = ("o", "s", "^", "D", "v", "P")

LINES = ("-", (0, (5, 1, 1, 1)), (0, (7, 2)), (0, (2, 1)))

DODGE = 0.008
"""Distance, of the range of the axis, between markers that would hide each other."""

COLUMN, PAGE = 3.5, 7.0
"""Widths (inch) of one column and of the page of a journal."""

SETTINGS = {
    "font.family": "sans-serif",
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "legend.fontsize": 7,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "axes.linewidth": 0.7,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "lines.linewidth": 1.0,
    "lines.markersize": 3.5,
    "errorbar.capsize": 1.5,
    "legend.frameon": False,
    "mathtext.default": "regular",
    "savefig.dpi": 200,
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
}


def look(k):
    """Colour, line style and marker of the curve k: all colours come first, no two of 24 curves look alike."""
    again, k = divmod(k, len(COLOURS))
    return COLOURS[k], LINES[again % len(LINES)], MARKERS[(k + again) % len(MARKERS)]


def shades(number):
    """Colours of one quantity that rises, such as temperature: dark to light, even to colour-blind readers."""
    return [colormaps["viridis"](x) for x in np.linspace(0.1, 0.85, number)]


def evenly(items, most):
    """At most so many of a sequence: the first, the last, and what lies evenly between."""
    return [items[k] for k in np.unique(np.linspace(0, len(items) - 1, min(most, len(items))).round().astype(int))]


@contextmanager
def figure(path, width=PAGE, height=4.0):
    """Yield an empty ``matplotlib`` figure in this style and write it to `path` at the end.

    Uses no global state: neither pyplot nor a backend, and the settings are restored. The suffix of
    `path` chooses the format (png, pdf, svg), without one there is a file of each of `FORMATS`; files
    are written aside and renamed.

    Parameters
    ----------
    path : path-like
    width, height : float
        Size in inches.
    """
    with matplotlib.rc_context(SETTINGS):
        drawing = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(drawing)
        yield drawing
        for file in files_of(path):
            file.parent.mkdir(parents=True, exist_ok=True)
            with replacing(file) as part:
                drawing.savefig(part, format=file.suffix[1:])


def files_of(path):
    """Files of a figure: `path` itself, or one of each of `FORMATS` if it has no suffix."""
    path = Path(path)
    return [path] if path.suffix else [path.with_name(f"{path.name}.{ending}") for ending in FORMATS]
