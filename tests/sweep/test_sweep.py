"""Sweeps: what they report, that they compile once, and that nothing stops them for good."""

import json

import builders
import h5py
import numpy as np
import pytest
from killed import kill_sweep

import anharmonic as ah
from anharmonic.clusters import ClusterBasis
from anharmonic.errors import AnharmonicError, RunFileError
from anharmonic.sampling import MolecularDynamics, MonteCarlo
from anharmonic.sweep import SweepPlan

METHODS = ("md", "mc")


@pytest.fixture(scope="module")
def salt():
    """CsCl with springs: small and quick to compile."""
    basis = ClusterBasis(builders.cesium_chloride(), pairs=2, order=2)
    return builders.polynomial(basis, [[0.0, 6.0], [0.0, 3.0]], metadata={"name": "salt"})


def options(method, **changes):
    """Two temperatures on the way down; a few dozen chunks."""
    lengths = {"md": {"equilibration": 2000, "production": 4000}, "mc": {"equilibration": 400, "production": 800}}
    chosen = {"supercell": [2, 2, 2], "temperatures": [100, 200], "method": method, "direction": "cooling", "seed": 5}
    return chosen | lengths[method] | changes


@pytest.fixture(scope="module", params=METHODS)
def undisturbed(request, salt):
    """Method and result of a sweep without a file."""
    return request.param, ah.sweep(salt, **options(request.param))


def assert_same(one, other):
    """Bit for bit."""
    assert json.dumps(one.summary) == json.dumps(other.summary)
    for name, values in one.samples.items():
        np.testing.assert_array_equal(values, other.samples[name])


def test_killed_sweeps_resume(undisturbed, salt, tmp_path):
    """SIGKILL at a random moment, the same command again: the same summary, bit for bit."""
    method, expected = undisturbed
    salt.save(tmp_path / "salt.h5")
    file, rng, done = tmp_path / "run.h5", np.random.default_rng(), []
    kill_sweep(tmp_path / "salt.h5", file, options(method), rng.integers(8, 20), rng.uniform(0, 0.05))
    with h5py.File(file) as stopped:
        before = stopped.attrs["step"] // (200 if method == "md" else 40)
    resumed = ah.sweep(salt, file=file, on_chunk=lambda p, plan: done.append(p.step), **options(method))
    assert 0 < before < 60 and len(done) == 60 - before
    assert_same(expected, resumed)
    again = ah.sweep(salt, file=file, on_chunk=lambda p, plan: pytest.fail("it goes on"), **options(method))
    assert_same(expected, again)


def test_interrupted_sweeps_resume(undisturbed, salt, tmp_path, monkeypatch):
    """The same in this process, with an interruption after every few chunks."""
    monkeypatch.setattr("anharmonic.sampling.run.CHECKPOINT_SECONDS", 0.0)
    method, expected = undisturbed
    seen = []

    def interrupt(progress, plan):
        seen.append(progress.step)
        if len(seen) % 7 == 0:
            raise KeyboardInterrupt

    for _ in range(50):
        try:
            result = ah.sweep(salt, file=tmp_path / "run.h5", on_chunk=interrupt, **options(method))
            break
        except KeyboardInterrupt:
            assert (tmp_path / "run.h5").exists()
    assert len(seen) > len(set(seen)) > 30
    assert_same(expected, result)


def test_points(undisturbed):
    """One record per temperature, in the order of the run, with everything that summary.json promises."""
    method, result = undisturbed
    points = result.points()
    assert [(p["temperature_K"], p["direction"]) for p in points] == [(200, "cooling"), (100, "cooling")]
    for point in points:
        assert {"phase", "a", "b", "c", "errors", "energy", "n_samples"} <= set(point)
        assert point["n_samples"] == {"md": 200, "mc": 200}[method]
        dynamics = {"kinetic_temperature_K", "drift_meV_per_atom_per_ps"}
        assert (dynamics if method == "md" else {"acceptance", "strain_acceptance"}) <= set(point)
        assert abs(point["a"] - 4.12) < 0.1
    assert points[0]["energy"] > 1.5 * points[1]["energy"] > 0
    assert result.summary["supercell"] == [[2, 0, 0], [0, 2, 0], [0, 0, 2]]
    assert json.loads(json.dumps(result.summary)) == result.summary
    assert result.transitions() == []


