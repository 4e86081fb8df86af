"""Power spectra of the motion of modes, and damped oscillators fitted to them."""

from dataclasses import dataclass

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.optimize import minimize
from scipy.signal import get_window, periodogram

from anharmonic.errors import AnharmonicError

FEWEST_BINS = 8
"""Frequencies that a fit takes."""

WIDEST = 4.0
"""A fit reaches from zero to this many times the frequency of the peak, where other modes may be."""

SMOOTHING = 5
"""Frequencies over which the spectrum is averaged to find its peak."""

CRITICAL = 1e-6
"""Distance from critical damping, in units of the frequency, below which formulas would divide by zero."""

QUALITIES = (0.5, 2.0, 10.0)
"""Frequency over damping at which fits begin: overdamped to sharp."""


@dataclass(frozen=True)
class Oscillator:
    """A damped harmonic oscillator, ``x'' + gamma x' + w0^2 x = noise``.

    Attributes
    ----------
    frequency : float
        w0 / 2 pi (THz), where the spectrum of the velocity has its maximum, whatever the damping.
    linewidth : float
        gamma / 2 pi (THz): full width at half maximum of that spectrum.
    strength : float
        Mean squared velocity, the integral of the spectrum over positive and negative frequencies.
    """

    frequency: float
    linewidth: float
    strength: float

    @property
    def overdamped(self):
        """Whether it creeps back without swinging: ``gamma > 2 w0``."""
        return self.linewidth > 2 * self.frequency

    def density(self, frequency):
        """Spectral density of the velocity at frequencies (THz): ``2 gamma w^2 / ((w0^2 - w^2)^2 + gamma^2 w^2)``."""
        squares, width = np.asarray(frequency) ** 2, self.linewidth
        return self.strength * width * squares / np.pi / ((self.frequency**2 - squares) ** 2 + width**2 * squares)

    def correlation(self, times):
        """Autocorrelation of the velocity at times (ps) from 0 on; its transform is `density`."""
        damping, centre = 2 * np.pi * self.linewidth, 2 * np.pi * self.frequency
        root = np.sqrt(complex(damping**2 / 4 - centre**2))
        root = root if abs(root) > CRITICAL * centre else CRITICAL * centre
        slow, fast = root - damping / 2, -root - damping / 2
        return self.strength * ((slow * np.exp(slow * times) - fast * np.exp(fast * times)) / (2 * root)).real


def power_spectrum(series, interval):
    """Spectral density of complex series, without their means taken off, at frequencies above zero.

    A Hann window keeps sharp lines from leaking into their surroundings.

    Parameters
    ----------
    series : array_like, shape (n_samples, ...), complex
    interval : float
        Time between samples (fs).

    Returns
    -------
    frequency : ndarray, shape (n,)
        THz.
    density : ndarray, shape (n, ...)
        Mean of those at positive and negative frequency, per THz; its integral over both is the mean square.

    Raises
    ------
    AnharmonicError
        If the series is too short for a fit.
    """
    series = np.asarray(series, complex)
    if len(series) < 4 * FEWEST_BINS:
        raise AnharmonicError(f"a spectrum takes at least {4 * FEWEST_BINS} samples, found {len(series)}")
    frequency, density = periodogram(
        series, 1e3 / interval, window="hann", detrend=False, return_onesided=False, axis=0
    )  # fmt: skip
    n = (len(series) - 1) // 2
    return frequency[1 : n + 1], 0.5 * (density[1 : n + 1] + density[-1 : -n - 1 : -1])


def fit_oscillator(density, n_samples, interval, start=None):
    """The damped oscillator, on a constant background, most likely to have a spectrum.

    Maximum likelihood for densities that scatter around their mean in proportion to it (Whittle, J. R. Stat. Soc. B 15,
    125 (1953)), with the mean that a series of this length and window has (Sykulski, Olhede, Guillaumin, Lilly and
    Early, Biometrika 106, 251 (2019)): linewidths below the resolution are not mistaken for it. It looks from zero to a
    few times the frequency of the peak.

    Parameters
    ----------
    density : ndarray, shape (n,)
        As of `power_spectrum`; may be a mean over equivalent modes.
    n_samples : int
        Length of the series.
    interval : float
        fs.
    start : Oscillator, optional
        Where the search begins; by default at the peak, with several linewidths.

    Returns
    -------
    Oscillator

    Raises
    ------
    AnharmonicError
        If the spectrum vanishes or is not finite.
    """
    density = np.asarray(density, float)
    if not np.isfinite(density).all() or density.max() <= 0:
        raise AnharmonicError("no oscillator can be fitted to a spectrum that vanishes or is not finite")
    step = 1e3 / (n_samples * interval)
    peak = step * (1 + np.convolve(density, np.ones(SMOOTHING) / SMOOTHING, mode="same").argmax())
    n = min(len(density), max(FEWEST_BINS, int(WIDEST * peak / step)))
    overlap, chosen = _window_overlap(n_samples), density[:n]

    def mismatch(logs):
        model = _expected(Oscillator(*np.exp(logs[:3])), overlap, interval, n) + np.exp(logs[3])
        return np.mean(np.log(model) + chosen / model)

    area, floor = 2 * step * chosen.sum(), 1e-3 * chosen.max()
    starts = [Oscillator(peak, peak / quality, area) for quality in QUALITIES] if start is None else [start]
    starts = [np.log([s.frequency, s.linewidth, s.strength, floor]) for s in starts]
    bounds = [(x - 10, x + 10) for x in np.log([peak, peak, area, floor])]
    found = min((minimize(mismatch, x, bounds=bounds, method="L-BFGS-B") for x in starts), key=lambda m: m.fun)
    return Oscillator(*map(float, np.exp(found.x[:3])))


def _expected(oscillator, overlap, interval, n):
    """Mean of the first n densities of `power_spectrum` for series of an oscillator."""
    step = 1e-3 * interval
    waves = rfft(oscillator.correlation(step * np.arange(len(overlap))) * overlap)
    return step * (2 * waves.real - oscillator.strength)[1 : n + 1]


def _window_overlap(n_samples):
    """Autocorrelation (n_samples,) of the Hann window, 1 at lag 0."""
    window = get_window("hann", n_samples)
    size = next_fast_len(2 * n_samples, real=True)
    overlap = irfft(abs(rfft(window, size)) ** 2, size)[:n_samples]
    return overlap / overlap[0]
