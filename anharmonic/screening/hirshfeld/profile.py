"""The Hirshfeld surfaces of A, B and X in numbers, and as separate channels of the fingerprint.

The sum over all sites (`fingerprint`) forgets which atom a point belongs to, and a histogram forgets where in its bin a
point lies. A profile keeps both: for each role, sizes of the surface and quantiles of its distances.
"""

import numpy as np

from anharmonic.screening.hirshfeld.fingerprint import histogram

LEVELS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 1.0)
"""Shares of the area at which distances are noted."""
SHAPE = ("radius", "roundness", "inner", "outer", "spread", "gap", "bond")
"""First columns of a profile."""
COLUMNS = (
    *SHAPE, "contact_inner", "contact_outer",
    *(f"{name}_{level:g}" for name in ("inner", "outer", "difference") for level in LEVELS),
)  # fmt: skip
BOND = 1e-3
"""Points whose gap is within this share of the least one are on the shortest bonds."""


def profile(surfaces, roles):
    """Profiles of the surfaces around A, B and X.

    The columns of `SHAPE` are: the cube root of the volume; the root of the area over that; the mean distances inside
    and outside; the spread of the latter; the mean and the least of their sum (the least is the shortest bond). Then
    follow the distances inside and outside at the middle of the shortest bonds, and the quantiles of the distance
    inside, of that outside, and of inside minus outside.

    Parameters
    ----------
    surfaces : list of Surface
        Of all kinds of sites.
    roles : Roles

    Returns
    -------
    ndarray, shape (3, 54)
        Rows A, B, X; in A, `roundness` without unit.
    """
    return np.array([_numbers([s for s in surfaces if s.number == number]) for number in roles])


def channels(surfaces, roles, settings):
    """The fingerprint with A, B and X apart.

    Parameters
    ----------
    surfaces : list of Surface
    roles : Roles
    settings : FingerprintSettings

    Returns
    -------
    ndarray, shape (3, bins, bins)
        Their sum is the fingerprint.
    """
    total = sum(s.multiplicity * s.areas.sum() for s in surfaces)
    return np.array([
        sum(histogram(s.inner, s.outer, s.multiplicity * s.areas / total, settings)
            for s in surfaces if s.number == number)
        for number in roles
    ])  # fmt: skip


def _numbers(surfaces):
    """Profile (54,) of the kinds of sites of one element together."""
    counts = [s.multiplicity for s in surfaces]
    weights = np.concatenate([s.multiplicity * s.areas for s in surfaces]) / sum(counts)
    real = weights > 0
    inner, outer = (np.concatenate([getattr(s, name) for s in surfaces])[real] for name in ("inner", "outer"))
    weights, gap = weights[real], (inner + outer)
    radius = np.cbrt(np.average([s.volume for s in surfaces], weights=counts))
    means = [np.average(x, weights=weights) for x in (inner, outer)]
    spread = np.sqrt(np.average((outer - means[1]) ** 2, weights=weights))
    contact = gap < (1 + BOND) * gap.min()
    quantiles = [_quantiles(x, weights) for x in (inner, outer, inner - outer)]
    shape = [radius, np.sqrt(weights.sum()) / radius, *means, spread, np.average(gap, weights=weights), gap.min()]
    return np.concatenate([shape, [inner[contact].min(), outer[contact].max()], *quantiles])


def _quantiles(values, weights):
    """Values at the shares `LEVELS` of the weight."""
    order = np.argsort(values, kind="stable")
    middle = np.cumsum(weights[order]) - weights[order] / 2
    return np.interp(LEVELS, middle / weights.sum(), values[order])