@pytest.mark.parametrize("method", METHODS)
def test_one_trace_serves_all_temperatures(method, monkeypatch):
    """A fresh supercell: after a first temperature, six more at other temperatures trace nothing anew."""
    sampler, traced = {"md": MolecularDynamics, "mc": MonteCarlo}[method], []
    original = sampler.step

    def counted(self, *arguments):
        traced.append(type(self).__name__)
        return original(self, *arguments)

    monkeypatch.setattr(sampler, "step", counted)
    basis = ClusterBasis(builders.cesium_chloride(), pairs=2)
    salt, counts = builders.polynomial(basis, [[0.0, 6.0], [0.0, 3.0]]), []
    for temperatures, direction in (([150], "cooling"), ([100, 200, 250], "both")):
        ah.sweep(salt, [4, 3, 2], temperatures, direction=direction, method=method, equilibration=1, production=1)
        counts.append(len(traced))
    assert 0 < counts[0] == counts[1]


def test_sweep_of_a_perovskite(springs):
    """Tilts, lattice parameters and phase of a cubic crystal that stays cubic; heating starts at its ground state."""
    result = ah.sweep(springs, [2, 2, 2], [50, 100], equilibration=400, production=1000)
    assert [p["direction"] for p in result.points()] == ["heating", "heating"]
    for point in result.points():
        assert point["phase"].startswith("cubic") or "Pm-3m" in str(point["space_group"]), point
        assert len(point["tilt_in_phase"]) == len(point["tilt_anti_phase"]) == 3
        assert max(point["tilt_in_phase"] + point["tilt_anti_phase"]) < 3
        assert abs(point["kinetic_temperature_K"] - point["temperature_K"]) < 0.2 * point["temperature_K"]
        assert 0 < point["extrapolation"] <= 1 and 0 < point["extrapolation_mean"] < 1
        assert point["samples_outside"] == point["sites_outside"] == 0
    assert not any("outside" in warning for warning in result.summary["warnings"])


def test_run_files_of_other_options(salt, tmp_path):
    """The message names what differs, and only that."""
    file, short = tmp_path / "run.h5", {"equilibration": 1, "production": 1}
    ah.sweep(salt, file=file, **options("md", **short))
    before = file.read_bytes()
    changes = {"temperatures": [100, 300], "timestep": 2.0, "seed": 4, "cell": "isotropic", "pressure_GPa": 1.0}
    for name, value in changes.items():
        with pytest.raises(RunFileError, match=f"other options .{name}: file has .*, asked for") as caught:
            ah.sweep(salt, file=file, **options("md", **short, **{name: value}))
        assert ";" not in str(caught.value)
    with pytest.raises(RunFileError, match="method: file has md, asked for mc"):
        ah.sweep(salt, file=file, **options("mc", **short))
    other = builders.polynomial(salt.basis, [[0.0, 6.0], [0.0, 3.0 + 1e-12]], metadata=salt.metadata)
    with pytest.raises(RunFileError, match="potential: file has salt [0-9a-f]+, asked for salt [0-9a-f]+"):
        ah.sweep(other, file=file, **options("md", **short))
    assert file.read_bytes() == before


def test_contradictory_options(salt, potentials, tmp_path):
    for changes, message in (
        ({"method": "dft"}, "md, mc; found 'dft'"),
        ({"direction": "sideways"}, "heating, cooling, both; found 'sideways'"),
        ({"temperatures": []}, "above 0 K"),
        ({"temperatures": [0, 100]}, "above 0 K"),
        ({"temperatures": [100, 100]}, "distinct"),
        ({"cell": "monoclinic"}, "cell is one of"),
        ({"production": 0}, "production is at least one step"),
        ({"dtype": "float16"}, "float32, float64"),
        ({"supercell": [2, 2]}, "three integers or a 3x3 integer matrix"),
        ({"supercell": [2, 2, 0]}, "no volume"),
    ):
        with pytest.raises(AnharmonicError, match=message):
            ah.sweep(salt, **options("md") | changes)
    with pytest.raises(AnharmonicError, match="too small for parallel Monte Carlo"):
        ah.sweep(salt, **options("mc", supercell=[1, 1, 1]))
    with pytest.raises(AnharmonicError, match="sum over clusters.*--method md"):
        ah.sweep(potentials["site"], **options("mc"))
    (tmp_path / "file").touch()
    with pytest.raises(AnharmonicError, match="cannot write the run file"):
        ah.sweep(salt, file=tmp_path / "file" / "run.h5", **options("md"))


def test_plan_rounds_up_to_whole_chunks():
    plan = SweepPlan([4, 4, 4], [300, 100], direction="both", equilibration=1, production=201)
    assert (plan.equilibration, plan.production) == (200, 400)
    assert [(s.temperature, s.label) for s in plan.stages] == [
        (100, "heating"), (300, "heating"), (300, "cooling"), (100, "cooling"),
    ]  # fmt: skip
    assert all((s.equilibration, s.production) == (1, 2) for s in plan.stages)
