"""Figures of the screening commands: GRID, similarity matrices, parity of predictions."""

import numpy as np
from matplotlib.colors import LogNorm

from anharmonic.interfaces.style import COLOURS, COLUMN, MARKERS, MUTED, PAGE, figure

SHOWN = 40
"""Groups of GRID that the heat map shows."""
LABELLED = 30
"""Rows of a similarity matrix up to which their names are written."""


def draw_grid(grid, edges, title, path):
    """Heat map of the first groups of GRID, and their sum over all groups, the radial distribution function.

    Parameters
    ----------
    grid : ndarray, shape (groups, bins)
    edges : ndarray, shape (bins + 1,)
        A.
    title : str
    path : path-like
    """
    shown = grid[: min(SHOWN, len(grid))]
    filled = edges[1:][shown.sum(axis=0) > 1e-3]
    with figure(path, COLUMN, 4.2) as drawing:
        top, bottom = drawing.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        image = top.pcolormesh(edges, np.arange(len(shown) + 1) + 0.5, shown, cmap="viridis", rasterized=True)
        top.set_ylabel("Neighbour (group)")
        top.set_title(_plain(title), fontsize=7, color=MUTED)
        drawing.colorbar(image, ax=top, label="Share of sites per bin", pad=0.02)
        bottom.stairs(grid.sum(axis=0), edges, color=COLOURS[0])
        bottom.set_xlim(0, min(edges[-1], filled.max() + 0.5) if len(filled) else edges[-1])
        bottom.set_ylim(bottom=0)
        bottom.set_xlabel("Distance (Å)")
        bottom.set_ylabel("Neighbours per bin")


def draw_matrix(names, distances, path, label="Distance"):
    """Similarity matrix.

    Rows have names, columns their numbers.

    Parameters
    ----------
    names : sequence of str, length n
    distances : ndarray, shape (n, n)
    path : path-like
    label : str
        Of the colour bar.
    """
    named = len(names) <= LABELLED
    height = max(2.2, 0.17 * len(names) + 0.6) if named else 4.4
    with figure(path, min(PAGE, height + 2.8) if named else 5.0, height) as drawing:
        axes = drawing.subplots()
        image = axes.imshow(distances, cmap="viridis_r", interpolation="nearest")
        if named:
            axes.set_yticks(range(len(names)), [f"{_plain(name)}  {k + 1}" for k, name in enumerate(names)])
            axes.set_xticks(range(len(names)), range(1, len(names) + 1))
        if len(names) <= 8:
            middle = np.max(distances) / 2
            for (row, column), value in np.ndenumerate(distances):
                colour = "white" if value > middle else "black"
                axes.text(column, row, f"{value:.2f}", ha="center", va="center", color=colour, fontsize=6)
        axes.tick_params(length=0)
        drawing.colorbar(image, ax=axes, label=label, pad=0.02)


def draw_parity(panels, path):
    """Predicted against known positive values, a panel for each property.

    Parameters
    ----------
    panels : dict of str to (true, predicted, text)
        Arrays (n,), and a line about the errors. The name tells the unit.
    path : path-like
    """
    with figure(path, COLUMN * min(2, len(panels)) + 0.3, 3.2) as drawing:
        for axes, (name, (true, predicted, text)) in zip(
            np.ravel(drawing.subplots(1, len(panels))), panels.items(), strict=True
        ):
            limits = 0.9 * true.min(), 1.1 * max(true.max(), predicted.max())
            bins = np.geomspace(*limits, 90)
            *_, image = axes.hist2d(
                true, np.clip(predicted, limits[0], None), bins=bins, cmap="viridis", norm=LogNorm()
            )
            image.set_rasterized(True)
            axes.plot(limits, limits, color=COLOURS[1], lw=0.8)
            axes.set(xscale="log", yscale="log", xlim=limits, ylim=limits, aspect="equal")
            axes.set_xlabel(f"{_plain(name)}, known")
            axes.set_ylabel(f"{_plain(name)}, predicted")
            axes.set_title(text, fontsize=7, color=MUTED)
            drawing.colorbar(image, ax=axes, label="Crystals", pad=0.02, shrink=0.8)


