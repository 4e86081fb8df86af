import numpy as np
import pytest
from series import autoregressive

from anharmonic.analysis import equilibration_start, estimate
from anharmonic.analysis.statistics import drift, jackknife_error
from anharmonic.errors import AnharmonicError


@pytest.mark.parametrize("memory", [0.0, 0.5, 0.9])
def test_error_and_coverage_of_a_known_process(memory):
    n_samples, n_series = 2000, 1000
    found = estimate(autoregressive(memory, n_samples, n_series, seed=1))
    tau = (1 + memory) / (1 - memory) / 2
    assert found.correlation_time.mean() == pytest.approx(tau, rel=0.05)
    assert found.error.mean() == pytest.approx(np.sqrt(2 * tau / n_samples), rel=0.05)
    assert found.n_effective == pytest.approx(n_samples / (2 * found.correlation_time))
    inside = np.abs(found.mean) < found.error
    assert 0.64 < inside.mean() < 0.73
    assert 0.93 < (np.abs(found.mean) < 2 * found.error).mean() < 0.98
    assert not found.is_short.any()


def test_short_series_say_so():
    assert estimate(autoregressive(0.97, 200, 500, seed=2)).is_short.mean() > 0.7
    assert estimate(np.linspace(0, 1, 100)).is_short
    assert not estimate(autoregressive(0.97, 4000, 100, seed=2)).is_short.any()


def test_any_shape_and_scale():
    samples = autoregressive(0.8, 500, 6, seed=3)
    found = estimate(1e5 + 1e-3 * samples.reshape(500, 2, 3))
    alone = estimate(1e5 + 1e-3 * samples[:, 4])
    assert found.mean.shape == found.error.shape == (2, 3)
    assert found.error[1, 1] == pytest.approx(float(alone.error), rel=1e-6)
    assert found.n_samples == 500


def test_constant_and_broken_series():
    samples = np.random.default_rng(0).normal(size=(50, 3))
    samples[:, 0] = -0.1
    samples[3, 1] = np.nan
    found = estimate(samples)
    assert found.mean[0] == pytest.approx(-0.1) and found.error[0] == pytest.approx(0, abs=1e-15)
    assert np.isnan(found.error[1]) and np.isfinite(found.error[2])
    with pytest.raises(AnharmonicError, match="at least 2 samples"):
        estimate(samples[:1])


def test_equilibration_is_found():
    noise = autoregressive(0.9, 2000, 40, seed=4)
    decay = np.exp(-np.arange(2000) / 60.0)[:, None]
    starts = np.array([equilibration_start(series) for series in (noise + 8 * decay).T])
    assert 80 < np.median(starts) < 400
    assert np.median([equilibration_start(series) for series in noise.T]) < 200


def test_a_beginning_out_of_equilibrium_is_seen():
    """Standard normal in equilibrium; a fifth of it off by the width of the noise is seen; short series say nothing."""
    noise = autoregressive(0.9, 8000, 300, seed=7)
    found = np.array([drift(series) for series in noise.T])
    assert abs(found.mean()) < 0.25 and found.std() == pytest.approx(1.0, abs=0.2)
    noise[:1600] += 1.0
    assert np.median([drift(series) for series in noise.T]) > 3
    assert np.isnan(drift(autoregressive(0.99, 1000, 1, seed=8)[:, 0])) and np.isnan(drift(np.zeros(3)))


def test_slowest_observable_decides():
    noise = autoregressive(0.5, 1000, 2, seed=5)
    noise[:300, 1] += 20
    noise = np.concatenate([noise, np.full((1000, 1), np.nan)], axis=1)
    assert 290 <= equilibration_start(noise) <= 420
    assert equilibration_start(noise[:, 0]) < 290
    assert equilibration_start(np.full((10, 2), np.nan)) == 0


def test_the_jackknife_of_a_mean_and_of_a_variance():
    """Of a mean it is the standard error, digit by digit; of a variance the scatter of repetitions."""
    blocks = np.random.default_rng(6).normal(size=(40, 5, 20))
    sums, squares = blocks.sum(axis=2), (blocks**2).sum(axis=2)
    mean, square = ((x.sum(axis=0) - x) / (39 * 20) for x in (sums, squares))
    exact = sums.std(axis=0, ddof=1) / 20 / np.sqrt(40)
    np.testing.assert_allclose(jackknife_error(mean), exact, rtol=1e-12)
    np.testing.assert_allclose(jackknife_error(square - mean**2).mean(), np.sqrt(2 / 800), rtol=0.15)
    assert jackknife_error(np.ones((7, 2))).tolist() == [0, 0]
