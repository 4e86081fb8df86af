"""What a recorded point is, and the words for runs that are too short."""

from types import SimpleNamespace

import numpy as np
import pytest

from anharmonic.analysis import estimate
from anharmonic.sampling import Conditions
from anharmonic.sweep.doubts import doubts_of, group_doubts, interval_doubts, needed
from anharmonic.sweep.recorded import RecordedPoint

RUN = SimpleNamespace(axis=(0.1, "ps"), is_exchange=False)
RECORD = {"n_samples": 800, "n_discarded": 0}
CALM = estimate(np.random.default_rng(0).normal(size=800))


def turned(times):
    return SimpleNamespace(n_turns=times)


def test_enthalpy_is_that_of_the_ensemble():
    """Energy and the work of pressure and tension, as the samplers weigh them."""
    rng = np.random.default_rng(1)
    deformation = np.eye(3) + 0.02 * rng.normal(size=(5, 3, 3))
    tension = np.array([[1.0, 0.2, 0], [0.2, -0.5, 0], [0, 0, -0.5]]) * 0.01
    samples = {"deformation": deformation, "energy": rng.normal(size=5)}
    found = RecordedPoint(300.0, "", 0.03, tension, samples).enthalpy(500.0)
    conditions = Conditions.of(300.0, 0.03, tension)
    expected = [
        e + float(conditions.work(500.0, f.astype("float32")))
        for e, f in zip(samples["energy"], deformation, strict=True)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_turning_tilts():
    """Few turns are said with how much longer to run; none and many are not."""
    (text,) = doubts_of(RUN, RECORD, CALM, turned(1))
    assert "turned once in 80 ps" in text and "run 10 times as long" in text
    (text,) = doubts_of(RUN, RECORD | {"n_samples": 10000}, CALM, turned(1))
    assert "turned once in 1000 ps" in text
    (text,) = doubts_of(RUN, RECORD, CALM, turned(4))
    assert "turned 4 times" in text and "run 3 times as long" in text
    for times in (0, 10):
        assert doubts_of(RUN, RECORD, CALM, turned(times)) == []
    walkers = SimpleNamespace(axis=(0.1, "ps"), is_exchange=True)
    assert doubts_of(walkers, RECORD, CALM, turned(1)) == []


def test_short_series():
    """An energy that drifts slowly: how many independent values there are, how much longer to run."""
    slow = estimate(np.cumsum(np.random.default_rng(2).normal(size=400)))
    (text,) = doubts_of(RUN, RECORD | {"n_samples": 400}, slow, None)
    assert "independent ones in 40 ps" in text and f"run {needed(slow)} times as long" in text
    assert needed(slow) >= 2 and slow.is_short
    (text,) = doubts_of(RUN, {"n_samples": 500, "n_discarded": 300}, CALM, None)
    assert "first 30 ps" in text and "equilibrate longer" in text


@pytest.mark.parametrize("key", ["elastic_constants_short", "doubtful"])
def test_flags_have_words(key):
    assert len(doubts_of(RUN, RECORD | {key: True}, CALM, None)) == 1
    assert doubts_of(RUN, RECORD | {key: False, "born_stable": True}, CALM, None) == []
    assert "costs no energy" in doubts_of(RUN, RECORD | {"born_stable": False}, CALM, None)[0]


def test_walls_are_named():
    layers = {"x": {"walls": 0, "signs": "++"}, "z": {"walls": 2, "signs": "++--"}}
    (text,) = doubts_of(RUN, RECORD | {"layers": layers}, CALM, None)
    assert "about z as ++--: 2 domain walls" in text


def test_routes_that_disagree():
    """Four standard errors within one phase; across two phases the slope holds the latent heat."""
    record = {"from_K": 100.0, "to_K": 140.0, "direction": "heating", "one_phase": True, "sigmas_heat": -5.0}
    (text,) = interval_doubts(record)
    assert text.startswith("100 - 140 K heating: the heat capacity") and "5.0 standard errors" in text
    assert interval_doubts(record | {"one_phase": False}) == interval_doubts(record | {"sigmas_heat": 3.0}) == []


def test_groups_that_disagree():
    """Mean positions and tilts that name two space groups; nothing is said where tilts name none."""
    (text,) = group_doubts("P4/mbm", "Pm-3m")
    assert text.startswith("P4/mbm by its mean positions, Pm-3m by its tilts")
    assert group_doubts("Pnma", "Pnma") == group_doubts("P4mm", None) == []
