"""Temperatures of replicas, and how well they exchange: against exact overlaps and walkers with known travels."""

import numpy as np
import pytest
from scipy.special import betainc

from anharmonic.analysis.replica_spacing import EnthalpyCurve, equal_acceptance, expected_acceptance
from anharmonic.analysis.replicas import exchange_report, ideal_round_trip_time, places, up_fraction
from anharmonic.conventions import BOLTZMANN
from anharmonic.errors import AnharmonicError

FREEDOM = 957
TRIALS = np.linspace(100.0, 600.0, 6)


def harmonic(freedom=FREEDOM):
    """A curve of constant heat capacity, from trial runs."""
    means = freedom / 2 * BOLTZMANN * TRIALS
    return EnthalpyCurve.of_trials(TRIALS, means, means * BOLTZMANN * TRIALS)


def test_acceptance_of_harmonic_crystals():
    """The formula of large systems against the incomplete beta function, exact for any size."""
    temperatures = np.array([180.0, 200.0, 230.0, 250.0])
    for freedom, tolerance in ((30, 0.01), (957, 0.0005)):
        exact = 2 * betainc(freedom / 2, freedom / 2, temperatures[:-1] / (temperatures[:-1] + temperatures[1:]))
        found = expected_acceptance(temperatures, harmonic(freedom))
        np.testing.assert_allclose(found, exact, atol=tolerance)
        assert exact.min() > 2 * tolerance


def test_constant_heat_capacity_gives_equal_ratios():
    found = equal_acceptance(harmonic(), 150.0, 450.0, 9)
    np.testing.assert_allclose(found, np.geomspace(150, 450, 9), rtol=1e-6)


def test_equal_acceptance_across_a_peak():
    """A heat capacity with a peak: denser temperatures there, the same acceptance everywhere."""
    fine = np.linspace(100, 600, 2001)
    capacity = BOLTZMANN * (500 + 3000 * np.exp(-(((fine - 300) / 20) ** 2)))
    enthalpy = np.concatenate([[0], np.cumsum((capacity[1:] + capacity[:-1]) / 2 * np.diff(fine))])
    chosen = slice(None, None, 20)
    curve = EnthalpyCurve.of_trials(fine[chosen], enthalpy[chosen], (capacity * BOLTZMANN * fine**2)[chosen])
    found = equal_acceptance(curve, 150.0, 450.0, 12)
    assert (found[0], found[-1]) == (150.0, 450.0)
    shares = expected_acceptance(found, curve)
    np.testing.assert_allclose(shares, shares[0], rtol=1e-5)
    assert 0.05 < shares[0] < 0.5
    ratios = found[1:] / found[:-1] - 1
    at_peak = np.argmin(abs((found[1:] + found[:-1]) / 2 - 300))
    assert ratios[at_peak] < 0.5 * min(ratios[0], ratios[-1])
    np.testing.assert_allclose(curve(np.array([305.0, 333.0])), np.interp([305.0, 333.0], fine, enthalpy), rtol=1e-3)


def test_two_replicas_and_the_ends_of_the_trials():
    """Nothing between two; beyond the trials the heat capacity stays."""
    np.testing.assert_array_equal(equal_acceptance(harmonic(), 150.0, 200.0, 2), [150.0, 200.0])
    curve = harmonic()
    np.testing.assert_allclose(curve(np.array([50.0, 900.0])), FREEDOM / 2 * BOLTZMANN * np.array([50.0, 900.0]))


@pytest.mark.parametrize(
    "means, text", [([1.0, 2.0, 1.5], "does not rise between 200 and 300 K"), ([1.0], "two or more")]
)
def test_refused_trials(means, text):
    temperatures = [100.0, 200.0, 300.0][: len(means)]
    with pytest.raises(AnharmonicError, match=text):
        EnthalpyCurve.of_trials(temperatures, means, np.ones(len(means)))
    with pytest.raises(AnharmonicError, match="between a lower and a higher"):
        equal_acceptance(harmonic(), 300.0, 200.0, 4)


def walk(acceptance, rounds, seed=0):
    """Recorded samples of walkers without memory, one sample after every attempt."""
    rng, n = np.random.default_rng(seed), len(acceptance) + 1
    walker, heading, trips = np.arange(n), np.zeros(n, int), np.zeros(n, int)
    heading[0], heading[-1] = 1, -1
    attempts, accepted = np.zeros(n - 1, int), np.zeros(n - 1, int)
    rows = {name: [] for name in ("walker", "heading", "round_trips", "swap_attempts", "swap_acceptances")}
    for turn in range(rounds):
        for k in range(turn % 2, n - 1, 2):
            attempts[k] += 1
            if rng.random() < acceptance[k]:
                accepted[k] += 1
                walker[[k, k + 1]] = walker[[k + 1, k]]
        trips[walker[0]] += heading[walker[0]] == -1
        heading[walker[0]], heading[walker[-1]] = 1, -1
        for name, value in zip(rows, (walker, heading, trips, attempts, accepted), strict=True):
            rows[name].append(value.copy())
    return {name: np.array(value) for name, value in rows.items()}


@pytest.mark.parametrize("n", [2, 5])
def test_report_of_walkers_without_memory(n):
    """Acceptance within its error, and the round trips of the theory."""
    acceptance = np.linspace(0.3, 0.7, n - 1)
    samples = walk(acceptance, 20_000)
    found = exchange_report(samples)
    assert (abs(found.acceptance - acceptance) < 4 * found.acceptance_error).all()
    binomial = np.sqrt(acceptance * (1 - acceptance) / 10_000)
    np.testing.assert_allclose(found.acceptance_error, binomial, rtol=0.15)
    assert found.barrier == pytest.approx((1 - acceptance).sum(), abs=0.03)
    assert found.round_trips == samples["round_trips"][-1].sum() - samples["round_trips"][0].sum() > 300
    expected = ideal_round_trip_time(acceptance)
    assert found.round_trip_time == pytest.approx(expected, rel=4 / np.sqrt(found.round_trips))
    assert found.ideal_round_trip_time == pytest.approx(expected, rel=0.05)
    fractions = found.up_fraction
    assert fractions[0] == 1 and fractions[-1] == 0 and (np.diff(fractions) < 0).all()


def test_certain_swaps_are_a_conveyor_belt():
    """Every walker is back after 2 n attempts."""
    assert ideal_round_trip_time(np.ones(5)) == 12
    assert ideal_round_trip_time([0.5, 0.0]) == np.inf
    found = exchange_report(walk(np.ones(5), 1201))
    assert found.round_trip_time == pytest.approx(12, rel=0.02)
    assert found.barrier == 0


def test_nothing_tried_and_nothing_known():
    samples = walk(np.ones(3), 1)
    samples = {name: np.repeat(values, 3, axis=0) for name, values in samples.items()}
    found = exchange_report(samples)
    assert np.isnan(found.acceptance).all() and found.round_trips == 0 and found.round_trip_time == np.inf
    assert np.isnan(up_fraction(np.array([[0, 1]]), np.zeros((1, 2), int))).all()


def test_places_invert_walkers():
    walker = np.array([[2, 0, 1], [0, 1, 2]])
    np.testing.assert_array_equal(places(walker), [[1, 2, 0], [0, 1, 2]])
