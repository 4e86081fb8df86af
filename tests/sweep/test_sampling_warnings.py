"""What is said of runs that tell little about a transition: nothing is left out in silence."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from anharmonic.analysis.curves import State
from anharmonic.sweep.recorded import RecordedPoint
from anharmonic.sweep.sampling_warnings import warnings_of


def run(folder, enthalpies, finished=True):
    """A run with enthalpies (eV) by temperature (K)."""
    unit, zero = np.eye(3), np.zeros((3, 3))
    points = [
        RecordedPoint(t, "heating", 0.0, zero, {"energy": x, "deformation": np.tile(unit, (len(x), 1, 1))})
        for t, x in enthalpies.items()
    ]
    return SimpleNamespace(folder=Path(folder), finished=finished, points=points, volume=1.0)


def states(enthalpies):
    """States with an order parameter of noise."""
    rng = np.random.default_rng(0)
    return [State(t, x, {"m": rng.normal(0, 1, (len(x), 3))}) for t, x in enthalpies.items() if len(x) >= 16]


@pytest.fixture
def noise():
    return np.random.default_rng(1).normal(0, 1, (3, 2000))


def test_what_is_left_out_is_said(noise):
    """A temperature with few samples, a supercell at one temperature, a run that is not finished."""
    small, large = {200.0: noise[0], 210.0: noise[1][:12], 220.0: noise[2]}, {200.0: noise[0]}
    curve = SimpleNamespace(gaps=np.empty((0, 2)))
    found = warnings_of([run("a", small), run("b", large, False)], {8: curve}, {8: states(small), 64: states(large)})
    assert [word for word in found if "left out" in word] == [
        "a at 210 K heating has 12 samples, error bars take 16: left out",
        "64 cells were sampled at 200 K alone, curves take two temperatures: left out",
    ]
    assert any(word.startswith("b is not finished") for word in found)
    assert any(word.startswith("1 size of supercell") for word in found)
    assert not any("equilibrium" in word for word in found)


def test_energies_that_settle_late_are_told(noise):
    """Only the temperature at which they do."""
    noise[1, :500] += 1.0
    found = warnings_of([run("a", dict(zip((200.0, 210.0, 220.0), noise, strict=True)))], {}, {})
    (word,) = [word for word in found if "equilibrium" in word]
    assert word.startswith("a at 210 K heating was not in equilibrium when production began")
