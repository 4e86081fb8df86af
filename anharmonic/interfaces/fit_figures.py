"""Figures of a fit: parity, errors over energy (figure 8 of the paper), learning curve."""

import numpy as np

from anharmonic.conventions import GPA
from anharmonic.errors import AnharmonicError
from anharmonic.interfaces.style import COLOURS, INK, MUTED, PAGE, figure

PART_COLOURS = {"training": COLOURS[0], "validation": COLOURS[2], "test": COLOURS[1]}
"""In the order in which they are drawn: the test part on top."""

KINDS = (
    ("energy", "energy (meV / atom)", "meV/atom"),
    ("forces", "force (eV / Å)", "meV/Å"),
    ("stress", "stress (GPa)", "GPa"),
)
MOST_POINTS = 20000
"""A panel draws no more points than that of a part, chosen at random; errors are of all."""

WINDOW, N_WINDOWS = 25.0, 6
"""Width (meV per reference cell) and number of the windows of figure 8b; one more takes what lies above."""


def draw_parity(comparisons, path):
    """Prediction over label: energies, forces and stresses, with RMSE and MAE of each part.

    Parameters
    ----------
    comparisons : dict of str to Comparison
        By part: training, validation, test, or any other name.
    path : path-like
        png, pdf or svg.
    """
    comparisons = _ordered(comparisons)
    shown = [kind for kind in KINDS if any(len(_pairs(c, kind[0])) for c in comparisons.values())]
    if not shown:
        raise AnharmonicError("a parity figure takes at least one labelled frame")
    with figure(path, PAGE, PAGE / 3 + 0.35) as drawing:
        panels = drawing.subplots(1, len(shown), squeeze=False)[0]
        for axes, (kind, label, unit) in zip(panels, shown, strict=True):
            for k, (part, comparison) in enumerate(comparisons.items()):
                shift = _lowest_energy(comparisons) / comparison.n_sites if kind == "energy" else 0.0
                _draw_part(axes, _pairs(comparison, kind) - shift, _colour(part, k), part, k)
            _finish_parity(axes, label)
            _write_errors(axes, comparisons, kind, unit)
        handles, labels = panels[0].get_legend_handles_labels()
        drawing.legend(handles, labels, loc="outside lower center", ncols=len(comparisons), markerscale=2)


