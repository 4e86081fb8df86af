"""A sweep of CsPbBr3 killed again and again, at any moment, ends as if it had not been: minutes."""

import json

import numpy as np
import pytest
from killed import kill_sweep

import anharmonic as ah


@pytest.mark.slow
@pytest.mark.parametrize("method, lengths", [("md", (2000, 8000)), ("mc", (400, 1600))])
def test_killed_again_and_again(springs, method, lengths, tmp_path):
    """SIGKILL four times after random numbers of chunks, and at random within them; 320 atoms, heating and cooling."""
    options = {"supercell": [4, 4, 4], "temperatures": [100, 200], "direction": "both", "method": method}
    options |= dict(zip(("equilibration", "production"), lengths, strict=True))
    expected = ah.sweep(springs, **options)
    springs.save(tmp_path / "springs.h5")
    rng, left = np.random.default_rng(), []
    for _ in range(4):
        kill_sweep(tmp_path / "springs.h5", tmp_path / "run.h5", options, rng.integers(1, 45), rng.uniform(0, 0.2))
    resumed = ah.sweep(springs, file=tmp_path / "run.h5", on_chunk=lambda p, plan: left.append(p.step), **options)
    assert 0 < len(left) < 200
    assert json.dumps(resumed.summary) == json.dumps(expected.summary)
    for name, values in expected.samples.items():
        np.testing.assert_array_equal(values, resumed.samples[name])
