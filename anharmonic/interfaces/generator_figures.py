"""Figures of the generator of compounds: descriptors as images, and its training."""

import numpy as np

from anharmonic.interfaces.style import COLOURS, INK, MUTED, PAGE, figure

DIRECT = 3
"""Columns of direct space."""


def draw_descriptor(array, image, names, path):
    """A descriptor as an array and as an image; each row of each block as shares of its largest number.

    Parameters
    ----------
    array : ndarray, shape (264, 60)
    image : ndarray, shape (60, 88, 3)
        The same numbers.
    names : dict of str to slice
        Rows of the parts of direct space.
    path : path-like
    """
    blocks = np.split(array, [DIRECT], axis=1)
    largest = np.concatenate([np.broadcast_to(abs(b).max(axis=1, keepdims=True), b.shape) for b in blocks], axis=1)
    shown = np.divide(array, largest, out=np.zeros_like(array), where=largest > 0)
    named = {name: rows for name, rows in names.items() if rows.stop - rows.start > 1}
    with figure(path, PAGE, 3.6) as drawing:
        left, right = drawing.subplots(1, 2, width_ratios=(1, 1.9))
        drawn = left.imshow(shown, cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto", interpolation="nearest")
        left.axvline(DIRECT - 0.5, color=INK, lw=0.5)
        left.set_yticks([0.5 * (rows.start + rows.stop) for rows in named.values()], named)
        left.tick_params(axis="y", length=0)
        for rows in list(names.values())[1:]:
            left.axhline(rows.start - 0.5, color=INK, lw=0.3)
        left.set_xlabel("Columns: direct space | planes hkl")
        drawing.colorbar(drawn, ax=left, label="Share of the largest in the row", pad=0.02)
        right.imshow(0.5 + 0.5 * shown.T.reshape(image.shape), interpolation="nearest")
        right.set_xlabel("Rows, three to a pixel")
        right.set_ylabel("Columns")


def draw_training(curve, columns, energies, predicted, divergences, path, threshold=-1.5):
    """Learning curves (figure 3c), formation energies of the test (3a, 3b), and the use of the latent space.

    Parameters
    ----------
    curve : ndarray, shape (epochs, n)
        Terms of the training, then errors of what is held out.
    columns : dict of str to (int or None, int)
        By name, the columns of the training and of what is held out that a panel shows.
    energies, predicted : ndarray, shape (n,)
        eV/atom.
    divergences : ndarray, shape (latent,)
        Nats.
    path : path-like
    threshold : float
        eV/atom, at or below which a compound counts as stable.
    """
    epochs = np.arange(1, len(curve) + 1)
    with figure(path, PAGE, 4.6) as drawing:
        panels = drawing.subplots(2, 3).ravel()
        for axes, (name, (inside, outside)) in zip(panels, columns.items(), strict=False):
            for column, label, colour in ((inside, "training", COLOURS[0]), (outside, "validation", COLOURS[1])):
                if column is not None and np.isfinite(curve[:, column]).any():
                    axes.plot(epochs, curve[:, column], color=colour, label=label)
            axes.set(xlabel="Epoch", ylabel=name)
            if inside is not None:
                axes.set_yscale("log")
                axes.legend()
        _draw_energies(panels[4], energies, predicted, threshold)
        panels[5].plot(np.arange(1, len(divergences) + 1), np.sort(divergences)[::-1], color=COLOURS[0])
        panels[5].set(xlabel="Latent number, sorted", ylabel="Divergence (nats)", yscale="log")


def _draw_energies(axes, energies, predicted, threshold):
    """Predicted over true energies as a density, and the shares of each of the four cases."""
    energies, predicted = np.asarray(energies), np.asarray(predicted)
    ends = min(energies.min(), predicted.min()), max(energies.max(), predicted.max())
    axes.hexbin(energies, predicted, gridsize=45, bins="log", cmap="viridis", mincnt=1, linewidths=0)
    axes.plot(ends, ends, color=INK, lw=0.7)
    axes.axvline(threshold, color=MUTED, lw=0.7, ls="--")
    axes.axhline(threshold, color=MUTED, lw=0.7, ls="--")
    axes.set(xlabel="Formation energy (eV / atom)", ylabel="Predicted (eV / atom)")
    stable, said = energies <= threshold, predicted <= threshold
    shares = [100 * np.mean((stable == one) & (said == other)) for one in (True, False) for other in (True, False)]
    text = "stable: {:.1f} % found, {:.1f} % missed\nnot stable: {:.1f} % taken for it, {:.1f} % not".format(*shares)
    axes.set_title(text, fontsize=6.5, color=MUTED)
