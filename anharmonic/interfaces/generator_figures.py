"""Figures of the generator of compounds: descriptors as images."""

import numpy as np

from anharmonic.interfaces.style import INK, PAGE, figure

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
