"""By how much a transition temperature moves when the energy changes a little: first-order reweighting.

A change of the energy by w phi(x) changes the mean of any observable A by ``-w cov(A, phi) / kT``, and a change of the
temperature changes it by ``cov(A, H) dT / kT^2`` (Gibbs). So the temperature at which A has a given value moves by
``dT/dw = T cov(A, phi) / cov(A, H)``. With A the squared length of an order parameter this is the shift of the
transition, from samples of one energy; at a first-order transition, where samples of both phases are there, it is the
Clausius-Clapeyron equation for w in place of the pressure.
"""

import numpy as np

from anharmonic.analysis.statistics import jackknife_error

BLOCKS = 16
"""Of the jackknife."""


def temperature_slopes(observable, enthalpy, slopes, temperatures):
    """Derivatives of the temperature at which an observable has its value, by the weights of the energy.

    Covariances are those within each temperature, added up over all.

    Parameters
    ----------
    observable, enthalpy : array_like, shape (n_samples,)
        A in any unit, U + W in eV.
    slopes : array_like, shape (n_samples, n_weights)
        Derivatives of the energy by the weights (eV).
    temperatures : array_like, shape (n_samples,)
        At which each was sampled (K).

    Returns
    -------
    ndarray, shape (1 + BLOCKS, n_weights)
        K; of all samples, then of those without one of the blocks that follow each other at each temperature.
    """
    temperatures = np.asarray(temperatures, float)
    groups = [np.flatnonzero(temperatures == t) for t in np.unique(temperatures)]
    blocks = [np.array_split(rows, BLOCKS) for rows in groups]
    left_out = [[np.setdiff1d(rows, b[k]) for rows, b in zip(groups, blocks, strict=True)] for k in range(BLOCKS)]
    series = [np.asarray(x, float) for x in (observable, enthalpy, slopes)]
    mean = float(np.mean([temperatures[rows[0]] for rows in groups]))
    return np.array([mean * _ratio(*series, chosen) for chosen in (groups, *left_out)])


def temperature_deviation(slopes, factor):
    """Standard deviation (K) of the temperature for weights of covariance ``factor @ factor.T``, and its error.

    Parameters
    ----------
    slopes : ndarray, shape (1 + n_blocks, n_weights)
        Of `temperature_slopes`.
    factor : array_like, shape (n_weights, n_directions)
    """
    found = np.linalg.norm(slopes @ factor, axis=1)
    return float(found[0]), float(jackknife_error(found[1:]))


def _ratio(observable, enthalpy, slopes, groups):
    """cov(A, phi) / cov(A, H), of sums over groups of samples."""
    above, below = 0.0, 0.0
    for rows in groups:
        deviation = observable[rows] - observable[rows].mean()
        above = above + deviation @ slopes[rows]
        below = below + deviation @ enthalpy[rows]
    return above / below
