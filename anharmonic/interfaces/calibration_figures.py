"""Figures of predicted uncertainties: reliability and spread over skill; curves of classifiers."""

import numpy as np

from anharmonic.fitting.calibration import UNITS
from anharmonic.interfaces.style import BAND, COLOURS, INK, MARKERS, MUTED, PAGE, figure

GRID = np.linspace(0.02, 0.98, 49)
ALLOWED = 0.1
"""Half the width of the band that the reliability diagram shows."""

BINS = 12


def draw_calibration(calibration, path, title="held-out frames"):
    """Reliability of predicted intervals, and force errors over predicted deviations.

    Parameters
    ----------
    calibration : Calibration
    path : path-like
        png, pdf or svg.
    title : str
        What the frames are.
    """
    with figure(path, PAGE, 3.2) as drawing:
        left, right = drawing.subplots(1, 2)
        _draw_reliability(left, {kind: (calibration, kind) for kind in calibration.kinds}, title)
        if "forces" in calibration.kinds:
            _draw_spread(right, calibration)
        else:
            right.set_axis_off()


def draw_reliabilities(calibrations, path, kind="forces", title="held-out frames"):
    """Reliability of one kind of label by several methods, a dict of `Calibration` by name."""
    with figure(path, 0.5 * PAGE, 3.2) as drawing:
        _draw_reliability(drawing.subplots(), {name: (c, kind) for name, c in calibrations.items()}, title)


def draw_roc(curves, path):
    """Receiver operating characteristics, with the areas under them.

    Parameters
    ----------
    curves : dict of list of dict
        By title of a panel, curves: ``name``, ``false``, ``true`` (shares), ``area``, and perhaps ``limit``, the
        point of the limit that is in use.
    path : path-like
    """
    with figure(path, PAGE, PAGE / len(curves) + 0.75) as drawing:
        panels = drawing.subplots(1, len(curves), squeeze=False)[0]
        for axes, (name, lines) in zip(panels, curves.items(), strict=True):
            for k, line in enumerate(lines):
                colour = COLOURS[k % len(COLOURS)]
                axes.plot(line["false"], line["true"], color=colour, label=line["name"])
                if line.get("limit") is not None:
                    axes.plot(*line["limit"], MARKERS[k % len(MARKERS)], mfc="white", mec=colour, zorder=5)
                at = (0.97, 0.04 + 0.07 * (len(lines) - 1 - k))
                text = f"{line['area']:.3f}"
                axes.annotate(text, at, xycoords="axes fraction", ha="right", fontsize=6.5, color=colour)
            axes.plot([0, 1], [0, 1], color=MUTED, lw=0.6, zorder=0)
            axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal", title=name)
            axes.set(xlabel="Share of calm states beyond")
        panels[0].set_ylabel("Share of hot states beyond")
        handles, labels = panels[0].get_legend_handles_labels()
        drawing.legend(handles, labels, loc="outside lower center", ncols=3)


def _draw_reliability(axes, lines, title):
    """Found over nominal shares, with the band that is allowed."""
    axes.fill_between([0, 1], [-ALLOWED, 1 - ALLOWED], [ALLOWED, 1 + ALLOWED], color=BAND, lw=0, zorder=0)
    axes.plot([0, 1], [0, 1], color=MUTED, lw=0.6, zorder=1)
    for k, (name, (calibration, kind)) in enumerate(lines.items()):
        label = f"{name} ({len(calibration.errors[kind])})"
        axes.plot(GRID, calibration.fractions(kind, GRID), color=COLOURS[k % len(COLOURS)], label=label)
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", title=title)
    axes.set(xlabel="Nominal share of errors within the interval", ylabel="Found share")
    axes.legend(loc="upper left")
    axes.annotate("band: ± 10 points", (0.97, 0.03), xycoords="axes fraction", ha="right", fontsize=6.5, color=MUTED)


def _draw_spread(axes, calibration):
    """Root mean square errors over predicted deviations: by bins of components, and by frames."""
    unit, factor = UNITS["forces"]
    frames = factor * calibration.frames[np.isfinite(calibration.frames).all(axis=1)]
    bins = factor * calibration.bins("forces", min(BINS, len(calibration.errors["forces"])))
    axes.plot(*frames.T, "o", color=COLOURS[4], mew=0, alpha=0.8, label="single frames")
    axes.plot(*bins.T, "s-", color=COLOURS[0], label=f"components in {len(bins)} equal bins")
    every = np.concatenate([frames, bins])
    low, high = every[every > 0].min() / 1.3, every.max() * 1.3
    axes.plot([low, high], [low, high], color=INK, lw=0.6, zorder=0)
    axes.set(xscale="log", yscale="log", xlim=(low, high), ylim=(low, high), aspect="equal")
    unit = unit.replace("A", "Å")
    axes.set(xlabel=f"Predicted deviation of forces ({unit})", ylabel=f"Root mean square error ({unit})")
    axes.legend(loc="upper left")