def draw_comparison(panels, path):
    """Distances of several crystals from one of them, by several measures, a panel for each family.

    Parameters
    ----------
    panels : sequence of (x, x_label, curves)
        Places (n,) or names on the axis, its label, and by measure the distances (n,), drawn as shares of the largest.
    path : path-like
    """
    with figure(path, PAGE, 2.4) as drawing:
        for k, (axes, (x, label, curves)) in enumerate(zip(drawing.subplots(1, len(panels)), panels, strict=True)):
            for n, (name, distances) in enumerate(curves.items()):
                axes.plot(x, distances / np.max(distances), MARKERS[n] + "-", color=COLOURS[n], label=name)
            axes.set_xlabel(label)
            axes.set_ylim(0, 1.05)
            axes.annotate(f"({'abcdef'[k]})", (0, 1), (-12, 5), "axes fraction", "offset points", ha="right")
            if not k:
                axes.set_ylabel("Distance / largest")
                axes.legend(loc="best")


def draw_fingerprint(counts, edges, title, path):
    """Fingerprint of the Hirshfeld surfaces of a crystal.

    Parameters
    ----------
    counts : ndarray, shape (bins, bins)
        By the distance inside (rows) and outside (columns).
    edges : ndarray, shape (bins + 1,)
        A.
    title : str
    path : path-like
    """
    shown = np.ma.masked_less(100 * counts.T, 1e-4)
    with figure(path, COLUMN, 3.0) as drawing:
        axes = drawing.subplots()
        image = axes.pcolormesh(edges, edges, shown, cmap="viridis", norm=LogNorm(), rasterized=True)
        axes.plot(edges, edges, color=MUTED, lw=0.5)
        axes.set(aspect="equal", xlabel="Distance to the nucleus inside (Å)", ylabel="To the nearest outside (Å)")
        axes.set_title(_plain(title), fontsize=7, color=MUTED)
        drawing.colorbar(image, ax=axes, label="Share of the area (%)", pad=0.02)


def draw_energies(names, values, deviations, doubtful, path):
    """Energies in order with their standard deviations; names are written beside up to 40 of them.

    Parameters
    ----------
    names : sequence of str, length n
    values, deviations : sequence of float, length n
        eV/atom.
    doubtful : sequence of bool, length n
        Drawn open.
    path : path-like
    """
    order = np.argsort(values)
    values, deviations, doubtful = (np.asarray(x)[order] for x in (values, deviations, doubtful))
    named = len(order) <= SHOWN
    with figure(path, PAGE if named else COLUMN, max(1.6, 0.17 * len(order) + 0.7) if named else 3.0) as drawing:
        axes, places = drawing.subplots(), np.arange(len(order))
        bar = {"fmt": MARKERS[0], "color": COLOURS[0], "ms": 3 if named else 1, "lw": 0.8, "ls": "none"}
        for chosen, face, label in ((~doubtful, COLOURS[0], None), (doubtful, "white", "doubtful")):
            if chosen.any():
                axes.errorbar(
                    values[chosen], places[chosen], xerr=deviations[chosen], mfc=face, label=label,
                    elinewidth=0.8 if named else 0.2, **bar,
                )  # fmt: skip
        if named:
            axes.set_yticks(places, [_plain(names[k]) for k in order])
        else:
            axes.set_ylabel("Compounds, in order")
        axes.set_ylim(len(order) - 0.4, -0.6)
        axes.set_xlabel("Formation energy (eV/atom)")
        if doubtful.any():
            axes.legend(loc="best")


def _plain(text):
    """Names come from users: nothing in them is a formula."""
    return text.replace("$", r"\$")
