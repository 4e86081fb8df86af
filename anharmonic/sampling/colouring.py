"""Colours of the grid of cells: sites of one colour share no cluster and move at once."""

from itertools import product

import numpy as np

from anharmonic.errors import AnharmonicError

MAX_COLOURS = 1000


def colour_cells(supercell, conflicts):
    """Periodic colouring of the cells of a supercell with the fewest colours.

    Cell n gets colour n mod p, where p divides the shape of the grid.

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
        If the supercell is so small that a site shares a cluster with its own image.
    """
    conflicts = np.asarray(conflicts).reshape(-1, 3)
    if len(conflicts) and not supercell.reduce(conflicts).any(axis=1).all():
        raise AnharmonicError(
            f"the supercell {supercell.matrix.tolist()} is too small for parallel Monte Carlo: a site shares a cluster "
            "with its own periodic image. Use a larger supercell, or molecular dynamics."
        )
    periods = [[p for p in range(1, n + 1) if n % p == 0] for n in supercell.shape]
    for period in sorted(product(*periods), key=np.prod):
        if np.prod(period) > MAX_COLOURS:
            break
        colours = _colours(supercell.cells, period)
        neighbours = supercell.reduce(supercell.cells[None] + conflicts[:, None])
        if not (_colours(neighbours, period) == colours).any():
            return np.argsort(colours, kind="stable").reshape(int(np.prod(period)), -1).astype(np.int32)
    raise AnharmonicError(
        f"no colouring of the supercell {supercell.matrix.tolist()} with at most {MAX_COLOURS} colours"
    )


def _colours(cells, period):
    return np.ravel_multi_index(np.moveaxis(cells % np.array(period), -1, 0), period)
