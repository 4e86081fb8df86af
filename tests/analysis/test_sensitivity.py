"""First-order shifts of transition temperatures against reweighting, the exact Landau model, and a scaled energy."""

import numpy as np
import pytest

from anharmonic.analysis.sensitivity import BLOCKS, temperature_deviation, temperature_slopes
from anharmonic.conventions import BOLTZMANN

N, T0 = 400, 300.0
GRID = np.linspace(-1.5, 1.5, 20001)
TEMPERATURES = (290.0, 300.0, 310.0)


def energy(m, t0=T0, quartic=100.0):
    """Of N cells: those of a Landau model whose quadratic coefficient vanishes at t0 (K)."""
    return N * BOLTZMANN * (-t0 * m**2 + quartic * m**4)


def density(temperature, **model):
    weights = np.exp(-N * GRID**2 - energy(GRID, **model) / (BOLTZMANN * temperature))
    return weights / weights.sum()


def mean_square(temperature, **model):
    return density(temperature, **model) @ GRID**2


@pytest.fixture(scope="module")
def samples():
    """``(m, temperature)``, 20,000 at each temperature."""
    rng = np.random.default_rng(0)
    draws = [rng.choice(GRID, 20_000, p=density(t)) for t in TEMPERATURES]
    return np.concatenate(draws), np.repeat(TEMPERATURES, 20_000)


def test_shifts_are_those_of_the_model(samples):
    """By its two coefficients: derivatives of <m^2>(T) of the exact density give what samples of one model give."""
    m, temperatures = (x[samples[1] == T0] for x in samples)
    slopes = np.stack([-N * BOLTZMANN * m**2, N * BOLTZMANN * m**4], axis=1)
    found = temperature_slopes(m**2, energy(m), slopes, temperatures)
    assert found.shape == (1 + BLOCKS, 2)
    errors = np.sqrt((BLOCKS - 1) * found[1:].var(0))
    by_temperature = mean_square(300.5) - mean_square(299.5)
    by_t0 = mean_square(T0, t0=T0 + 0.5) - mean_square(T0, t0=T0 - 0.5)
    by_quartic = mean_square(T0, quartic=100.5) - mean_square(T0, quartic=99.5)
    expected = -np.array([by_t0, by_quartic]) / by_temperature
    assert (errors < 0.05 * abs(expected)).all()
    assert (abs(found[0] - expected) < 4 * errors).all()


def test_a_scaled_energy_scales_the_temperature(samples):
    """phi = H: every temperature by the same factor, without any noise."""
    m, temperatures = samples
    found = temperature_slopes(m**2, energy(m), energy(m)[:, None], temperatures)
    np.testing.assert_allclose(found, 300.0, rtol=1e-10)
    np.testing.assert_allclose(temperature_deviation(found, [[0.01, 0.0]]), (3.0, 0.0), atol=1e-8)


def test_constants_and_other_temperatures_do_not_matter(samples):
    """A weight that adds a constant at each temperature moves nothing."""
    m, temperatures = samples
    found = temperature_slopes(m**2, energy(m), np.stack([0 * m + 7, temperatures], axis=1), temperatures)
    assert abs(found).max() < 1e-6
