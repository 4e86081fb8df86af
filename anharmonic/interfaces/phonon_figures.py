"""Phonons: bands with their density of states, soft modes over temperature, spectra of soft modes."""

import numpy as np

from anharmonic.interfaces.style import COLOURS, COLUMN, INK, MARKERS, MUTED, PAGE, figure, shades

GAMMA = "G"
DENSITY_WIDTH = 0.28
"""Width of the density of states, of that of the bands."""


def draw_bands(rest, thermal, path):
    """Draw bands along one path, and densities of states beside them: at rest dashed, darker at lower temperatures.

    Parameters
    ----------
    rest : dict
        Of the harmonic crystal: ``segments`` and ``dos`` as of `anharmonic.phonons.points.bands`.
    thermal : sequence of (float, dict)
        Temperature (K) and the same there, rising. All are drawn over the path of the crystal at rest: cells of other
        temperatures have slightly other ones.
    path : path-like
        png, pdf or svg; png and pdf without a suffix.
    """
    with figure(path, PAGE, 3.4) as drawing:
        widths = {"width_ratios": (1, DENSITY_WIDTH)}
        axes, beside = drawing.subplots(1, 2, sharey=True, gridspec_kw=widths)
        for colour, (temperature, found) in zip(shades(len(thermal)), thermal, strict=True):
            _draw_bands(axes, beside, found, rest["segments"], f"{temperature:g} K", color=colour)
        look = {"color": INK, "ls": (0, (4, 2))} if thermal else {"color": COLOURS[0]}
        _draw_bands(axes, beside, rest, rest["segments"], "at rest", **look)
        mark_points(axes, rest["segments"])
        for panel in (axes, beside):
            panel.axhline(0, color=MUTED, lw=0.5, zorder=0)
        axes.set_ylabel("Frequency (THz)")
        beside.set_xlabel("States (1 / THz / cell)")
        beside.set_xlim(left=0)
        if thermal:
            names = axes.get_legend_handles_labels()
            drawing.legend(*names, loc="outside lower center", ncols=len(thermal) + 1, labelcolor=INK,
                           handlelength=1.4, columnspacing=1.0)  # fmt: skip


def _draw_bands(axes, beside, found, path_segments, name, **look):
    """One set of bands over the path, and its density of states."""
    for k, (segment, along) in enumerate(zip(found["segments"], path_segments, strict=True)):
        lines = axes.plot(along["distance"], segment["frequency"], lw=0.8, **look)
        lines[0].set_label(name if k == 0 else None)
    beside.plot(found["dos"]["density"], found["dos"]["frequency"], lw=0.8, **look)


def draw_soft_modes(summary, path):
    """Draw the frequencies of the softest mode of each special point over temperature.

    Parameters
    ----------
    summary : dict
        Of phonons: ``points`` with ``temperature_K``, ``distorted`` and ``soft_modes``.
    path : path-like
        png, pdf or svg; png and pdf without a suffix.
    """
    points = summary["points"]
    labels = list(points[0]["soft_modes"])
    with figure(path, PAGE, 3.0) as drawing:
        panels = drawing.subplots(1, 2, sharex=True, sharey=True)
        columns = ("frequency_THz", "error_THz"), ("peak_THz", "peak_error_THz")
        titles = "(a) effective force constants", "(b) spectra of motion"
        for axes, names, title in zip(panels, columns, titles, strict=True):
            for k, label in enumerate(labels):
                _draw_mode(axes, points, label, names, k)
            axes.axhline(0, color=MUTED, lw=0.5, zorder=0)
            axes.set(xlabel="Temperature (K)", title=title)
            axes.title.set_ha("left")
            axes.title.set_x(0)
        panels[0].set_ylabel("Frequency of the softest mode (THz)")
        if any(point["distorted"] for point in points):
            panels[0].plot([], [], "o", mfc="white", mec=INK, label="crystal distorted")
        panels[0].legend(loc="best", labelcolor=INK)


