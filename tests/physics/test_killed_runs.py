"""Runs stopped at ten random moments, by SIGKILL and by SIGTERM, end as if they had not been, for every sampler."""

import json
import signal

import builders
import numpy as np
import pytest
from killed import kill_sweep, perform

from anharmonic.clusters import ClusterBasis
from anharmonic.sampling.runfile import read_samples, read_snapshots

MOMENTS = 10
SWEEP = {"supercell": [2, 2, 2], "temperatures": [100, 200], "direction": "both"}
EXCHANGE = {"kind": "exchange", "supercell": [2, 2, 2], "temperatures": [100, 140, 200], "snapshots": 0}
BATHS = [(t, b) for t in ("langevin", "bussi", "nose-hoover") for b in ("piston", "cell-rescaling")]
RUNS = {
    **{f"md {t} {b}": SWEEP | {"thermostat": t, "barostat": b} for t, b in BATHS},
    **{f"md nvt {t}": {"temperatures": [200], "ensemble": "nvt", "thermostat": t} for t, _ in BATHS[::2]},
    "md nve": {"temperatures": [200], "ensemble": "nve"},
    "md ramp": {"temperatures": [100], "end_temperature": 300, "end_stress_GPa": [0, 0, -0.5, 0, 0.1, 0]},
    "md until": SWEEP | {"until": [["energy", 1.5], ["volume", 0.3]], "production": 200000},
    "mc npt": SWEEP | {"method": "mc"},
    "mc nvt": {"temperatures": [200], "method": "mc", "ensemble": "nvt"},
    "md observing": SWEEP | {"observe": ["stress"]},
    "md exchange": EXCHANGE,
    "mc exchange": EXCHANGE | {"method": "mc"},
}


def options_of(name):
    """Some 200 chunks; two temperatures up and down, or one."""
    options, unit = RUNS[name], 1 if "mc" in name else 5
    alone = "supercell" not in options
    lengths = {"equilibration": (800 if alone else 400) * unit, "production": (7000 if alone else 1600) * unit}
    kind = {"kind": "simulate"} if alone else {}
    return kind | {"snapshots": 400 * unit} | lengths | options


@pytest.fixture(scope="module")
def salt(tmp_path_factory):
    """CsCl with springs, on file: small and quick to compile."""
    basis = ClusterBasis(builders.cesium_chloride(), pairs=2, order=2)
    path = tmp_path_factory.mktemp("salt") / "salt.h5"
    builders.polynomial(basis, [[0.0, 6.0], [0.0, 3.0]], metadata={"name": "salt"}).save(path)
    return path


def assert_same_files(one, other, has_snapshots=True):
    """Samples and snapshots, bit for bit: none lost, none doubled."""
    pairs = [(read_samples(one)[1], read_samples(other)[1])]
    if has_snapshots:
        pairs.append((read_snapshots(one)[2].columns(), read_snapshots(other)[2].columns()))
    for left, right in pairs:
        assert left.keys() == right.keys()
        for name in left:
            np.testing.assert_array_equal(left[name], right[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGTERM], ids=["kill", "term"])
def test_stopped_ten_times(salt, name, signal_number, tmp_path, tmp_path_factory):
    options, rng = options_of(name), np.random.default_rng()
    expected = perform(salt, tmp_path / "whole.h5", options)
    total = len(expected.samples["energy"]) // 10
    file, cache = tmp_path / "run.h5", tmp_path_factory.getbasetemp() / "jax"
    for _ in range(MOMENTS):
        chunks, wait = int(rng.integers(0, total // 25) + 1), rng.uniform(0, 0.03)
        assert kill_sweep(salt, file, options, chunks, wait, signal_number, cache), "the run was too short"
    resumed = perform(salt, file, options)
    assert json.dumps(resumed.summary) == json.dumps(expected.summary)
    assert_same_files(tmp_path / "whole.h5", file, options["snapshots"] > 0)


@pytest.mark.slow
@pytest.mark.parametrize("method, lengths", [("md", (2000, 8000)), ("mc", (400, 1600))])
def test_killed_again_and_again(springs, method, lengths, tmp_path):
    """SIGKILL four times after random numbers of chunks, and at random within them; 320 atoms, heating and cooling."""
    options = {"supercell": [4, 4, 4], "temperatures": [100, 200], "direction": "both", "method": method}
    options |= dict(zip(("equilibration", "production"), lengths, strict=True)) | {"snapshots": 1000}
    expected = perform(springs, tmp_path / "whole.h5", options)
    springs.save(tmp_path / "springs.h5")
    rng = np.random.default_rng()
    for _ in range(4):
        assert kill_sweep(
            tmp_path / "springs.h5", tmp_path / "run.h5", options, rng.integers(1, 45), rng.uniform(0, 0.2)
        )
    resumed = perform(springs, tmp_path / "run.h5", options)
    assert json.dumps(resumed.summary) == json.dumps(expected.summary)
    assert_same_files(tmp_path / "whole.h5", tmp_path / "run.h5")
