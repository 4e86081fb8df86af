"""Candidates before and after relaxation."""

import numpy as np

from anharmonic.interfaces.style import BAND, COLOURS, COLUMN, INK, MARKERS, PAGE, figure

WITHIN = 0.2
"""eV/atom: half the width of the band around equal energies."""
OUTCOMES = ("perovskite", "no perovskite", "not converged")


def draw_relaxed(records, path):
    """How far structures moved, and, where energies were predicted, what became of them.

    Parameters
    ----------
    records : sequence of dict
        With ``converged``, ``perovskite_after``, ``volume_change`` (a share), ``displacement`` (A), and perhaps
        ``predicted`` and ``formation`` (eV/atom).
    path : path-like
    """
    kinds = np.array([_outcome(record) for record in records])
    pairs = [(r.get("formation") if r.get("aligned") is None else r["aligned"], r.get("predicted")) for r in records]
    known = np.array([None not in pair for pair in pairs])
    with figure(path, PAGE if known.any() else COLUMN, 2.9) as drawing:
        panels = drawing.subplots(1, 1 + bool(known.any()), squeeze=False)[0]
        moved = [(100 * (r["volume_change"] or 0), r["displacement"]) for r in records]
        _draw_points(panels[0], np.array(moved, float), kinds)
        panels[0].axvline(0, color=INK, lw=0.5, zorder=0)
        panels[0].set(xlabel="Change of volume (%)", ylabel="Displacement (Å, root mean square)")
        panels[0].set_ylim(bottom=0)
        panels[0].legend(loc="best", labelcolor=INK)
        if known.any():
            energies = np.array([pair for pair, is_known in zip(pairs, known, strict=True) if is_known], float)
            ends = np.array([energies.min() - 0.1, energies.max() + 0.1])
            panels[1].fill_between(ends, ends - WITHIN, ends + WITHIN, color=BAND, lw=0, zorder=0)
            panels[1].plot(ends, ends, color=INK, lw=0.6, zorder=1)
            _draw_points(panels[1], energies, kinds[known])
            panels[1].set(xlabel="Formation energy, relaxed (eV / atom)", ylabel="Predicted (eV / atom)", xlim=ends)


def _outcome(record):
    if not record["converged"]:
        return OUTCOMES[2]
    return OUTCOMES[0] if record["perovskite_after"] else OUTCOMES[1]


def _draw_points(axes, points, kinds):
    """Points (n, 2) by outcome; counts stand in the legend."""
    for name, colour, marker in zip(OUTCOMES, COLOURS, MARKERS, strict=False):
        chosen = kinds == name
        if chosen.any():
            label = f"{name} ({chosen.sum()})"
            axes.scatter(*points[chosen].T, s=14, color=colour, marker=marker, lw=0.2, ec="white", label=label)
