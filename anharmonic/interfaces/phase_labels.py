"""Phases and transitions written onto a panel whose horizontal axis is the temperature."""

import re

import numpy as np
from matplotlib.patheffects import Normal, Stroke

from anharmonic.analysis.transitions import bracket, in_kelvin
from anharmonic.interfaces.style import BAND

SHORT_NAMES = {"orthorhombic": "ortho.", "tetragonal": "tetra.", "rhombohedral": "rhomb.", "monoclinic": "mono."}
LETTER_WIDTH = 0.058  # inch, of the phase names
LABEL_WIDTH = 0.12  # inch, of an upright label
MARGIN = 0.03  # of the panel's height, between labels and frame


def mark_transitions(axes, transitions):
    """Shade the bracket of each transition (hatched if unresolved) and write its temperature inside the panel.

    Unresolved transitions whose brackets touch share one label with the outer temperatures, and so do transitions that
    are nearer to each other than a label is wide.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        With the curves already drawn, in a figure whose layout is settled: labels are measured in it.
    transitions : list of dict
        As from `find_transitions`, of one direction.
    """
    width, height = axes.get_window_extent().size / axes.get_figure().dpi
    (left, right), room = axes.get_xlim(), LABEL_WIDTH / width
    for t in transitions:
        hatch = "////" if t.get("unresolved") else None
        axes.axvspan(*bracket(t), fc=BAND, ec="white", lw=1, hatch=hatch, zorder=0)
    for group in _grouped(transitions, (right - left) * room):
        low, high = _span(group)
        text = f"{in_kelvin(group[0])} K" if len(group) == 1 else f"{low:.0f} – {high:.0f} K"
        middle = _middle(group)
        axes.text(
            middle,
            _free_height(axes, middle, room, len(text) * LETTER_WIDTH / height),
            text,
            transform=axes.get_xaxis_transform(),
            rotation=90,
            ha="center",
            va="center",
            fontsize=6.5,
            path_effects=[Stroke(linewidth=2, foreground=BAND, alpha=0.8), Normal()],
        )


def _grouped(transitions, nearest):
    """Lists of transitions that share a label, from low to high temperature; `nearest` is in K."""
    groups = []
    for t in sorted(transitions, key=lambda t: t["temperature_K"]):
        if groups and (_touch(groups[-1][-1], t) or _middle([t]) - _middle(groups[-1]) < nearest):
            groups[-1].append(t)
        else:
            groups.append([t])
    return groups


def _touch(one, other):
    """Whether two transitions, from low to high temperature, are unresolved and have brackets that touch."""
    return all(t.get("unresolved") for t in (one, other)) and bracket(one)[1] >= bracket(other)[0]


def _span(group):
    """Outer temperatures (K) of the brackets."""
    ends = [end for t in group for end in bracket(t)]
    return min(ends), max(ends)


def _middle(group):
    """Temperature (K) at which the label stands."""
    return group[0]["temperature_K"] if len(group) == 1 else sum(_span(group)) / 2


def _free_height(axes, temperature, width, length):
    """Where in the panel an upright label is farthest from the curves; all lengths are fractions of its sides."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    near = temperature + (right - left) * width / 2 * np.linspace(-1, 1, 5)
    curves = [container.lines[0].get_data() for container in axes.containers]
    heights = np.array([np.interp(near, *np.array(xy, float)[:, np.argsort(xy[0])]) for xy in curves])
    heights = (heights - bottom) / (top - bottom)
    edge = min(0.5, length / 2 + MARGIN)
    centres = np.linspace(edge, 1 - edge, 33)
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
