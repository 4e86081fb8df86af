"""Phases and transitions written onto a panel whose horizontal axis is the temperature."""

import re

import numpy as np
from matplotlib.patheffects import Normal, Stroke

from anharmonic.analysis.transitions import bracket, in_kelvin
from anharmonic.interfaces.style import BAND

SHORT_NAMES = {"orthorhombic": "ortho.", "tetragonal": "tetra.", "rhombohedral": "rhomb.", "monoclinic": "mono."}
LETTER_WIDTH = 0.058  # inch, of the phase names


def mark_transitions(axes, transitions, width):
    """Shade the bracket of each transition (hatched if unresolved) and write its temperature where there is room.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        With the curves already drawn.
    transitions : list of dict
        As from `find_transitions`, of one direction.
    width : float
        Of the panel (inch).
    """
    for t in transitions:
        middle, hatch = t["temperature_K"], "////" if t.get("unresolved") else None
        axes.axvspan(*bracket(t), fc=BAND, ec="white", lw=1, hatch=hatch, zorder=0)
        height = _free_height(axes, middle, width)
        axes.text(
            middle,
            height,
            f"{in_kelvin(t)} K",
            transform=axes.get_xaxis_transform(),
            rotation=90,
            ha="center",
            va="center",
            fontsize=6.5,
            path_effects=[Stroke(linewidth=2, foreground=BAND, alpha=0.8), Normal()],
        )


def _free_height(axes, temperature, width):
    """Where in the panel (fraction of its height) an upright label is farthest from the curves."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    near = temperature + (right - left) * LETTER_WIDTH / width * np.linspace(-1, 1, 5)
    curves = [container.lines[0].get_data() for container in axes.containers]
    heights = np.array([np.interp(near, *np.array(xy, float)[:, np.argsort(xy[0])]) for xy in curves])
    heights = (heights - bottom) / (top - bottom)
    centres = np.linspace(0.18, 0.82, 33)
    distance = np.abs(np.nan_to_num(heights.ravel(), nan=9.0)[:, None] - centres).min(axis=0)
    return centres[distance.argmax()]


def name_phases(axes, points, width):
    """Write the phases above the panel: shortened where they are narrow, a step up where they would overlap.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    points : list of dict
        Of one direction: ``temperature_K``, ``phase``, ``glazer``.
    width : float
        Of the panel (inch).
    """
    low, high = axes.get_xlim()
    inch = width / (high - low)
    ends = []
    for name, glazer, start, end in _stretches(points):
        middle = (start + end) / 2
        text = name if len(name) * LETTER_WIDTH <= inch * (end - start) else SHORT_NAMES.get(name, name)
        half = max(len(text), len(glazer or "")) * LETTER_WIDTH / 2
        step = next((i for i, edge in enumerate(ends) if edge < inch * middle - half), len(ends))
        ends[step:] = [inch * middle + half]
        lines = [text, _typeset(glazer)] if glazer else [text]
        for i, line in enumerate(reversed(lines)):
            _write_above(axes, middle, line, 3 + 8 * i + 9 * len(lines) * step)


def _write_above(axes, temperature, text, height):
    axes.annotate(
        text,
        (temperature, 1),
        (0, height),
        xycoords=axes.get_xaxis_transform(),
        textcoords="offset points",
        ha="center",
        fontsize=6.5,
    )


def _stretches(points):
    """``(name, glazer, start, end)`` of neighbouring temperatures (K) in one phase, reaching half a step out."""
    points = sorted(points, key=lambda p: p["temperature_K"])
    temperatures = np.array([p["temperature_K"] for p in points], float)
    middles = (temperatures[1:] + temperatures[:-1]) / 2
    edges = np.concatenate([temperatures[:1], middles, temperatures[-1:]])
    names = [(p["phase"], p.get("glazer")) for p in points]
    first = [i for i in range(len(names)) if i == 0 or names[i] != names[i - 1]]
    return [(*names[i], edges[i], edges[j]) for i, j in zip(first, [*first[1:], len(names)], strict=True)]


def _typeset(glazer):
    return "" if glazer is None else "$" + re.sub(r"([abc])([0+-])", r"\1^{\2}", glazer) + "$"
