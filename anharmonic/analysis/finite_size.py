"""Where a crystal changes phase, from curves of several supercells: crossings, peaks, their scaling, and error bars.

Binder's cumulants of two supercells cross at the transition, up to corrections that fade with size faster than the
shifts of peaks do (Binder, Z. Phys. B 43, 119 (1981)). Susceptibilities peak at ``T + a L^-x``, with heights that grow
as ``L^(gamma/nu)``, about the square of the length, at a continuous transition and as the volume at a first-order one,
where the heat capacity does so, too: for a latent heat l a cell its peak stands ``n l^2 / 4 k_B T^2`` above what is
around it (Challa, Landau and Binder, Phys. Rev. B 34, 1841 (1986)).
"""

import numpy as np

from anharmonic.analysis.measured import UNKNOWN, Measured, measured
from anharmonic.analysis.statistics import jackknife_error
from anharmonic.conventions import BOLTZMANN

FADED = 0.1
"""Cumulants that near to 0 or 1 are of a disordered or an ordered crystal, and alike for that reason."""

SURE = 2.0
"""Standard errors from which on a difference is one."""


def crossing(small, large, name):
    """Temperature (K) at which the cumulant of an order parameter is the same in two supercells.

    Below it the larger supercell has the larger cumulant, above it the smaller one. Of several sign changes, which
    noise makes where both cumulants are 0 or 1, the one is taken that parts the two signs best. Where cumulants of both
    run together over a range of temperatures, so that noise alone decides where they cross, it is the middle of the
    range in which they differ by less than two standard errors, with a quarter of its width as the error. Where they
    meet only near 0, the crystal is disordered in both, and nothing crosses.

    Parameters
    ----------
    small, large : Curves
    name : str
        Of the order parameter.

    Returns
    -------
    Measured
        Unknown where the cumulants do not cross within the temperatures of both.
    """
    grid, values = _common(small, large, f"cumulant {name}")
    found = measured(lambda a, b: _sign_change(grid, b - a), *values)
    if found.is_known and abs(np.interp(found.value, grid, (values[0][0] + values[1][0]) / 2)) < FADED:
        return UNKNOWN
    return _resolved(_within_doubt(grid, *values, found), small, large)


def _within_doubt(grid, one, other, found):
    """A crossing of two curves (1 + n_blocks, n), or the range around it in which they are too alike to tell.

    So too where a crossing has no error, since not all replicas of the jackknife cross.
    """
    if not found.is_known:
        return found
    errors = np.hypot(jackknife_error(one[1:]), jackknife_error(other[1:]))
    mean = (one[0] + other[0]) / 2
    decided = (np.abs(one[0] - other[0]) > SURE * errors) | (abs(mean) < FADED) | (mean > 1 - FADED)
    differ = np.flatnonzero(decided)
    before, after = (differ[side(grid[differ], found.value)] for side in (np.less, np.greater))
    low = grid[min(before.max() + 1, len(grid) - 1)] if len(before) else grid[0]
    high = grid[max(after.min() - 1, 0)] if len(after) else grid[-1]
    error = float(high - low) / (2 * SURE)
    return found if found.error >= error else Measured(float(low + high) / 2, error)


def shift(small, middle, large, name):
    """By how much the crossing moves (K) from the smaller two of three supercells to the larger two."""
    first, a = _common(small, middle, f"cumulant {name}")
    second, b = _common(middle, large, f"cumulant {name}")

    def difference(x, y, z):
        cut = [np.interp(grid, middle.temperatures, y) for grid in (first, second)]
        return _sign_change(second, z - cut[1]) - _sign_change(first, cut[0] - x)

    return measured(difference, a[0], middle.values[f"cumulant {name}"], b[1])


def lag(heated, cooled, name):
    """By how much (K) an order parameter vanishes later on heating than it appears on cooling: `Measured`.

    The area between both curves over the fall of their mean, within the temperatures of both.

    Parameters
    ----------
    heated, cooled : Curves
        Of one supercell.
    name : str
        Of the order parameter.
    """
    grid, values = _common(heated, cooled, f"order {name}")
    if len(grid) < 2:
        return UNKNOWN

    def shifted(up, down):
        mean = (up + down) / 2
        return np.trapezoid(up - down, grid) / (mean[0] - mean[-1])

    return measured(shifted, *values)


def peak(curves, name, near=0.0, width=np.inf):
    """Temperature (K) and height of the highest peak of a curve: two `Measured`.

    Parameters
    ----------
    curves : Curves
    name : str
    near, width : float, optional
        Only peaks within `width` of `near` (K).

    Returns
    -------
    tuple of Measured
        Unknown where the curve is highest at the end of what is looked at.
    """
    grid, values = _window(curves, name, near, width)
    if len(grid) < 3:
        return UNKNOWN, UNKNOWN
    place, height = (measured(lambda v, k=k: _top(grid, v)[k], values) for k in range(2))
    return _resolved(place, curves), height


def growth(lengths, heights):
    """Exponent with which peaks (`Measured`) grow with the length of the supercell: `Measured`."""
    values, errors = _columns(heights)
    return _line(np.log(np.asarray(lengths, float)), np.log(values), errors / values)[1]


