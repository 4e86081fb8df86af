"""Earth mover's distance between distributions on a line, in closed form.

For two distributions of equal mass it is the area between their cumulative distributions, or the integral of the
difference of their quantile functions. Both are distances of the first norm (L1) between rows of numbers; so is every
sum of them, and one kernel (`nearest`) serves all.
"""

import numpy as np

from anharmonic.errors import AnharmonicError


def emd(one, other, width=1.0):
    """Earth mover's distance between histograms with common bins.

    Parameters
    ----------
    one, other : array_like, shape (..., bins)
        Of equal mass.
    width : float
        Of a bin.

    Returns
    -------
    ndarray, shape (...)
        In units of `width`, times the mass.

    Raises
    ------
    AnharmonicError
        If the masses differ, or a number is negative or not finite.
    """
    one, other = (np.asarray(x, float) for x in (one, other))
    for values in (one, other):
        if not np.isfinite(values).all() or (values < 0).any():
            raise AnharmonicError("a histogram has numbers from 0 on; found a negative one, or one that is not finite")
    masses = one.sum(-1), other.sum(-1)
    if not np.allclose(*masses, rtol=1e-6, atol=1e-12):
        raise AnharmonicError(
            "the earth mover's distance is between histograms of equal mass; "
            f"found {np.ravel(masses[0])[0]:g} and {np.ravel(masses[1])[0]:g}: normalise them first"
        )
    return width * abs(np.cumsum(one - other, axis=-1)).sum(-1)


def grid_emd(one, other, width):
    """Mean over the groups of the distances (A) between two GRID (..., groups, bins).

    What lies beyond the cutoff counts as if it lay at the cutoff.
    """
    difference = np.asarray(one, float) - np.asarray(other, float)
    return width * abs(np.cumsum(difference, axis=-1)).sum(-1).mean(-1)


def quantile_emd(one, other):
    """Mean over the groups of the distances (A) between two sets of quantiles (..., groups, levels).

    Never above the distance of the full distributions, and equal to it where each level holds one distance.
    """
    return abs(np.asarray(one, float) - np.asarray(other, float)).mean((-2, -1))


def euclidean_distance(one, other):
    """Euclid's distance between two descriptors of any common shape."""
    return float(np.linalg.norm(np.asarray(one, float) - np.asarray(other, float)))


def cosine_dissimilarity(one, other):
    """One minus the cosine between two descriptors of any common shape."""
    one, other = (np.asarray(x, float).ravel() for x in (one, other))
    return 1 - one @ other / np.sqrt((one @ one) * (other @ other))
