"""Replica exchange in one figure: travels of the walkers, acceptance of swaps, tilts and lattice by temperature."""

import numpy as np

from anharmonic.interfaces.style import BAND, COLOURS, MARKERS, MUTED, PAGE, figure

HIGHLIGHTED = 2
"""Walkers drawn: those that started at both ends."""


def draw_exchange(summary, walks, path):
    """Draw four panels: walkers, acceptance, tilts (or energy), lattice parameters.

    Parameters
    ----------
    summary : dict
        Of a replica exchange: ``potential``, ``n_atoms``, ``method``, ``points``, ``exchange``.
    walks : dict
        ``x`` (n,), ``x_label``, ``places`` (n, n_replicas), ``equilibration`` on the axis of x.
    path : path-like
        png, pdf or svg; png and pdf without a suffix.
    """
    axis, label = _axis(summary["points"])
    with figure(path, PAGE, 4.6) as drawing:
        panels = drawing.subplots(2, 2)
        _draw_walks(panels[0, 0], axis, label, walks)
        _draw_acceptance(panels[0, 1], axis, label, summary["exchange"])
        _draw_order(panels[1, 0], axis, summary)
        _draw_lattice(panels[1, 1], axis, summary["points"])
        for axes in panels[1]:
            axes.set_xlabel(label)
        for letter, axes in zip("abcd", panels.ravel(), strict=True):
            axes.annotate(f"({letter})", (0, 1), (-12, 5), "axes fraction", "offset points", ha="right")
        title = f"{summary['potential']}, {summary['n_atoms']} atoms, replica exchange, {summary['method'].upper()}"
        drawing.suptitle(title, fontsize=7, color=MUTED)


def _axis(points):
    """What tells the replicas apart, and its label: temperature, or pressure where the temperature is common."""
    temperatures = np.array([p["temperature_K"] for p in points], float)
    if len(set(temperatures)) == 1:
        return np.array([p["pressure_GPa"] for p in points], float), "Pressure (GPa)"
    return temperatures, "Temperature (K)"


def _draw_walks(axes, axis, label, walks):
    """Where two of the walkers are over time."""
    chosen = np.linspace(0, len(axis) - 1, HIGHLIGHTED).round().astype(int)
    for k, walker in enumerate(chosen):
        values = axis[walks["places"][:, walker]]
        axes.plot(walks["x"], values, color=COLOURS[k], lw=0.6, drawstyle="steps-post")
    axes.axvspan(0, walks["equilibration"], color=BAND, lw=0, zorder=-1)
    axes.set_xlim(0, walks["x"][-1])
    axes.set_xlabel(f"{walks['x_label']} (equilibration is shaded)")
    axes.set_ylabel(f"Two walkers: {label[0].lower()}{label[1:]}")


def _draw_acceptance(axes, axis, label, exchange):
    """Share of accepted swaps between neighbours, measured and expected from the heat capacity."""
    middles = (axis[:-1] + axis[1:]) / 2
    share = np.array(exchange["acceptance"], float)
    axes.errorbar(
        middles, 100 * share, 100 * np.array(exchange["acceptance_error"], float),
        fmt="o", color=COLOURS[0], label="accepted",
    )  # fmt: skip
    if exchange.get("expected_acceptance"):
        expected = 100 * np.array(exchange["expected_acceptance"], float)
        axes.plot(middles, expected, "--", color=MUTED, label="expected")
    axes.set_ylim(bottom=0)
    axes.set_xlabel(label)
    axes.set_ylabel("Accepted swaps (%)")
    axes.legend(loc="best")


def _draw_order(axes, axis, summary):
    """Lengths of the tilt vectors where there are any, else the energy."""
    points = summary["points"]
    if all("total_tilt" in p for p in points):
        values = np.array([p["total_tilt"] for p in points], float)
        errors = np.array([p["errors"]["total_tilt"] for p in points], float)
        for k, name in enumerate(("in-phase", "anti-phase")):
            _series(axes, axis, values[:, k], errors[:, k], k, name)
        axes.set_ylabel("Length of the tilt vector (°)")
        axes.legend(loc="best")
    else:
        values, errors = (np.array([p[key] for p in group], float) for key, group in _energies(points))
        _series(axes, axis, 1000 * values, 1000 * errors, 0, "")
        axes.set_ylabel("Energy (meV / cell)")


def _energies(points):
    return ("energy", points), ("energy", [p["errors"] for p in points])


def _draw_lattice(axes, axis, points):
    """Lattice parameters; axes of the crystal that walkers exchange become equal on average."""
    for k, name in enumerate("abc"):
        values = np.array([p[name] for p in points], float)
        errors = np.array([p["errors"][name] for p in points], float)
        _series(axes, axis, values, errors, k, name)
    axes.set_ylabel("Lattice parameter (Å)")
    axes.legend(loc="best")


def _series(axes, x, values, errors, k, label):
    axes.errorbar(x, values, errors, fmt=MARKERS[k], ls="-", lw=0.6, elinewidth=0.8, color=COLOURS[k], label=label)
