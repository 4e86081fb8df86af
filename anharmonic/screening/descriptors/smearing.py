"""Gaussians on a line, integrated over bins."""

import numpy as np
from scipy.special import ndtr

REACH = 6.0
"""Standard deviations of a Gaussian that are counted."""


def smeared(places, width, smearing):
    """The bins of some width, from 0 on, that Gaussians about places reach, and their integrals over them.

    Parameters
    ----------
    places : ndarray, shape (...)
    width, smearing : float
        Of a bin; standard deviation of the Gaussians.

    Returns
    -------
    bins : ndarray, shape (..., n), int
        May be below 0.
    shares : ndarray, shape (..., n)
    """
    span = int(np.ceil(2 * REACH * smearing / width)) + 1
    first = np.floor((places - REACH * smearing) / width).astype(int)
    edges = first[..., None] + np.arange(span + 1)
    return edges[..., :-1], np.diff(ndtr((edges * width - places[..., None]) / smearing), axis=-1)
