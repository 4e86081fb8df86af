"""Why a cubic crystal distorts: its phonons, the wells of its unstable modes, the phases that they lead to."""

import numpy as np

from anharmonic.interfaces.phonon_figures import mark_points
from anharmonic.interfaces.scan_figures import typeset
from anharmonic.interfaces.style import BAND, COLOURS, INK, MARKERS, MUTED, PAGE, figure

WELLS, PHASES = 6, 12
"""At most, of each."""


def draw_promotion(found, path):
    """Draw bands, wells and phases side by side.

    Parameters
    ----------
    found : object
        With ``bands`` (of `anharmonic.phonons.points.bands`), ``wells`` (mode, direction, amplitude, energy) and
        ``phases`` (name, space_group, energy), as `Promotion`.
    path : path-like
    """
    with figure(path, PAGE, 3.0) as drawing:
        left, middle, right = drawing.subplots(1, 3, gridspec_kw={"width_ratios": (1.25, 1, 1)})
        _draw_bands(left, found.bands["segments"])
        _draw_wells(middle, found.wells)
        _draw_phases(right, found.phases)
        titles = "(a) phonons, cubic", "(b) along unstable modes", "(c) relaxed phases"
        for axes, title in zip((left, middle, right), titles, strict=True):
            axes.set_title(title, loc="left")


def _draw_bands(axes, segments):
    """Bands; what is imaginary is below zero."""
    for segment in segments:
        axes.plot(segment["distance"], segment["frequency"], color=COLOURS[0], lw=0.8)
    lowest = min(0.0, *(segment["frequency"].min() for segment in segments))
    axes.axhline(0, color=INK, lw=0.5)
    axes.axhspan(lowest * 1.15 - 0.05, 0, color=BAND, lw=0, zorder=0)
    axes.set(ylabel="Frequency (THz), imaginary below zero", ylim=(lowest * 1.15 - 0.05, None))
    mark_points(axes, segments)


def _draw_wells(axes, wells):
    """Energies over the amplitude, with an even polynomial through them."""
    shown = sorted(wells, key=lambda well: well.energy.min())[:WELLS]
    for k, well in enumerate(shown):
        colour, marker = COLOURS[k % len(COLOURS)], MARKERS[k % len(MARKERS)]
        x = well.amplitude
        powers = np.arange(2, 2 + 2 * min(3, len(x) - 1), 2)
        weights = np.linalg.lstsq(x[:, None] ** powers, well.energy, rcond=None)[0]
        line = np.linspace(0, x.max(), 100)
        axes.plot(line, 1000 * (line[:, None] ** powers) @ weights, color=colour, lw=0.9)
        mode, _, kind = well.mode.partition(" (")
        label = f"{mode} {_components(well.direction)}" + (f", {kind[:-1]}" if "tilt" in kind else "")
        axes.plot(x, 1000 * well.energy, marker, color=colour, ms=3, label=label)
    axes.axhline(0, color=MUTED, lw=0.5, zorder=0)
    axes.set(xlabel="Amplitude (Å)", ylabel="Energy (meV / f.u.)")
    if shown:
        lowest = 1000 * min(well.energy.min() for well in shown)
        axes.set_ylim(1.2 * lowest - 1, max(-0.6 * lowest, 5) + 0.9 * abs(lowest))
        frame = {"frameon": True, "framealpha": 0.95, "edgecolor": "none", "borderaxespad": 0.2}
        axes.legend(loc="upper center", fontsize=5.5, labelcolor=INK, **frame)
    else:
        axes.text(0.5, 0.5, "no mode is unstable", transform=axes.transAxes, ha="center", color=MUTED)


def _components(direction):
    """Components that take part, such as 1 of 3."""
    return f"{sum(direction)}/{len(direction)}"


def _draw_phases(axes, phases):
    """Energies as bars, lowest on top, with space groups."""
    shown = phases[:PHASES]
    energies = np.array([1000 * phase.energy for phase in shown])
    places = np.arange(len(shown))
    axes.barh(places, energies, color=COLOURS[2], height=0.6)
    axes.axvline(0, color=INK, lw=0.5)
    axes.set_yticks(places, [phase.name for phase in shown])
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0, right=False)
    width = max(float(np.ptp([*energies, 0.0])), 1.0)
    for place, energy, phase in zip(places, energies, shown, strict=True):
        axes.text(
            max(energy, 0) + 0.03 * width, place, typeset(phase.space_group), va="center", fontsize=6, color=MUTED
        )
    ends = min(energies.min(), 0) - 0.08 * width, max(energies.max(), 0) + 0.5 * width
    axes.set(xlabel="Energy (meV / f.u.)", xlim=ends)
