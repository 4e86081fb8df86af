"""Random numbers of the samplers: distributions, independence, repetition, and numbers that must not appear.

Keys are fixed, so the tests either always pass or always fail; their levels say how often a right generator
would fail for other keys. Every statistic comes with a wrong generator that it rejects.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats

from anharmonic.potential import precision
from anharmonic.sampling import noise
from anharmonic.sampling.noise import normal, uniform

DTYPES = ("float32", "float64")
COUNT = 1_000_001
"""Numbers per sample: odd, so that the last block of the generator is half used."""
LEVEL = 1e-4
"""Probability at which a right generator would fail one of these statistics."""
DISTRIBUTIONS = {
    "normal": (normal, stats.norm(), [0, 1, 0, 3, 0, 15]),
    "uniform": (uniform, stats.uniform(), [1 / 2, 1 / 3, 1 / 4, 1 / 5, 1 / 6, 1 / 7]),
}


def draw(function, dtype="float32", seed=0, shape=(COUNT,)):
    """Numbers in float64, drawn in `dtype`."""
    with precision(dtype):
        values = function(jax.random.key(seed), shape, jnp.dtype(dtype))
        assert values.dtype == dtype and values.shape == shape
        return np.asarray(values, float)


def moment_scores(values, moments):
    """Deviation of the first moments from what they should be, in standard errors of right ones."""
    powers = np.arange(1, len(moments) + 1)
    variances = [np.mean(values ** (2 * k)) - m**2 for k, m in zip(powers, moments, strict=True)]
    means = [np.mean(values**k) for k in powers]
    return (np.array(means) - moments) / np.sqrt(np.array(variances) / len(values))


def correlation_scores(one, other):
    """Correlations of numbers, their squares and their magnitudes, in standard errors."""
    pairs = [(f(one), g(other)) for f in (np.array, np.square, np.abs) for g in (np.array, np.square, np.abs)]
    return np.sqrt(len(one)) * np.array([np.corrcoef(a, b)[0, 1] for a, b in pairs])


THRESHOLD = stats.norm.isf(LEVEL / 2)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_moments(name, dtype):
    function, _, moments = DISTRIBUTIONS[name]
    values = draw(function, dtype)
    assert abs(moment_scores(values, moments)).max() < THRESHOLD
    middle = values.mean()
    assert abs(moment_scores(values + 0.01, moments)).max() > THRESHOLD
    assert abs(moment_scores(middle + 1.01 * (values - middle), moments)).max() > THRESHOLD


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_kolmogorov_smirnov(name, dtype):
    """At a level of 1e-4; a shift or a width wrong by a percent, or another distribution of equal moments, fails."""
    function, expected, _ = DISTRIBUTIONS[name]
    values = draw(function, dtype)
    assert stats.kstest(values, expected.cdf).pvalue > LEVEL
    if name == "normal":
        impostor = np.random.default_rng(1).uniform(-(3**0.5), 3**0.5, COUNT)
    else:
        impostor = special.ndtr(0.99 * special.ndtri(values))
    for wrong in (values + 0.01, 1.01 * values, impostor):
        assert stats.kstest(wrong, expected.cdf).pvalue < LEVEL


def test_tails():
    """As many normal numbers beyond each of several limits, on both sides, as there should be; not one bit short."""
    values = np.concatenate([draw(normal, seed=seed) for seed in range(8)])
    for limit in (2.0, 3.0, 4.0, 4.5):
        for tail in (np.count_nonzero(values > limit), np.count_nonzero(values < -limit)):
            expected = len(values) * stats.norm.sf(limit)
            assert stats.binomtest(tail, len(values), stats.norm.sf(limit)).pvalue > LEVEL
            assert stats.binomtest(int(2 * expected), len(values), stats.norm.sf(limit)).pvalue < LEVEL
    assert 4.8 < -values.min() < 6 and 4.8 < values.max() < 6


@pytest.mark.parametrize("bits", [8, 12])
def test_low_bits(bits):
    """The low bits of the 23 that a uniform number in float32 has are as even as the high ones."""
    whole = np.round(draw(uniform) * 2**23).astype(int)
    np.testing.assert_array_equal(whole / 2**23, np.where(whole == 0, 0, draw(uniform)))
    for shift in (0, 23 - bits):
        counts = np.bincount((whole >> shift) % 2**bits, minlength=2**bits)
        assert len(counts) == 2**bits
        assert stats.chisquare(counts).pvalue > LEVEL
        stuck = np.bincount((whole >> shift) // 2 * 2 % 2**bits, minlength=2**bits)
        assert stats.chisquare(stuck).pvalue < LEVEL


@pytest.mark.parametrize("function", [normal, uniform])
def test_keys_are_independent(function):
    """Neighbouring keys, split keys, and keys folded from step numbers; also neighbours and halves of one sample.

    In JAX the first of split keys are those folded from 0 and 1, so nothing may split and fold the same key.
    """
    key = jax.random.key(3)
    keys = [jax.random.key(4), *jax.random.split(key), *(jax.random.fold_in(key, n) for n in (2, 3, 1000))]
    shape = (200_001,)
    samples = [np.asarray(function(k, shape, jnp.float32), float) for k in (key, *keys)]
    for k, one in enumerate(samples):
        for other in samples[:k]:
            assert np.count_nonzero(one == other) < 100
            assert abs(correlation_scores(one, other)).max() < THRESHOLD
        for lag in (1, 2, 3, len(one) // 2, len(one) // 2 + 1):
            assert abs(correlation_scores(one[lag:], one[:-lag])).max() < THRESHOLD
    mixed = samples[0] + 0.02 * samples[1]
    assert abs(correlation_scores(mixed, samples[1])).max() > THRESHOLD


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("function", [normal, uniform])
def test_same_key_same_numbers(function, dtype):
    """Also compiled, in parallel, and again; another key, others."""
    with precision(dtype):
        keys, shape = jax.random.split(jax.random.key(5), 3), (5, 3, 7)
        plain = [np.asarray(function(key, shape, jnp.dtype(dtype))) for key in keys]
        mapped = np.asarray(jax.jit(jax.vmap(lambda key: function(key, shape, jnp.dtype(dtype))))(keys))
        again = np.asarray(function(keys[0], shape, jnp.dtype(dtype)))
    np.testing.assert_array_equal(plain[0], again)
    np.testing.assert_allclose(mapped, np.array(plain), rtol=1e-6 if function is normal else 0)
    assert not np.any(plain[0] == plain[1])
    assert len(np.unique(plain)) == 3 * 5 * 3 * 7


@pytest.mark.parametrize("shape", [(), (1,), (2,), (3, 1), (2, 3, 4), (0,)])
@pytest.mark.parametrize("function", [normal, uniform])
def test_shapes(function, shape):
    """Any number of numbers, one and none too; all are different."""
    values = draw(function, shape=shape)
    assert len(np.unique(values)) == values.size


def with_bits(monkeypatch, bits):
    """Let the generator give the words of `bits`."""
    bits = jnp.asarray(bits, jnp.uint32)
    monkeypatch.setattr(noise, "threefry_2x32", lambda key, counters: bits)
    return jax.random.key(0), bits.shape, jnp.float32


def test_extreme_bits(monkeypatch):
    """Whatever the generator gives: uniform numbers are inside (0, 1), normal ones finite and in the same order."""
    words = np.array([0, 1, 511, 512, 513, 2**31 - 1, 2**31, 2**32 - 513, 2**32 - 512, 2**32 - 1], np.uint32)
    numbers = np.asarray(uniform(*with_bits(monkeypatch, words)))
    assert (numbers > 0).all() and (numbers < 1).all()
    assert numbers.min() == np.finfo(np.float32).tiny and numbers.max() == 1 - np.float32(2.0**-23)
    assert np.isfinite(-np.log(numbers)).all()
    values = np.asarray(normal(*with_bits(monkeypatch, words)))
    assert np.isfinite(values).all()
    assert (np.diff(values) >= 0).all()
    assert -6 < values[0] < -5 < 5 < values[-1] < 6
    exact = stats.norm.ppf((words[4:8] >> 9) / 2**23)
    np.testing.assert_allclose(values[4:8], exact, atol=1e-6, rtol=1e-5)


def test_never_zero_never_infinite():
    """In many draws too, in either precision."""
    for dtype in DTYPES:
        for seed in range(4):
            numbers, values = draw(uniform, dtype, seed), draw(normal, dtype, seed)
            assert 0 < numbers.min() < 1e-5 and 1 - 1e-5 < numbers.max() < 1
            assert np.isfinite(values).all() and 4 < abs(values).max() < 7