def draw_spectra(spectra, path):
    """Draw the spectra of soft modes, a panel for each special point and a line for each temperature.

    Parameters
    ----------
    spectra : dict of list of dict
        By label of the point: ``temperature_K``, ``frequency`` (THz), ``density`` (1/THz), ``peak_THz``.
    path : path-like
        png, pdf or svg; png and pdf without a suffix.
    """
    with figure(path, PAGE, 2.6) as drawing:
        panels = drawing.subplots(1, len(spectra), squeeze=False)[0]
        for axes, (label, curves) in zip(panels, spectra.items(), strict=True):
            reach = 3 * max(curve["peak_THz"] for curve in curves)
            for curve, colour in zip(curves, shades(len(curves)), strict=True):
                shown = curve["frequency"] < reach
                axes.plot(curve["frequency"][shown], curve["density"][shown], color=colour, lw=0.9,
                          label=f"{curve['temperature_K']:g} K")  # fmt: skip
            axes.set(xlabel="Frequency (THz)", xlim=(0, reach))
            axes.set_ylim(bottom=0)
            axes.set_title(_symbol(label), loc="left")
        panels[0].set_ylabel("Spectral density (1 / THz)")
        panels[-1].legend(loc="upper right", labelcolor=INK)


def draw_expansion(curves, sampled, path):
    """Draw volumes over temperature: quasi-harmonic curves, and what was sampled.

    Parameters
    ----------
    curves : dict of tuple of ndarray
        Temperature (K) and volume (A^3 per reference cell) by name.
    sampled : tuple of sequence, or None
        Temperature and volume.
    path : path-like
        png, pdf or svg; png and pdf without a suffix.
    """
    with figure(path, COLUMN, 2.8) as drawing:
        axes = drawing.subplots()
        for colour, (name, (temperature, volume)) in zip(COLOURS, curves.items(), strict=False):
            axes.plot(temperature, volume, color=colour, label=f"quasi-harmonic, {name}")
        if sampled is not None:
            axes.plot(sampled[0], sampled[1], MARKERS[0], color=COLOURS[len(curves)], label="sampled")
        axes.set(xlabel="Temperature (K)", ylabel="Volume (Å³ / reference cell)")
        axes.set_xlim(left=0)
        axes.legend(loc="upper left", labelcolor=INK)


def _draw_mode(axes, points, label, names, k):
    """One mode: lines over temperature, open where the crystal is distorted, and a dotted line to rest."""
    temperature = np.array([point["temperature_K"] for point in points])
    value, error = (np.array([p["soft_modes"][label][n] for p in points], float) for n in names)
    distorted = np.array([point["distorted"] for point in points])
    colour, marker = COLOURS[k % len(COLOURS)], MARKERS[k % len(MARKERS)]
    axes.plot(temperature, value, color=colour, lw=0.7)
    for chosen, fill in ((~distorted, colour), (distorted, "white")):
        axes.errorbar(temperature[chosen], value[chosen], error[chosen], fmt=marker, color=colour, mfc=fill)
    rest = points[0]["soft_modes"][label]["harmonic_THz"]
    axes.plot([0, temperature[0]], [rest, value[0]], color=colour, lw=0.7, ls=":")
    axes.plot([0], [rest], marker, color=colour, clip_on=False, zorder=5)
    axes.plot([], [], marker, color=colour, label=f"{_symbol(label)} (at rest {_signed(rest)} THz)")
    axes.set_xlim(left=0)


def mark_points(axes, segments):
    """Names of the special points under their places; where the path jumps, both."""
    places = {}
    for segment in segments:
        for label, at in zip(segment["labels"], segment["distance"][[0, -1]], strict=True):
            names = places.setdefault(round(float(at), 9), [])
            if label not in names:
                names.append(label)
    axes.set_xticks(list(places), ["|".join(map(_symbol, names)) for names in places.values()])
    for at in places:
        axes.axvline(at, color=MUTED, lw=0.5, zorder=0)
    axes.set_xlim(0, max(places))


def _symbol(label):
    return "Γ" if label == GAMMA else label


def _signed(frequency):
    """A frequency in the way of the field: imaginary ones with an i."""
    return f"{frequency:.2f}" if frequency >= 0 else f"{-frequency:.2f}i"
