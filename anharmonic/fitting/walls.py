"""Where walls stand: around what the frames of a fit cover, with a margin."""

import numpy as np

from anharmonic.clusters.metrics import get_metric
from anharmonic.potential.domain import n_low
from anharmonic.potential.walls import EllipsoidWall, Wall, unwalled

WALL_MARGIN = 0.3
"""Share by which a cluster may leave the fitted range, or the ellipsoid, before it meets its wall."""

EDGE = (1 + WALL_MARGIN) ** 2
"""The form of an ellipsoid, 1 where it touches the data, at which its wall begins."""

THINNEST = 1e-4
"""Directions that the data (almost) never take count as if they had this share of the largest variance."""

UNDEFORMED = 1e-16
"""Variances (squared metric) that are rounding."""


def walls_around(geometry, frames, statistics, stiffness, start=None):
    """A wall for each orbit.

    That of a pair stands a margin beyond its fitted range; that of a larger cluster a margin beyond the smallest
    ellipsoid around all its deformations, of those with the shape of their covariance. Orbits without invariants of
    degree 2 have none, nor have those that no frame deforms. The walls of a `start` move outwards as far as the frames
    ask for.

    Parameters
    ----------
    geometry : Geometry
    frames : iterable of LabelledStructure
        What the walls stand around.
    statistics : Statistics
        Of these frames.
    stiffness : float
        eV per squared metric of pairs; those of ellipsoids are as high as that of a pair along their shortest axis
        would be, where the form is 1 beyond its limit.
    start : ClusterModel or SiteModel, optional

    Returns
    -------
    list of Wall, EllipsoidWall or None
    """
    basis, large = geometry.basis, {}
    for k, (orbit, invariants) in enumerate(zip(basis.orbits, basis.invariants, strict=True)):
        if orbit.n_points > 2 and 2 in invariants.degrees:
            large[k] = _form(invariants, statistics.low_means[k])
    known = {} if start is None else {k: w for k, w in enumerate(_walls_of(start)) if isinstance(w, EllipsoidWall)}
    large = {k: form for k, form in large.items() if k in known or form is not None}
    weights = {k: known[k].weights if k in known else form[0] for k, form in large.items()}
    highest = _highest(geometry, frames, weights)
    walls = []
    for k, orbit in enumerate(basis.orbits):
        if orbit.n_points == 2:
            walls.append(Wall(*_limits(basis.metric, *statistics.ranges[k][0]), np.float64(stiffness)))
        elif k in large:
            made = _ellipsoid(*large[k], highest[k], stiffness) if k not in known else _widened(known[k], highest[k])
            walls.append(made)
        else:
            walls.append(None)
    return walls


def _walls_of(model):
    return model.walls if hasattr(model, "walls") else [unwalled(term)[1] for term in model.terms]


def _limits(metric, lowest, highest):
    """Metrics at which walls begin: a margin beyond the fitted range of the metric or of the distance, whichever is
    nearer (the inverse metric of an infinite distance is 1/2)."""
    ratios, margin = np.geomspace(0.1, 10, 20001), WALL_MARGIN * (highest - lowest)
    metrics = get_metric(metric)(ratios**2)
    shortest, longest = np.interp([lowest, highest], metrics, ratios)
    reach = WALL_MARGIN * (longest - shortest)
    first, last = np.interp([shortest - reach, longest + reach], ratios, metrics)
    return max(lowest - margin, first), min(highest + margin, last)


def _form(invariants, means):
    """The squared length of deformations q in units of their covariance, as a sum of invariants.

    Both are those of the data and all their images under the point group of the cluster, which the means of the
    invariants determine: the mean deformation is a sum of the linear ones, the covariance of the quadratic ones.

    Returns
    -------
    weights : ndarray, shape (n_low,)
    constant : float
        The square is ``weights @ phi + constant``.
    shortest : float
        Smallest variance (squared metric).

    None if there is no deformation.
    """
    linear, quadratic = _low_forms(invariants)
    mean = _combination(linear, means[: len(linear)])
    covariance = _combination(quadratic, means[len(linear) :]) - np.outer(mean, mean)
    values, axes = np.linalg.eigh(covariance)
    if values.max() < UNDEFORMED:
        return None
    values = np.maximum(values, THINNEST * values.max())
    inverse = (axes / values) @ axes.T
    weights = [_coefficients(linear, -2 * inverse @ mean), _coefficients(quadratic, inverse)]
    return np.concatenate(weights), mean @ inverse @ mean, values.min()


def _ellipsoid(weights, constant, shortest, highest, stiffness):
    """The wall a margin beyond the ellipsoid that touches the `highest` value of ``weights @ phi``.

    Along the shortest axis, of length r where it touches, ``k ((l / r)^2 - e)^2`` is about ``4 k e / r^2 (l - l_0)^2``
    where it begins: with this k it would be the wall of a pair. Its cube instead of its square begins more softly.
    """
    reach = highest + constant
    scaled = np.float64(stiffness * shortest * reach / (4 * EDGE))
    return EllipsoidWall(weights / reach, np.float64(EDGE - constant / reach), scaled)


def _widened(wall, highest):
    """A wall with a limit that leaves the `highest` value its margin, too."""
    return EllipsoidWall(wall.weights, np.maximum(wall.limit, EDGE * highest), wall.stiffness)


def _highest(geometry, frames, weights):
    """Highest ``weights @ phi`` of some orbits in all frames, by orbit."""
    found = dict.fromkeys(weights, -np.inf)
    for frame in frames if weights else ():
        orbits = geometry(frame.configuration).orbits
        for k, own in weights.items():
            found[k] = max(found[k], np.tensordot(own, orbits[k].invariants[: len(own)], 1).max())
    return found


def _low_forms(invariants):
    """Linear invariants as vectors (n, n_ccds), quadratic ones as symmetric matrices (n, n_ccds, n_ccds)."""
    n, linear, quadratic = invariants.exponents.shape[1], [], []
    for degree, row in zip(invariants.degrees[: n_low(invariants)], invariants.coefficients, strict=False):
        vector, matrix = np.zeros(n), np.zeros((n, n))
        for coefficient, exponents in zip(row, invariants.exponents, strict=True):
            variables = np.repeat(np.arange(n), exponents)
            if coefficient and degree == 1:
                vector[variables[0]] = coefficient
            elif coefficient:
                matrix[tuple(variables)] += coefficient / 2
                matrix[tuple(variables[::-1])] += coefficient / 2
        (linear if degree == 1 else quadratic).append(vector if degree == 1 else matrix)
    return np.array(linear).reshape(-1, n), np.array(quadratic)


def _combination(forms, values):
    """The sum of forms whose inner products with the forms are `values`."""
    flat = forms.reshape(len(forms), -1)
    return (np.linalg.solve(flat @ flat.T, values) @ flat).reshape(forms.shape[1:])


def _coefficients(forms, target):
    """Coefficients of the sum of forms that is `target`."""
    flat = forms.reshape(len(forms), -1)
    return np.linalg.solve(flat @ flat.T, flat @ target.ravel())
