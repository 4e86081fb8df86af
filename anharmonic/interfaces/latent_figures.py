"""Figures of the latent space of a generator: figure 4 of Chenebuah et al. (2023), and errors over the data."""

import numpy as np

from anharmonic.interfaces.style import COLOURS, COLUMN, INK, MARKERS, MUTED, PAGE, figure

SPREAD = 0.01, 0.99
"""Quantiles of the energies that the colours span."""
MARGIN = 0.15
"""Around the region of interest, of its size."""


def draw_latent_space(embedded, planar, axes, energies, stable, chosen, path):
    """Formation energies in a map, stable crystals along two latent numbers, and the region of interest there.

    Parameters
    ----------
    embedded, planar : ndarray, shape (n, 2)
        Places in a map (t-SNE), and along two latent numbers.
    axes : tuple of int
        Which two.
    energies : ndarray, shape (n,)
        eV/atom.
    stable, chosen : ndarray, shape (n,), bool
        Which crystals are stable, and which are in the region of interest.
    path : path-like
    """
    with figure(path, PAGE, 2.6) as drawing:
        left, middle, right = drawing.subplots(1, 3, width_ratios=(1.25, 1, 1))
        low, high = np.quantile(energies, SPREAD)
        drawn = left.scatter(*embedded.T, c=energies, s=2, cmap="viridis", vmin=low, vmax=high, linewidths=0)
        left.set(xticks=[], yticks=[], xlabel="t-SNE 1", ylabel="t-SNE 2")
        drawing.colorbar(drawn, ax=left, label="Formation energy (eV / atom)", extend="both", pad=0.02)
        _draw_points(middle, planar, axes, stable)
        middle.legend(markerscale=3, loc="lower left", handletextpad=0.2)
        _draw_points(right, planar, axes, stable, 5)
        right.scatter(*planar[chosen].T, s=12, facecolors="none", edgecolors=INK, linewidths=0.3)
        for axis in range(2) if chosen.any() else ():
            ends = np.quantile(planar[chosen, axis], (0.02, 0.98))
            margin = MARGIN * max(ends[1] - ends[0], 1e-3)
            (right.set_xlim, right.set_ylim)[axis](ends[0] - margin, ends[1] + margin)
        right.set_title("Region of interest (circles)", color=MUTED)


def _draw_points(axes, places, numbers, stable, size=2):
    """Stable crystals and others, in an order that hides neither."""
    order = np.random.default_rng(0).permutation(len(places))
    colours = np.where(stable, COLOURS[1], COLOURS[0])
    axes.scatter(*places[order].T, c=colours[order], s=size, linewidths=0)
    for colour, label in ((COLOURS[1], "stable"), (COLOURS[0], "not stable")):
        axes.scatter([], [], c=colour, s=2, label=label)
    axes.set(xlabel=f"Latent number {numbers[0]}", ylabel=f"Latent number {numbers[1]}")


def draw_learning_curve(counts, errors, path):
    """Errors on one test over the number of crystals that a generator was trained on.

    Parameters
    ----------
    counts : sequence of int
    errors : dict of str to sequence of float
        By name, an error for each count.
    path : path-like
    """
    with figure(path, COLUMN, 2.6 * len(errors) ** 0.5) as drawing:
        rows = np.ravel(drawing.subplots(len(errors), 1, sharex=True))
        for number, (axes, (name, values)) in enumerate(zip(rows, errors.items(), strict=True)):
            axes.plot(counts, values, marker=MARKERS[number % 6], color=COLOURS[number % 6])
            axes.set(ylabel=name, xscale="log", ylim=(0, 1.15 * max(values)))
        rows[-1].set(xlabel="Crystals of the training")
        rows[-1].set_xticks(counts, [f"{count:,}" for count in counts])
        rows[-1].set_xticks([], minor=True)
