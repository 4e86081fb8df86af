"""Colours of the grid of cells: cells of one colour share no cluster around a site and move at once."""

import numpy as np

from anharmonic.errors import AnharmonicError

MAX_COLOURS = 100


def colour_cells(supercell, conflicts):
    """Linear colouring of the cells of a supercell with the fewest colours.

    Cell n gets colour ``c . n mod q``, with whole numbers c for which this is periodic.
    All colours have equally many cells.

    Parameters
    ----------
    supercell : Supercell
    conflicts : ndarray, shape (n, 3), int
        Offsets between cells that must not have the same colour.

    Returns
    -------
    ndarray, shape (n_colours, n_cells / n_colours), int32
        The cells of each colour.

    Raises
    ------
    AnharmonicError
        If the supercell is so small that a site shares a cluster with its own image, or
        no colouring is found.
    """
    conflicts = np.asarray(conflicts).reshape(-1, 3)
    if len(conflicts) and not supercell.reduce(conflicts).any(axis=1).all():
        raise AnharmonicError(
            f"the supercell {supercell.matrix.tolist()} is too small for parallel Monte Carlo: a site shares a cluster "
            "with its own periodic image. Use a larger supercell, or molecular dynamics."
        )
    for n_colours in range(1, min(MAX_COLOURS, supercell.n_cells) + 1):
        vector = _colour_vector(n_colours, supercell.hermite, conflicts)
        if vector is not None:
            colours = supercell.cells @ vector % n_colours
            return np.argsort(colours, kind="stable").reshape(n_colours, -1).astype(np.int32)
    raise AnharmonicError(
        f"no colouring of the supercell {supercell.matrix.tolist()} with at most {MAX_COLOURS} colours; "
        "choose a supercell whose lengths have small factors"
    )


def _colour_vector(n_colours, hermite, conflicts):
    """A vector c (3,) that colours without conflicts, or None."""
    last = [c for c in range(n_colours) if hermite[2, 2] * c % n_colours == 0]
    choices = np.stack(np.meshgrid(range(n_colours), range(n_colours), last, indexing="ij"), axis=-1).reshape(-1, 3)
    choices = choices[(choices @ hermite.T % n_colours == 0).all(axis=1)]
    choices = choices[(choices @ conflicts.T % n_colours != 0).all(axis=1)]
    choices = choices[np.gcd(np.gcd.reduce(choices, axis=1), n_colours) == 1]
    return choices[0] if len(choices) else None
