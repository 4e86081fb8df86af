"""Spectra of exactly simulated oscillators, from overdamped ones to lines below the resolution."""

import numpy as np
import pytest
from scipy.linalg import expm

from anharmonic.analysis.spectra import Oscillator, fit_oscillator, power_spectrum
from anharmonic.errors import AnharmonicError

INTERVAL, N_SAMPLES = 25.0, 800


def velocities(frequency, linewidth, n_series, seed=0):
    """Exact samples (n_samples, n_series) of the complex velocity of a damped oscillator of mean square 1."""
    rng, w, damping = np.random.default_rng(seed), 2 * np.pi * frequency, 2 * np.pi * linewidth
    step = expm(np.array([[0, 1], [-(w**2), -damping]]) * INTERVAL * 1e-3)
    equilibrium = np.diag([w**-2, 1.0])
    noise = np.linalg.cholesky(equilibrium - step @ equilibrium @ step.T + 1e-15 * np.eye(2))

    def draw():
        return (rng.normal(size=(2, n_series)) + 1j * rng.normal(size=(2, n_series))) / np.sqrt(2)

    state, found = np.sqrt(equilibrium) @ draw(), []
    for _ in range(N_SAMPLES):
        state = step @ state + noise @ draw()
        found.append(state[1])
    return np.array(found)


@pytest.mark.parametrize("frequency, linewidth", [(1.0, 0.1), (0.5, 0.5), (0.4, 1.5), (3.0, 0.01)])
def test_oscillators_are_found(frequency, linewidth):
    """The last is five times sharper than the resolution of 0.05 THz."""
    _, density = power_spectrum(velocities(frequency, linewidth, 32), INTERVAL)
    found = fit_oscillator(density.mean(1), N_SAMPLES, INTERVAL)
    assert found.frequency == pytest.approx(frequency, rel=0.02)
    assert found.linewidth == pytest.approx(linewidth, rel=0.15)
    assert found.strength == pytest.approx(1.0, rel=0.15)
    assert found.overdamped == (linewidth > 2 * frequency)


def test_neighbouring_peaks_do_not_mislead():
    """A weaker mode far above the peak changes it little."""
    series = velocities(0.5, 0.2, 32) + 0.3 * velocities(4.0, 0.2, 32, seed=1)
    _, density = power_spectrum(series, INTERVAL)
    assert fit_oscillator(density.mean(1), N_SAMPLES, INTERVAL).frequency == pytest.approx(0.5, rel=0.03)


def test_spectrum_has_the_area_of_the_mean_square():
    series = velocities(1.0, 0.2, 16)
    frequency, density = power_spectrum(series, INTERVAL)
    assert 2 * density.sum() * (frequency[1] - frequency[0]) == pytest.approx(16 * (abs(series) ** 2).mean(), rel=0.1)


def test_density_is_the_transform_of_the_correlation():
    times = np.arange(20000) * 0.01
    for oscillator in (Oscillator(1.0, 0.3, 2.0), Oscillator(0.5, 1.0, 1.0), Oscillator(0.4, 1.3, 1.0)):
        for frequency in (0.2, 0.9, 1.4):
            waves = np.cos(2 * np.pi * frequency * times)
            expected = 2 * np.trapezoid(oscillator.correlation(times) * waves, times)
            assert oscillator.density(frequency) == pytest.approx(expected, rel=0.01)


def test_refusals():
    with pytest.raises(AnharmonicError, match="at least 32 samples"):
        power_spectrum(np.zeros((10, 2)), INTERVAL)
    with pytest.raises(AnharmonicError, match="vanishes"):
        fit_oscillator(np.zeros(100), 201, INTERVAL)