def draw_error_by_energy(comparisons, path):
    """Energy errors in windows of the label energy (figure 8b): RMSE as bars, of all as lines, single frames as points.

    Parameters as for `draw_parity`; windows are counted from the lowest label of all parts.
    """
    comparisons = _ordered(comparisons)
    lowest, width = _lowest_energy(comparisons), 0.8 / len(comparisons)
    with figure(path, 0.75 * PAGE, 3.0) as drawing:
        axes = drawing.subplots()
        for k, (part, comparison) in enumerate(comparisons.items()):
            residual = 1000 * abs(np.diff(comparison.energy, axis=1)[:, 0])
            known = np.isfinite(residual)
            energy = 1000 * comparison.n_sites * comparison.energy[known, 0] - lowest
            window = np.minimum(energy // WINDOW, N_WINDOWS).astype(int)
            label = f"{part} ({known.sum()} frames)"
            shift = (k - (len(comparisons) - 1) / 2) * width
            _draw_windows(axes, window, residual[known], shift, width, _colour(part, k), label)
        names = [f"{WINDOW * w:.0f}-{WINDOW * (w + 1):.0f}" for w in range(N_WINDOWS)]
        axes.set_xticks(range(N_WINDOWS + 1), [*names, f"above {WINDOW * N_WINDOWS:.0f}"])
        axes.tick_params(axis="x", top=False, bottom=False)
        axes.set(xlabel="DFT energy above the lowest (meV / reference cell)", ylabel="Energy error (meV / atom)")
        axes.set_ylim(bottom=0)
        axes.legend(loc="upper left")
        axes.set_title("bars: RMSE, dashed: RMSE of all, points: single frames", color=MUTED, fontsize=7)


def draw_learning_curve(curve, path):
    """Training and validation loss over steps.

    Parameters
    ----------
    curve : ndarray, shape (n_checks, 3)
        Step, training loss, validation loss.
    path : path-like
    """
    with figure(path, 0.6 * PAGE, 2.6) as drawing:
        axes = drawing.subplots()
        for k, part in ((1, "training"), (2, "validation")):
            axes.plot(curve[:, 0], curve[:, k], color=PART_COLOURS[part], label=part)
        best = np.nanargmin(curve[:, 2])
        axes.plot(*curve[best, [0, 2]], "o", mfc="white", mec=INK, label=f"kept: step {curve[best, 0]:.0f}")
        axes.set(xlabel="Step", ylabel="Loss", yscale="log", xlim=(0, curve[-1, 0]))
        axes.legend()


def _ordered(comparisons):
    """Known parts in the order of their drawing, then others."""
    known = {part: comparisons[part] for part in PART_COLOURS if part in comparisons}
    return known | comparisons


def _lowest_energy(comparisons):
    """Lowest label of all parts (meV per reference cell)."""
    labels = [1000 * c.n_sites * c.energy[:, 0] for c in comparisons.values()]
    return np.nanmin(np.concatenate(labels))


def _pairs(comparison, kind):
    """Label and prediction, shape (n, 2), in the unit of the figure; those that are there."""
    values = {
        "energy": lambda: 1000 * comparison.energy,
        "forces": lambda: np.concatenate(comparison.forces),
        "stress": lambda: comparison.stress.reshape(-1, 2) / GPA,
    }[kind]()
    return values[np.isfinite(values).all(axis=1)]


def _colour(part, k):
    return PART_COLOURS.get(part, COLOURS[k % len(COLOURS)])


def _draw_part(axes, pairs, colour, part, k):
    """Points of one part; large parts are thinned and flattened to pixels."""
    if len(pairs) > MOST_POINTS:
        pairs = pairs[np.random.default_rng(0).choice(len(pairs), MOST_POINTS, replace=False)]
    size = 3.0 if len(pairs) < 200 else 2.0 if len(pairs) < 5000 else 1.2
    style = {"ms": size, "mew": 0, "alpha": 0.5, "rasterized": True, "zorder": 2 + k}
    axes.plot(pairs[:, 0], pairs[:, 1], "o", color=colour, label=part, **style)


def _finish_parity(axes, label):
    low, high = axes.get_xlim()[0], axes.get_xlim()[1]
    low, high = min(low, axes.get_ylim()[0]), max(high, axes.get_ylim()[1])
    axes.plot([low, high], [low, high], color=MUTED, lw=0.6, zorder=0)
    axes.set(xlim=(low, high), ylim=(low, high), aspect="equal", xlabel=f"DFT {label}", ylabel=f"Model {label}")


def _write_errors(axes, comparisons, kind, unit):
    """RMSE and MAE of each part into the upper left corner."""
    factor = 1000 if kind == "forces" else 1
    digits = 2 if kind == "stress" else 1
    lines = [(f"RMSE (MAE), {unit}", INK)]
    for k, (part, comparison) in enumerate(comparisons.items()):
        residual = factor * np.diff(_pairs(comparison, kind), axis=1)
        if residual.size:
            rmse, mae = np.sqrt(np.mean(residual**2)), np.mean(abs(residual))
            lines.append((f"{part} {rmse:.{digits}f} ({mae:.{digits}f})", _colour(part, k)))
    for row, (text, colour) in enumerate(lines):
        axes.annotate(
            text, (0.04, 0.96), (0, -9 * row), "axes fraction", "offset points", va="top", fontsize=6.5, color=colour
        )


def _draw_windows(axes, window, residual, shift, width, colour, label):
    """Bars and points of one part."""
    if not len(residual):
        return
    filled = np.unique(window)
    rmse = [np.sqrt(np.mean(residual[window == w] ** 2)) for w in filled]
    axes.bar(filled + shift, rmse, width, color=colour, alpha=0.35, lw=0, label=label)
    axes.axhline(np.sqrt(np.mean(residual**2)), color=colour, ls="--", lw=0.8, zorder=1)
    spread = np.random.default_rng(0).uniform(-0.4, 0.4, len(window)) * width
    axes.plot(window + shift + spread, residual, "o", color=colour, ms=2, mew=0, alpha=0.7, zorder=3)
