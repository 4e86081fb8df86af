"""Where cumulants of all supercells fall on one curve: the transition from all sizes and temperatures at once.

Near a transition Binder's cumulant of a supercell of length L is ``f((T - T_c) L^(1/nu))`` with one smooth f for all
sizes. What f is need not be known: it is taken from a Gaussian process, and transition and exponent are those that make
the cumulants most likely, with the errors that they have and a scatter about f beyond these (Harada, Phys. Rev. E 84,
056704 (2011)). Errors are the wider of two: of the posterior, which knows of the scatter, and of the jackknife, which
knows that reweighted cumulants of neighbouring temperatures share their noise.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cho_solve, cholesky
from scipy.optimize import minimize

from anharmonic.analysis.curves import BLOCKS
from anharmonic.analysis.finite_size import FADED, SURE
from anharmonic.analysis.measured import UNKNOWN, Measured
from anharmonic.analysis.statistics import jackknife_error

EXPONENTS = 1.3, 3.0
"""1/nu is between these: 1.41 to 1.59 for magnets in three dimensions, 3/2 in mean-field theory and for supercells
above it, 2 at a tricritical point, the dimension at a first-order transition."""

FEWEST = 3
"""Sizes of supercells that a collapse takes, and temperatures of each."""

POINTS = 81, 18
"""Of the grid of temperatures and exponents on which the posterior is summed up."""

MIDDLE = 0.5
"""What the curve is drawn to where nothing is known of it."""

STARTS = 4
"""Temperatures, and half as many exponents, from which the most likely ones are looked for."""

SHAPES = (0.1, 3.0), (0.05, 5.0), (1e-3, 0.3)
"""Bounds of the height, the width (in scaled temperatures) and the scatter of the curve."""


@dataclass(frozen=True)
class Collapse:
    """One curve for the cumulants of all supercells.

    Attributes
    ----------
    temperature : Measured
        Of the transition (K).
    exponent : Measured
        1/nu.
    scatter : float
        Of the cumulants about the curve, beyond their errors: what sizes do that no one curve has.
    """

    temperature: Measured
    exponent: Measured
    scatter: float


NONE = Collapse(UNKNOWN, UNKNOWN, np.nan)


def collapse(by_size, name):
    """Transition of an order parameter from the cumulants of all supercells.

    Parameters
    ----------
    by_size : dict of Curves
        By number of cells.
    name : str
        Of the order parameter.

    Returns
    -------
    Collapse
        `NONE` with fewer than `FEWEST` supercells that have `FEWEST` temperatures near the transition, where cumulants
        are neither 0 nor 1, where the transition is not within the temperatures, and where all meet only in the
        disordered crystal, near 0, or in the ordered one.
    """
    points = _points(by_size, name)
    if points is None:
        return NONE
    best = min((_climb(points, start) for start in _starts()), key=lambda found: found.fun)
    posterior = _posterior(points, best.x[2:])
    if not (posterior[0].is_known and FADED < abs(_at_transition(points, best.x)) < 1 - FADED):
        return NONE
    pairs = zip(posterior, _jackknife(points, best.x), strict=True)
    wider = [max(pair, key=lambda m: m.error) for pair in pairs]
    return Collapse(*wider, float(np.exp(best.x[4])))


def settled(by_size, name):
    """The collapse of as many supercells as fall on one curve, and all that were made: small ones are left out one
    after another.

    Small supercells miss the curve of large ones. The first collapse is taken from which those of fewer supercells
    differ by no more than two of their errors.

    Parameters
    ----------
    by_size : dict of Curves
        By number of cells.
    name : str

    Returns
    -------
    best : tuple of int
        Numbers of cells of the one taken; empty if none is known.
    made : dict of Collapse
        By numbers of cells, the one of all supercells first.
    """
    sizes = tuple(sorted(by_size))
    groups = [sizes[k:] for k in range(len(sizes) - FEWEST + 1)]
    made = {group: collapse({n: by_size[n] for n in group}, name) for group in groups}
    known = [group for group in groups if made[group].temperature.is_known]
    for k, group in enumerate(known):
        here, fewer = made[group].temperature, [made[later].temperature for later in known[k + 1 :]]
        if all(abs(t.value - here.value) < SURE * t.error for t in fewer):
            return group, made
    return (), made


@dataclass(frozen=True)
class _Points:
    """Cumulants of all supercells at the temperatures sampled.

    Attributes
    ----------
    temperatures, lengths, errors : ndarray, shape (n,)
    cumulants : ndarray, shape (1 + n_replicas, n)
        Of all samples first, then without one block of one supercell each.
    """

    temperatures: np.ndarray
    lengths: np.ndarray
    cumulants: np.ndarray
    errors: np.ndarray

    @property
    def span(self):
        """Lowest and highest temperature (K)."""
        return float(self.temperatures.min()), float(self.temperatures.max())

    def scaled(self, place, exponent):
        """``(T - T_c) L^(1/nu)``, for the largest supercell and T_c at a place from 0 to 1 within the span."""
        low, high = self.span
        return ((self.temperatures - low) / (high - low) - place) * (self.lengths / self.lengths.max()) ** exponent

    def kelvin(self, place):
        """A place (`Measured`) as a temperature."""
        low, high = self.span
        return Measured(float(low + (high - low) * place.value), (high - low) * place.error)


def _points(by_size, name):
    """What counts of the cumulants; None where it is too little."""
    series = {n: curves.at_samples(f"cumulant {name}") for n, curves in by_size.items()}
    near = {n: near_transition(rows[0]) for n, rows in series.items()}
    sizes = sorted(n for n in by_size if near[n].sum() >= FEWEST)
    if len(sizes) < FEWEST:
        return None
    temperatures = [by_size[n].sampled[near[n]] for n in sizes]
    errors = [jackknife_error(series[n][1:, near[n]]) for n in sizes]
    lengths = np.repeat(np.cbrt(sizes), [len(t) for t in temperatures])
    full = np.concatenate([series[n][0, near[n]] for n in sizes])
    cumulants = [full]
    for n, length in zip(sizes, np.cbrt(sizes), strict=True):
        for row in series[n][1:, near[n]]:
            cumulants.append(full.copy())
            cumulants[-1][lengths == length] = row
    return _Points(np.concatenate(temperatures), lengths, np.array(cumulants), np.concatenate(errors))


def near_transition(cumulants):
    """Which cumulants of a curve are neither 0 nor 1, or have a neighbour that is not: shape (n,), bool."""
    between = np.pad((cumulants > FADED) & (cumulants < 1 - FADED), 1)
    return between[:-2] | between[1:-1] | between[2:]


def _starts():
    """Where to begin: place of the transition, exponent, and the logarithms of height, width and scatter."""
    for place in np.linspace(0, 1, STARTS + 2)[1:-1]:
        for exponent in np.linspace(*EXPONENTS, STARTS // 2 + 2)[1:-1]:
            yield np.array([place, exponent, *np.log([0.5, 0.5, 0.03])])


def _climb(points, start):
    """The most likely parameters near a start."""
    bounds = [(0, 1), EXPONENTS, *np.log(SHAPES)]
    return minimize(lambda x: -_log_likelihood(points, points.cumulants[0], x), start, method="L-BFGS-B", bounds=bounds)


def _posterior(points, shape):
    """Transition temperature and exponent (`Measured`): means and deviations of their posterior.

    Summed up on a grid over all temperatures and exponents, and again on one as wide as the first found.
    """
    places, exponents = np.linspace(0, 1, POINTS[0]), np.linspace(*EXPONENTS, POINTS[1])
    for _ in range(2):
        rows = ([_log_likelihood(points, points.cumulants[0], [p, y, *shape]) for y in exponents] for p in places)
        logs = np.array(list(rows))
        weights = np.exp(logs - logs.max())
        place, exponent = _moments(places, weights.sum(axis=1)), _moments(exponents, weights.sum(axis=0))
        reach = 5 * max(place.error, places[1] - places[0])
        places = np.linspace(max(place.value - reach, 0), min(place.value + reach, 1), POINTS[0])
    if not SURE * place.error < place.value < 1 - SURE * place.error:
        return UNKNOWN, UNKNOWN
    return points.kelvin(place), exponent


def _jackknife(points, best):
    """Transition temperature and exponent (`Measured`): most likely, and as uncertain as the samples make them."""

    def fitted(cumulants):
        found = minimize(
            lambda x: -_log_likelihood(points, cumulants, [*x, *best[2:]]),
            best[:2],
            method="L-BFGS-B",
            bounds=[(0, 1), EXPONENTS],
        )
        return found.x

    left_out = np.array([fitted(row) for row in points.cumulants[1:]]).reshape(-1, BLOCKS, 2)
    place, exponent = np.linalg.norm(jackknife_error(left_out.swapaxes(0, 1)), axis=0)
    return points.kelvin(Measured(best[0], float(place))), Measured(float(best[1]), float(exponent))


def _moments(x, weights):
    """Mean and deviation."""
    mean = np.average(x, weights=weights)
    return Measured(float(mean), float(np.sqrt(np.average((x - mean) ** 2, weights=weights))))


def _log_likelihood(points, cumulants, parameters):
    """Logarithm of the likelihood of cumulants (n,), up to a constant.

    The parameters are the place of the transition within the span, the exponent, and the logarithms of height, width
    and scatter.
    """
    try:
        factor = cholesky(_covariance(points, parameters), lower=True)
    except LinAlgError:
        return -np.inf
    y = cumulants - MIDDLE
    return -0.5 * y @ cho_solve((factor, True), y) - np.log(np.diag(factor)).sum()


def _at_transition(points, parameters):
    """The cumulant of the curve at the transition."""
    weights = np.linalg.solve(_covariance(points, parameters), points.cumulants[0] - MIDDLE)
    x = points.scaled(*parameters[:2])
    return float(MIDDLE + _kernel(np.zeros(1), x, parameters[2:])[0] @ weights)


def _covariance(points, parameters):
    """Covariance (n, n) of the cumulants: of the curve, of their errors and of their scatter about it."""
    x = points.scaled(*parameters[:2])
    covariance = _kernel(x, x, parameters[2:])
    covariance[np.diag_indices_from(covariance)] += points.errors**2 + np.exp(2 * parameters[4])
    return covariance


def _kernel(x, y, shape):
    """Covariance (n, m) of the curve at scaled temperatures x (n,) and y (m,)."""
    return np.exp(2 * shape[0] - 0.5 * ((x[:, None] - y) / np.exp(shape[1])) ** 2)
