"""How means change with temperature, from fluctuations: heat capacity and thermal expansion.

In the isothermal-isobaric ensemble of the sampling, ``exp(-H / kT) V^(N-1)`` with the enthalpy ``H = U + W`` of a
configuration, every mean changes with temperature as its covariance with the enthalpy says,

    d<A>/dT = (<A H> - <A> <H>) / (k T^2)

(Allen and Tildesley, Computer Simulation of Liquids, 2nd ed., section 2.5). The momenta are Gaussian: they add
3 (N - 1) k / 2 to the heat capacity, as the total momentum is zero. All of it is classical.
"""

from dataclasses import replace

import numpy as np

from anharmonic.analysis.statistics import Estimate, correlation_time, estimate
from anharmonic.conventions import BOLTZMANN
from anharmonic.errors import AnharmonicError


def covariance(values, others):
    """Covariance of two series of the same samples.

    Parameters
    ----------
    values : array_like, shape (n_samples, ...)
    others : array_like, shape (n_samples,)

    Returns
    -------
    Estimate
        Of ``<(values - <values>) (others - <others>)>``. The error is that of the mean of the products; the
        covariance of the two means, by which a short series comes out too small, is added.
    """
    values, others = np.asarray(values, float), np.asarray(others, float)
    deviation = (others - others.mean()).reshape(-1, *[1] * (values.ndim - 1))
    found = estimate((values - values.mean(axis=0)) * deviation)
    n_effective = len(others) / (2 * float(correlation_time(others)))
    if n_effective <= 2:
        raise AnharmonicError(
            f"a covariance takes more than 2 independent samples, found {n_effective:.2g}: run longer than "
            f"{len(others)} samples"
        )
    return _scaled(found, n_effective / (n_effective - 1))


def heat_capacity(enthalpy, temperature, n_atoms):
    """Heat capacity at constant stress, momenta included, in units of k per atom.

    Parameters
    ----------
    enthalpy : array_like, shape (n_samples,)
        U + W of the supercell (eV); the energy alone gives the heat capacity of a fixed cell.
    temperature : float
        K.
    n_atoms : int

    Returns
    -------
    Estimate
        3 for a harmonic crystal in a flexible cell: 3 (N - 1) atomic degrees of freedom and six strains that have
        no momenta of their own make 3 N halves and 3 (N - 1) halves.
    """
    found = _scaled(covariance(enthalpy, enthalpy), 1 / (n_atoms * (BOLTZMANN * temperature) ** 2))
    return replace(found, mean=found.mean + kinetic_heat_capacity(n_atoms))


def kinetic_heat_capacity(n_atoms):
    """Share of the momenta in the heat capacity, in units of k per atom."""
    return 1.5 * (n_atoms - 1) / n_atoms


def temperature_derivative(values, enthalpy, temperature):
    """Slope of the mean of `values` (n_samples, ...) with temperature, per K; see this module."""
    return _scaled(covariance(values, enthalpy), 1 / (BOLTZMANN * temperature**2))


def mean_slopes(temperatures, means, errors):
    """Slopes of means between neighbouring temperatures, with the errors of independent means.

    Parameters
    ----------
    temperatures : array_like, shape (n,)
        K, rising or falling.
    means, errors : array_like, shape (n, ...)

    Returns
    -------
    slopes, errors : ndarray, shape (n - 1, ...)
        Per K. They belong to the middles of the intervals, up to the square of the step.
    """
    temperatures, means, errors = (np.asarray(x, float) for x in (temperatures, means, errors))
    steps = np.diff(temperatures).reshape(-1, *[1] * (means.ndim - 1))
    return np.diff(means, axis=0) / steps, np.hypot(errors[1:], errors[:-1]) / abs(steps)


def _scaled(found: Estimate, factor):
    return replace(found, mean=factor * found.mean, error=abs(factor) * found.error)
