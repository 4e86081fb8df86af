"""Means of correlated series with honest errors, and where equilibrium begins."""

from dataclasses import dataclass

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft

from anharmonic.errors import AnharmonicError

WINDOW = 5.0
"""Self-consistent window of the autocorrelation sum, in correlation times (Sokal's c)."""

SHORT = 20.0
"""A series of fewer correlation times than this has no trustworthy error bar."""

BEGINNING, END = 0.2, 0.5
"""Parts of a series that `drift` compares."""

CANDIDATES = 50
"""Number of starting points that `equilibration_start` tries."""

SMALLEST_PRODUCTION = 0.25
"""Fraction of a series that is never discarded: the estimate of n_effective is noise at its very end."""


@dataclass(frozen=True)
class Estimate:
    """Mean of a stationary series of `n_samples`; every other field has the shape of one sample.

    Attributes
    ----------
    mean, error : ndarray
        Mean and its standard error, in the unit of the samples.
    correlation_time : ndarray
        Integrated autocorrelation time, in samples; 1/2 for independent samples.
    n_effective : ndarray
        Number of independent samples worth as much: ``n_samples / (2 correlation_time)``.
    n_samples : int
    """

    mean: np.ndarray
    error: np.ndarray
    correlation_time: np.ndarray
    n_effective: np.ndarray
    n_samples: int

    @property
    def is_short(self):
        """True where the series spans fewer than `SHORT` correlation times."""
        return self.n_samples < SHORT * self.correlation_time


def correlation_time(samples):
    """Integrated autocorrelation time (in samples) along the first axis.

    ``tau = 1/2 + sum_{t=1}^{W} rho(t)`` with the smallest W that is at least `WINDOW` tau
    (Madras and Sokal, J. Stat. Phys. 50, 109 (1988), appendix C), and the correction of order
    W/N for the subtracted mean (Wolff, Comput. Phys. Commun. 156, 143 (2004), eq. 49).
    Anticorrelation is not credited: tau is at least 1/2.

    Parameters
    ----------
    samples : array_like, shape (n_samples, ...)

    Returns
    -------
    ndarray, shape (...)
        NaN where a sample is not finite.
    """
    samples = np.asarray(samples, float)
    n_samples = len(samples)
    if n_samples < 2:
        raise AnharmonicError(f"an error bar takes at least 2 samples, found {n_samples}")
    rho = _autocorrelation(samples)
    running = 0.5 + np.cumsum(rho[1:], axis=0)
    lags = np.arange(1, n_samples).reshape(-1, *[1] * (samples.ndim - 1))
    closed = lags >= WINDOW * running
    closed[-1] = True
    window = np.argmax(closed, axis=0)
    tau = np.take_along_axis(running, window[None], 0)[0]
    return np.maximum(tau * (1 + (2 * (window + 1) + 1) / n_samples), 0.5)


def estimate(samples):
    """Mean and standard error of correlated samples.

    Parameters
    ----------
    samples : array_like, shape (n_samples, ...)

    Returns
    -------
    Estimate
        ``error^2 = variance * 2 tau / n_samples`` with tau from `correlation_time`.
    """
    samples = np.asarray(samples, float)
    tau = correlation_time(samples)
    n_effective = len(samples) / (2 * tau)
    error = np.sqrt(samples.var(axis=0, ddof=1) / n_effective)
    return Estimate(samples.mean(axis=0), error, tau, n_effective, len(samples))


def equilibration_start(samples):
    """Index of the sample from which a series is in equilibrium.

    The start that leaves the most independent samples (Chodera, J. Chem. Theory Comput. 12,
    1799 (2016)). Of several observables the one that is left with the fewest decides.

    Parameters
    ----------
    samples : array_like, shape (n_samples, ...)

    Returns
    -------
    int
        At most ``(1 - SMALLEST_PRODUCTION) n_samples``.
    """
    samples = np.asarray(samples, float)
    samples = samples.reshape(len(samples), -1)
    samples = samples[:, np.isfinite(samples).all(axis=0)]
    last = int((1 - SMALLEST_PRODUCTION) * len(samples))
    if not samples.shape[1] or len(samples) - last < 2:
        return 0
    starts = np.unique(np.linspace(0, last, CANDIDATES).astype(int))
    remaining = [estimate(samples[start:]).n_effective.min() for start in starts]
    return int(starts[np.argmax(remaining)])


def drift(samples):
    """By how many of their standard errors the beginning of a series and its end differ.

    The diagnostic of Geweke (Bayesian Statistics 4, 169 (1992)): in equilibrium a standard normal deviate. NaN where
    either part spans fewer than `SHORT` of its correlation times, so that errors say nothing.

    Parameters
    ----------
    samples : array_like, shape (n_samples,)

    Returns
    -------
    float
        Beginning less end.
    """
    n = len(samples)
    parts = samples[: int(BEGINNING * n)], samples[n - int(END * n) :]
    if min(map(len, parts)) < 2:
        return np.nan
    first, last = map(estimate, parts)
    if first.is_short or last.is_short:
        return np.nan
    return float((first.mean - last.mean) / np.hypot(first.error, last.error))


def jackknife_error(left_out):
    """Standard error of a quantity from its values without one block of the samples each.

    ``error^2 = (n - 1)/n sum_k (x_k - mean)^2`` (Efron and Stein, Ann. Statist. 9, 586 (1981)), for blocks of
    equal lengths that are longer than the correlation time.

    Parameters
    ----------
    left_out : array_like, shape (n_blocks, ...)

    Returns
    -------
    ndarray, shape (...)
        In the unit of the quantity.
    """
    left_out = np.asarray(left_out, float)
    return np.sqrt((len(left_out) - 1) * left_out.var(axis=0))


def _autocorrelation(samples):
    """Normalised autocorrelation at all lags, shape (n_samples, ...): 1, 0, 0, ... for a constant."""
    n_samples = len(samples)
    deviation = samples - samples.mean(axis=0)
    size = next_fast_len(2 * n_samples, real=True)
    power = np.abs(rfft(deviation, size, axis=0)) ** 2
    covariance = irfft(power, size, axis=0)[:n_samples]
    pairs = np.arange(n_samples, 0, -1).reshape(-1, *[1] * (samples.ndim - 1))
    covariance = covariance / pairs
    rounding = (np.finfo(float).eps * np.abs(samples).max(axis=0)) ** 2
    constant = covariance[0] <= n_samples * rounding
    independent = (pairs == n_samples).astype(float)
    return np.where(constant, independent, covariance / np.where(constant, 1.0, covariance[0]))
