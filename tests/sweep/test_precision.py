"""Ends at a requested precision: the statistics agree with pymbar's, and the errors asked for are those reached."""

import json
import subprocess
import sys

import builders
import numpy as np
import pytest

import anharmonic as ah
from anharmonic.analysis import equilibration_start, estimate
from anharmonic.clusters import ClusterBasis
from anharmonic.errors import AnharmonicError
from anharmonic.sweep.precision import UNITS, check_precisions, precision_criterion, reached

PYMBAR = """
import json, sys, warnings
import numpy as np
warnings.simplefilter("ignore")
from pymbar import timeseries
found = []
for series in json.load(sys.stdin):
    series = np.array(series)
    start, g, _ = timeseries.detect_equilibration(series)
    found.append([timeseries.statistical_inefficiency(series), start, g])
print(json.dumps([[float(x) for x in row] for row in found]))
"""


def correlated(tau, n, seed, transient=0.0):
    """An autoregressive series of unit variance with correlation time `tau`, after a decaying start."""
    rng, rho = np.random.default_rng(seed), np.exp(-1 / tau)
    noise, x = rng.normal(size=n) * np.sqrt(1 - rho**2), np.empty(n)
    x[0] = rng.normal()
    for k in range(1, n):
        x[k] = rho * x[k - 1] + noise[k]
    return x + transient * np.exp(-np.arange(n) / (5 * tau))


@pytest.mark.slow
def test_statistics_agree_with_pymbar():
    """Statistical inefficiencies g = 2 tau within their own spread of some 20 %, cut-off transients likewise."""
    pytest.importorskip("pymbar", exc_type=ImportError)
    cases = [(tau, seed, transient) for tau in (2.0, 10.0) for seed in range(4) for transient in (0.0, 8.0)]
    series = [correlated(tau, 4000, seed, transient) for tau, seed, transient in cases]
    asked = json.dumps([s.tolist() for s in series])
    done = subprocess.run([sys.executable, "-c", PYMBAR], input=asked, capture_output=True, text=True, check=True)
    for (tau, _, transient), values, (g, start, g_after) in zip(cases, series, json.loads(done.stdout), strict=True):
        ours = equilibration_start(values)
        found = estimate(values[ours:])
        assert 2 * found.correlation_time == pytest.approx(g_after, rel=0.35)
        assert 2 * found.correlation_time == pytest.approx(1 / np.tanh(0.5 / tau), rel=0.35)
        if not transient:
            assert 2 * estimate(values).correlation_time == pytest.approx(g, rel=0.35)
        else:
            assert 5 * tau < ours < 60 * tau and 5 * tau < start < 60 * tau


@pytest.fixture(scope="module")
def salt():
    basis = ClusterBasis(builders.cesium_chloride(), pairs=2, order=2)
    return builders.polynomial(basis, [[0.0, 6.0], [0.0, 3.0]], metadata={"name": "salt"})


@pytest.mark.parametrize("method", ["md", "mc"])
def test_a_sweep_ends_at_its_precision(salt, method):
    """Every stage has the error that was asked for, its length is no more than needed, and the harmonic energy
    (3N - 3) kT / 2 is met."""
    until = {"energy": 0.8, "volume": 0.15}
    options = {"cell": "isotropic", "method": method, "until": until.items(), "observe": ["stress"]}
    result = ah.sweep(salt, [3, 3, 3], [100, 200], **options)
    for k, point in enumerate(result.points()):
        assert point["precision"]["reached"]
        assert all(0 < point["precision"][name] <= error for name, error in until.items())
        assert point["precision"]["energy"] == pytest.approx(1000 * point["errors"]["energy"])
        assert max(point["precision"][name] / error for name, error in until.items()) > 0.5
        expected = 1.5 * 8.617333e-5 * point["temperature_K"] * (2 - 1 / 27)
        assert abs(point["energy"] - expected) < 5 * point["errors"]["energy"] + 0.02 * expected
        stress = np.array(point["stress_GPa"]) / point["stress_error_GPa"]
        assert abs(stress).max() < 5
        assert (result.samples["production"] & (result.samples["stage"] == k)).sum() < 8000
    assert result.summary["warnings"] == []


def test_a_precision_that_is_not_reached_is_named(salt):
    until = [("energy", 1e-3)]
    result = ah.sweep(salt, [2, 2, 2], [100], until=until, equilibration=200, production=1000)
    assert not result.points()[0]["precision"]["reached"]
    assert "precision of energy is not reached after 1000 steps at 100 K heating" in result.summary["warnings"][0]


def test_short_series_are_not_trusted(salt):
    """A series of 15 correlation times has no error, whatever its spread; twice ten times longer it has."""
    crystal = salt.crystal

    def samples(n):
        return {"energy": 1e-6 * correlated(20.0, n, 1)}

    assert reached(crystal, 1, samples(300), (("energy", 1.0),))[1] == [np.inf]
    criterion = precision_criterion(crystal, 1, (("energy", 1.0),))
    assert not criterion(samples(300)) and criterion(samples(6000))
    assert precision_criterion(crystal, 1, ()) is None


def test_refusals():
    assert check_precisions([("volume", 1), ("a", 0.1)], ()) == (("a", 0.1), ("volume", 1.0))
    for until, message in (
        ([("tilt", 1)], "energy \\(meV/cell\\).*stress \\(GPa\\); found 'tilt'"),
        ([("energy", 0)], "precision of energy is above 0 meV/cell; found 0"),
        ([("energy", float("nan"))], "found nan"),
        ([("stress", 0.1)], "needs it recorded: --observe stress"),
        ([("a", 1), ("a", 2)], "once; found a, a"),
    ):
        with pytest.raises(AnharmonicError, match=message):
            check_precisions(until, ())
    assert set(UNITS) == {"energy", "a", "b", "c", "volume", "tilts", "stress"}
