"""Temperatures of replicas between which swaps are accepted equally often.

In large systems the exponent of a swap is Gaussian, with a variance of twice its mean
m = (beta_1 - beta_2)(H_2 - H_1), and the acceptance is erfc(sqrt(m) / 2): the asymptotic form of Kofke, J. Chem.
Phys. 117, 6911 (2002), and of Predescu, Predescu and Ciobanu, J. Chem. Phys. 120, 4119 (2004).
With H = U at constant volume and the enthalpy at constant stress. Two phases in coexistence are no Gaussian:
at a first-order transition with much latent heat the true acceptance is lower.
"""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicHermiteSpline
from scipy.optimize import brentq
from scipy.special import erfc

from anharmonic.conventions import BOLTZMANN
from anharmonic.errors import AnharmonicError

STEEPEST = 3.0
"""Slopes of a monotonic cubic are at most so many times the secant (Fritsch and Carlson, 1980)."""


@dataclass(frozen=True)
class EnthalpyCurve:
    """Mean energy or enthalpy over temperature: means with the heat capacities as slopes, straight beyond the ends.

    Attributes
    ----------
    temperatures, means, slopes : ndarray, shape (n,)
        K, eV, eV/K.
    """

    temperatures: np.ndarray
    means: np.ndarray
    slopes: np.ndarray

    @classmethod
    def of_trials(cls, temperatures, means, variances):
        """From trial runs.

        Parameters
        ----------
        temperatures : array_like, shape (n,)
            K, rising.
        means, variances : array_like, shape (n,)
            Of the energy (enthalpy) of the whole supercell, eV and eV^2; the heat capacity is variance / kT^2.

        Raises
        ------
        AnharmonicError
            If there are fewer than two temperatures, or the mean does not rise with temperature.
        """
        temperatures, means, variances = (np.asarray(x, float) for x in (temperatures, means, variances))
        if len(temperatures) < 2 or (np.diff(temperatures) <= 0).any() or temperatures[0] <= 0:
            raise AnharmonicError(f"trial temperatures rise, and are two or more; found {temperatures.tolist()}")
        secants = np.diff(means) / np.diff(temperatures)
        if not (secants > 0).all():
            k = int(np.argmin(secants))
            raise AnharmonicError(
                f"the mean energy does not rise between {temperatures[k]:g} and {temperatures[k + 1]:g} K: "
                "longer trial runs, or temperatures further apart, are needed"
            )
        beside = np.minimum(np.append(secants, np.inf), np.append(np.inf, secants))
        slopes = np.clip(variances / (BOLTZMANN * temperatures**2), 0.0, STEEPEST * beside)
        return cls(temperatures, means, slopes)

    def __call__(self, temperature):
        """Mean at a temperature (K), eV."""
        inside = np.clip(temperature, self.temperatures[0], self.temperatures[-1])
        slopes = np.where(temperature < inside, self.slopes[0], self.slopes[-1])
        spline = CubicHermiteSpline(self.temperatures, self.means, self.slopes)
        return spline(inside) + slopes * (temperature - inside)

    def exponent(self, low, high):
        """Mean exponent of a swap between two temperatures (K)."""
        return (1 / low - 1 / high) / BOLTZMANN * (self(high) - self(low))


def expected_acceptance(temperatures, curve):
    """Expected acceptance (n - 1,) of swaps between neighbouring temperatures (K) for an `EnthalpyCurve`."""
    temperatures = np.asarray(temperatures, float)
    return erfc(np.sqrt(np.maximum(curve.exponent(temperatures[:-1], temperatures[1:]), 0.0)) / 2)


def equal_acceptance(curve, low, high, n_replicas):
    """Temperatures between which swaps are accepted equally often.

    Parameters
    ----------
    curve : EnthalpyCurve
    low, high : float
        K.
    n_replicas : int

    Returns
    -------
    ndarray, shape (n_replicas,)
        K, from `low` to `high`.
    """
    if not 0 < low < high or n_replicas < 2:
        raise AnharmonicError(
            f"two or more temperatures between a lower and a higher one; found {n_replicas}, {low:g} to {high:g} K"
        )
    whole = curve.exponent(low, high)

    def excess(logarithm):
        return _ladder(curve, low, np.exp(logarithm), n_replicas)[-1] - high

    if n_replicas == 2:
        return np.array([low, high], float)
    logarithm = brentq(excess, np.log(whole) - 4 * np.log(n_replicas), np.log(whole), xtol=1e-10)
    return np.append(_ladder(curve, low, np.exp(logarithm), n_replicas)[:-1], high)


def _ladder(curve, low, exponent, n_replicas):
    """Temperatures from `low` on, each `exponent` above the one before."""
    found = [float(low)]
    for _ in range(n_replicas - 1):
        here, step = found[-1], found[-1]
        while curve.exponent(here, here + step) < exponent and step < 1e3 * low:
            step *= 2
        if curve.exponent(here, here + step) < exponent:
            return found + [here + step] * (n_replicas - len(found))
        found.append(brentq(lambda t, here=here: curve.exponent(here, t) - exponent, here, here + step))
    return found