def extrapolated(lengths, temperatures, exponent):
    """Temperature (K) of the infinite crystal from those of supercells, ``T + a L^-exponent``.

    Two points lie on any line: from two supercells the error reaches the temperature of the larger one.

    Parameters
    ----------
    lengths : array_like
        Rising.
    temperatures : sequence of Measured
    exponent : Measured
        Its error is an error of the result.
    """
    columns = _columns(temperatures)
    found, less, more = (
        _line(np.asarray(lengths, float) ** -x, *columns)[0]
        for x in exponent.value + exponent.error * np.array([0, -1, 1])
    )
    untested = found.value - temperatures[-1].value if len(lengths) == 2 else 0.0
    return Measured(found.value, float(np.linalg.norm([found.error, (more.value - less.value) / 2, untested])))


def latent_heat(curves, near, width):
    """Latent heat (eV a cell) that the peak of the heat capacity would have at a first-order transition.

    What is around the peak is the mean of both ends of the window. Where the transition is continuous this falls with
    the size of the supercell, and is no more than a bound.
    """
    grid, capacity = _window(curves, "heat_capacity", near, width)

    def heat(values):
        temperature, height = _top(grid, values)
        excess = height - 0.5 * (values[0] + values[-1])
        return np.sqrt(4 * max(excess, 0.0) / curves.n_cells) * BOLTZMANN * temperature

    if len(grid) < 3:
        return UNKNOWN
    return measured(heat, capacity)


def _resolved(found, *curves):
    """A temperature that is no better known than the gaps between those sampled."""
    blur = max((c.resolution(found.value) for c in curves), default=0.0)
    return Measured(found.value, float(np.hypot(found.error, blur)))


def _window(curves, name, near, width):
    """The temperatures within `width` of `near` (K), and a curve (1 + n_blocks, n) there."""
    inside = np.abs(curves.temperatures - near) <= width
    return curves.temperatures[inside], curves.values[name][:, inside]


def _common(small, large, name):
    """The finer grid over the temperatures of both, and the curves (1 + n_blocks, n) on it."""
    low, high = max(small.span[0], large.span[0]), min(small.span[1], large.span[1])
    grid = np.union1d(small.temperatures, large.temperatures)
    grid = grid[(grid >= low) & (grid <= high)]
    return grid, [np.array([np.interp(grid, c.temperatures, row) for row in c.values[name]]) for c in (small, large)]


def _sign_change(grid, difference):
    """Where the difference falls through zero: of all such places the one with most above it before, below it after."""
    if len(grid) < 2:
        return np.nan
    steps = np.diff(grid) * (difference[1:] + difference[:-1]) / 2
    parted = 2 * np.concatenate([[0.0], np.cumsum(steps)]) - steps.sum()
    k = int(np.argmax(parted))
    if k in (0, len(grid) - 1):
        return np.nan
    left, right = (k, k + 1) if difference[k] > 0 else (k - 1, k)
    if not difference[left] > 0 >= difference[right]:
        return float(grid[k])
    (x, y), (a, b) = grid[[left, right]], difference[[left, right]]
    return float(x + (y - x) * a / (a - b))


def _top(grid, values):
    """Temperature and height of the highest point within the grid, by a parabola; NaN at an end."""
    k = int(np.argmax(values))
    if k in (0, len(grid) - 1):
        return np.nan, np.nan
    near = slice(k - 1, k + 2)
    a, b, c = np.polyfit(grid[near] - grid[k], values[near], 2)
    if a >= 0:
        return float(grid[k]), float(values[k])
    offset = np.clip(-b / (2 * a), grid[k - 1] - grid[k], grid[k + 1] - grid[k])
    return float(grid[k] + offset), float(a * offset**2 + b * offset + c)


def _columns(found):
    """Values and errors of several `Measured`."""
    return np.array([[m.value, m.error] for m in found], float).T


def _line(x, y, errors):
    """Intercept and slope of a line through points with errors: two `Measured`, unknown with fewer than two points.

    Where points scatter more than their errors say, these are taken larger by as much (Birge, Phys. Rev. 40, 207
    (1932)).
    """
    if len(x) < 2 or not np.isfinite([*y, *errors]).all():
        return UNKNOWN, UNKNOWN
    weights = 1 / np.maximum(errors, 1e-9 * np.abs(y).max()) ** 2
    mean_x, mean_y = (np.average(values, weights=weights) for values in (x, y))
    spread = np.sum(weights * (x - mean_x) ** 2)
    slope = np.sum(weights * (x - mean_x) * y) / spread
    scatter = np.sum(weights * (y - mean_y - slope * (x - mean_x)) ** 2) / max(len(x) - 2, 1)
    birge = np.sqrt(max(scatter, 1.0))
    intercept = mean_y - slope * mean_x, birge * np.sqrt(1 / weights.sum() + mean_x**2 / spread)
    return Measured(*map(float, intercept)), Measured(float(slope), float(birge / np.sqrt(spread)))
