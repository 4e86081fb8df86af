"""Figures of perovskites: octahedral against tolerance factors with their limits, and the elements that form them."""

import numpy as np
from ase.data import chemical_symbols
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from anharmonic.interfaces.style import BAND, COLOURS, COLUMN, INK, MUTED, PAGE, figure

MANY = 300
"""Points from which on a panel draws them small."""
SPREAD = 0.005, 0.995
"""Quantiles of the values that the colours of many points span."""
ROW_STARTS = (1, 3, 11, 19, 37, 55, 87, 119)
SERIES = {6: range(58, 72), 7: range(90, 104)}
"""By period the elements that stand below the table."""


def draw_factors(panels, limits, path, label=""):
    """Structures by octahedral and tolerance factor, with the limits of perovskites, a panel for each kind.

    Parameters
    ----------
    panels : dict of str to (mu, t, values)
        By title arrays (n,). Values, such as formation energies, colour the points; where they are NaN, points are
        grey, and blue if there is none at all.
    limits : object
        With `region()` and `curves(least, greatest)`, as `Limits` of the screening has them.
    path : path-like
    label : str
        Of the colour bar.
    """
    mu, t, values = (np.concatenate([np.asarray(panel[k], float) for panel in panels.values()]) for k in range(3))
    region = limits.region()
    least = min(0.32, *mu) - 0.03, min(0.56, *t) - 0.03
    greatest = max(region[0].max() + 0.1, *mu) + 0.05, max(1.16, *t) + 0.03
    curves, known = limits.curves(least, greatest), values[np.isfinite(values)]
    style = {"linewidths": 0.2, "edgecolors": "white", "zorder": 3, "s": 5 if len(mu) > MANY else 16}
    spread = SPREAD if len(known) > MANY else (0, 1)
    bounds = dict(zip(("vmin", "vmax"), np.quantile(known, spread), strict=True)) if len(known) else {}
    with figure(path, PAGE if len(panels) > 1 else COLUMN + 0.7, 3.1) as drawing:
        row, image = np.ravel(drawing.subplots(1, len(panels), sharey=True)), None
        for axes, (title, (x, y, colours)) in zip(row, panels.items(), strict=True):
            _draw_limits(axes, curves, region)
            x, y, colours = (np.asarray(part, float) for part in (x, y, colours))
            bare = np.isnan(colours)
            axes.scatter(x[bare], y[bare], color=MUTED if len(known) else COLOURS[0], **style)
            order = np.flatnonzero(~bare)[np.argsort(-colours[~bare])]  # low values on top
            if len(known):
                image = axes.scatter(x[order], y[order], c=colours[order], cmap="viridis", **bounds, **style)
            axes.set(xlabel="Octahedral factor μ", xlim=(least[0], greatest[0]), ylim=(least[1], greatest[1]))
            axes.set_title(f"{_plain(title)} ({len(x)})")
        row[0].set_ylabel("Tolerance factor t")
        if image is not None:
            extend = "both" if known.min() < bounds["vmin"] or known.max() > bounds["vmax"] else "neither"
            drawing.colorbar(image, ax=row.tolist(), label=_plain(label), pad=0.01, extend=extend)


def _draw_limits(axes, curves, region):
    """The region in grey, and each limit with its name beside the part that bounds the region."""
    mu, least, greatest = region
    axes.fill_between(mu, least, greatest, where=least < greatest, color=BAND, alpha=0.7, lw=0, zorder=0)
    for x, y in curves.values():
        axes.plot(x, y, color=INK, lw=0.8, zorder=2)
    top, (left, right), beside = curves["OL"][1][1] - 0.015, curves["SL"][0], 0.012
    places = {
        "OL": (curves["OL"][0][0] - beside, top, "right", "top"),
        "CL2": (curves["CL2"][0][0] - beside, top, "right", "top"),
        "SL": (right - 2.5 * beside, 1.006, "right", "bottom"),
        "TL1": (*_near(curves["TL1"], left + 2.5 * beside, -0.045), "left", "top"),
        "TL2": (*_near(curves["TL2"], right - 2.5 * beside, -0.01), "right", "top"),
        "CL1": (*_near(curves["CL1"], 1.1, 0.008), "left", "bottom"),
    }
    for name, (x, y, across, up) in places.items():
        text = axes.text(x, y, name, ha=across, va=up, fontsize=7, zorder=4)
        text.set_path_effects([withStroke(linewidth=1.5, foreground="white")])


def _near(curve, place, above):
    """A place on a curve at this octahedral factor, moved up."""
    return place, float(np.interp(place, *curve)) + above


def draw_elements(panels, path, label):
    """Periodic tables with the elements coloured by a share, a panel for each site, one above the other.

    Parameters
    ----------
    panels : dict of str to dict of int to (share, count)
        By title and atomic number: a share, 0 to 1, and the number that it is a share of, written below the symbol.
    path : path-like
    label : str
        Of the colour bar.
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    colours = ScalarMappable(Normalize(0, 1), "viridis")
    with figure(path, PAGE * 0.86, 2.95 * len(panels)) as drawing:
        column = np.ravel(drawing.subplots(len(panels), 1))
        for axes, (title, shares) in zip(column, panels.items(), strict=True):
            for number in range(1, 104):
                _draw_element(axes, number, shares.get(number), colours)
            axes.set(xlim=(0.9, 19.1), ylim=(10.4, 0.4), aspect="equal")
            axes.set_axis_off()
            axes.text(7.5, 1.6, _plain(title), ha="center", va="center", fontsize=8)
        drawing.colorbar(colours, ax=column.tolist(), label=_plain(label), pad=0.01, shrink=0.5)


def _draw_element(axes, number, share, colours):
    """A square with the symbol, and below it the count; without a share empty."""
    row, column = place_of(number)
    shade = colours.to_rgba(share[0]) if share else "none"
    edge = {"ec": "white" if share else BAND, "lw": 0.6}
    axes.add_patch(Rectangle((column, row), 1, 1, fc=shade, **edge))
    ink = (("white" if share[0] < 0.6 else INK) if share else MUTED)  # fmt: skip
    height = row + (0.4 if share else 0.52)
    axes.text(column + 0.5, height, chemical_symbols[number], ha="center", va="center", fontsize=6.5, color=ink)
    if share:
        axes.text(column + 0.5, row + 0.78, str(share[1]), ha="center", va="center", fontsize=4.5, color=ink)


def place_of(number):
    """Row and column, from 1, of an element in the periodic table; lanthanides and actinides stand below."""
    period = int(np.searchsorted(ROW_STARTS, number, side="right"))
    if number in SERIES.get(period, ()):
        return period + 2.3, number - SERIES[period].start + 4
    first, length = ROW_STARTS[period - 1], ROW_STARTS[period] - ROW_STARTS[period - 1]
    step = number - first
    filled = {2: 1, 8: 2, 18: 2, 32: 3}[length]
    return period, step + 1 if step < filled else 18 - (length - 1 - step)


def _plain(text):
    """Names come from users: nothing in them is a formula."""
    return text.replace("$", r"\$")
