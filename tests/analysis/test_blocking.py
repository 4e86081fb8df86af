"""Error bars of means by three methods: correlation times, blocking, and pymbar's statistical inefficiency.

AR(1) with memory rho has unit variance and tau = (1 + rho) / (1 - rho) / 2; the error of the mean of N samples is
known exactly, ``error^2 = [N + 2 sum_t (N - t) rho^t] / N^2``.
"""

import numpy as np
import pytest
from series import autoregressive

from anharmonic.analysis import estimate

N_SAMPLES, N_SERIES = 4096, 300


def exact_error(memory):
    """Standard error of the mean of `N_SAMPLES` of AR(1)."""
    lags = np.arange(1, N_SAMPLES)
    return np.sqrt(N_SAMPLES + 2 * np.sum((N_SAMPLES - lags) * memory**lags)) / N_SAMPLES


def blocking(samples):
    """Standard errors (n_series,) of means at the plateau of blocking.

    Flyvbjerg and Petersen, J. Chem. Phys. 91, 461 (1989): pairs of neighbours are averaged again and again; the error
    grows with the length B of the blocks until they are independent. The plateau begins where ``B^3 > 2 N (error at B /
    error at 1)^4`` (Lee, Conduit, Nemec, Lopez Rios and Drummond, Phys. Rev. E 83, 066706 (2011)).
    """
    n_samples, errors = len(samples), []
    while len(samples) >= 2:
        errors.append(samples.std(axis=0, ddof=1) / np.sqrt(len(samples)))
        samples = (samples[0 : len(samples) // 2 * 2 : 2] + samples[1::2]) / 2
    errors = np.array(errors)
    lengths = 2.0 ** np.arange(len(errors))[:, None]
    settled = lengths**3 > 2 * n_samples * (errors / errors[0]) ** 4
    assert settled.any(axis=0).all()
    return np.take_along_axis(errors, np.argmax(settled, axis=0)[None], 0)[0]


def by_pymbar(samples):
    """Standard errors (n_series,) from pymbar's statistical inefficiency g = 2 tau."""
    from pymbar.timeseries import statistical_inefficiency

    inefficiency = np.array([statistical_inefficiency(series) for series in samples.T])
    return samples.std(axis=0, ddof=1) * np.sqrt(inefficiency / len(samples))


METHODS = {
    "correlation times": (lambda samples: estimate(samples).error, 0.02),
    "blocking": (blocking, 0.05),
    "pymbar": (by_pymbar, 0.03),
}
"""How each finds errors, and how far the mean of many may be from the exact one: blocks are too short by a little."""


@pytest.fixture(scope="module", params=[0.0, 0.5, 0.9])
def found(request):
    """Errors (n_series,) by each method, and last without regard to correlation, over the exact one; the scatter."""
    samples = autoregressive(request.param, N_SAMPLES, N_SERIES, seed=7)
    exact = exact_error(request.param)
    ratios = {name: method(samples) / exact for name, (method, _) in METHODS.items()}
    naive = samples.std(axis=0, ddof=1) / np.sqrt(N_SAMPLES) / exact
    return request.param, ratios, naive, samples.mean(axis=0) / exact


def test_the_exact_error_is_exact(found):
    """Means scatter by it: 300 of them tell it to four percent."""
    _, _, _, means = found
    assert np.std(means) == pytest.approx(1, abs=0.12)


@pytest.mark.parametrize("name", METHODS)
def test_error_bars_are_the_exact_ones(found, name):
    """On average, and as the scatter of the means in units of them; errors of samples taken for independent are not."""
    memory, ratios, naive, means = found
    allowed = METHODS[name][1]
    assert ratios[name].mean() == pytest.approx(1, abs=allowed)
    assert np.sqrt(np.mean((means / ratios[name]) ** 2)) == pytest.approx(1, abs=0.15)
    if memory:
        assert naive.mean() < 0.6 < 1 - 5 * allowed


def test_methods_agree_on_each_series(found):
    """Correlation times and pymbar's statistical inefficiency are one estimate; blocks tell less from the same data."""
    _, ratios, _, _ = found
    mine, blocks, theirs = (ratios[name] for name in METHODS)
    assert np.sqrt(np.mean((mine / theirs - 1) ** 2)) < 0.06
    assert np.sqrt(np.mean((mine / blocks - 1) ** 2)) < 0.2
    assert mine.std() < blocks.std()
