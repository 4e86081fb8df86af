"""Means at temperatures between and at the sampled ones, free energies, overlap: against exact results."""

import jax
import numpy as np
import pytest

from anharmonic.analysis.reweighting import Reweighting, islands
from anharmonic.conventions import BOLTZMANN
from anharmonic.errors import AnharmonicError

N = 300
"""Degrees of freedom of a harmonic crystal: its energies are Gamma distributed."""
TEMPERATURES = np.linspace(200.0, 420.0, 12)
BETAS = 1 / (BOLTZMANN * TEMPERATURES)


def energies(rng, n_samples=1500, temperatures=TEMPERATURES):
    return [rng.gamma(N / 2, BOLTZMANN * t, n_samples) for t in temperatures]


@pytest.fixture(scope="module")
def harmonic():
    return Reweighting.of_series(BETAS, energies(np.random.default_rng(0)))


def test_free_energies_are_exact(harmonic):
    """beta G of a harmonic crystal is N/2 ln beta."""
    exact = N / 2 * np.log(BETAS / BETAS[0])
    assert np.abs(harmonic.free_energies - exact).max() < 0.1
    between = 1 / (BOLTZMANN * np.array([213.0, 300.0, 411.0]))
    np.testing.assert_allclose(harmonic.free_energy(between), N / 2 * np.log(between / BETAS[0]), atol=0.1)


def test_means_between_temperatures(harmonic):
    """Energy and its fluctuation at temperatures that were not sampled; the control takes the wrong temperature."""
    kt = BOLTZMANN * np.array([213.0, 300.0, 411.0])
    h = harmonic.enthalpies
    mean, square = harmonic.means(np.stack([h, h**2], axis=1), 1 / kt).T
    np.testing.assert_allclose(mean, N / 2 * kt, rtol=3e-3)
    np.testing.assert_allclose(square - mean**2, N / 2 * kt**2, rtol=0.06)
    assert abs(harmonic.means(h[:, None], 1 / (1.02 * kt))[1, 0] / (N / 2 * kt[1]) - 1) > 0.015


def test_errors_are_honest():
    """Over 30 repetitions free energies scatter around the exact ones as their spread says."""
    exact = N / 2 * np.log(BETAS[-1] / BETAS[0])
    found = [
        Reweighting.of_series(BETAS, energies(np.random.default_rng(k), 300)).free_energies[-1] for k in range(1, 31)
    ]
    assert abs(np.mean(found) - exact) < 3 * np.std(found) / np.sqrt(len(found))


def test_a_large_offset_changes_nothing(harmonic):
    """Energies of thousands of atoms are far from zero: weights are the same, free energies move by beta E."""
    offset = -3.0e4
    moved = Reweighting.of_series(BETAS, [h + offset for h in energies(np.random.default_rng(0))])
    np.testing.assert_allclose(
        moved.free_energies - harmonic.free_energies, (BETAS - BETAS[0]) * offset, atol=1e-4 * abs(offset)
    )
    np.testing.assert_allclose(moved.log_weights(BETAS[3:4]), harmonic.log_weights(BETAS[3:4]), atol=1e-4)


def test_overlap_and_effective_samples(harmonic):
    """Rows add up to one; at a sampled temperature more samples count than were taken there, far outside hardly any."""
    overlap = harmonic.overlap()
    np.testing.assert_allclose(overlap.sum(axis=1), 1.0, atol=1e-6)
    assert (np.diag(overlap, 1) > 0.03).all()
    inside, outside = harmonic.n_effective(1 / (BOLTZMANN * np.array([300.0, 700.0])))
    assert inside > 1500 > 100 > outside


def test_islands_of_temperatures():
    """Temperatures that share no energies are told apart, and refused as one set."""
    temperatures = np.array([200.0, 210.0, 220.0, 400.0, 410.0])
    betas, series = 1 / (BOLTZMANN * temperatures), energies(np.random.default_rng(1), 200, temperatures)
    assert islands(betas, series) == [slice(0, 3), slice(3, 5)]
    with pytest.raises(AnharmonicError, match="do not overlap"):
        Reweighting.of_series(betas, series)


def test_jax_stays_in_single_precision(harmonic):
    """pymbar would switch it for good."""
    assert not jax.config.jax_enable_x64
