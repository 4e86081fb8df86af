"""Sweeps and simulations end to end, small: files, tables, resumes."""

import json
import sys

import ase.io
import numpy as np
import pytest

from anharmonic.cli.progress import RunProgress

SHORT = ["--equilibration", 200, "--production", 400, "--quiet"]
STEPS_PER_CHUNK = 200


def sweep_arguments(springs, folder):
    return ["sweep", springs, "--supercell", 2, 2, 2, "--temperatures", "100:200:100", "--out", folder, *SHORT]


def stop_after(monkeypatch, n_chunks):
    """Interrupt the next run after some chunks, with a checkpoint after each."""
    seen = []

    def interrupt(self, progress, plan):
        seen.append(progress.step)
        if len(seen) == n_chunks:
            raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["anharmonic.sampling.run"], "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(RunProgress, "__call__", interrupt)


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """Folder that the sweep tests share."""
    return tmp_path_factory.mktemp("sweep")


def test_sweep(call, springs, swept):
    done = call(*sweep_arguments(springs, swept))
    assert done.code == 0, done.err
    summary = json.loads((swept / "summary.json").read_text())
    assert [p["temperature_K"] for p in summary["points"]] == [100, 200]
    keys = {"phase", "a", "b", "c", "errors", "tilt_in_phase", "tilt_anti_phase", "energy"}
    assert keys <= set(summary["points"][0])
    figures = [f"{name}.{ending}" for name in ("lattice", "order") for ending in ("png", "pdf")]
    assert all((swept / name).stat().st_size > 5000 for name in ("run.h5", *figures))
    assert "100  heating" in done.out and "drift" in done.out and "transition" in done.out


def test_sweep_is_reported_again(call, springs, swept):
    before = (swept / "summary.json").read_bytes()
    first = call(*sweep_arguments(springs, swept))
    assert first.code == 0 and (swept / "summary.json").read_bytes() == before


def test_run_file_of_other_options_is_refused(call, springs, swept):
    done = call(*sweep_arguments(springs, swept), "--seed", 1)
    assert done.code == 2 and "seed: file has 0, asked for 1" in done.err
    done = call("md", springs, "--supercell", 2, 2, 2, "--temperature", 100, "--out", swept)
    assert done.code == 2 and "other options" in done.err


def test_interrupted_sweep_ends_with_the_same_summary(call, springs, swept, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        stop_after(patch, 4)
        done = call(*sweep_arguments(springs, tmp_path))
        assert done.code == 130 and not (tmp_path / "summary.json").exists()
    assert "step 600 of 1200, to be continued" in call("info", tmp_path / "run.h5").out
    assert call(*sweep_arguments(springs, tmp_path)).code == 0
    assert (tmp_path / "summary.json").read_bytes() == (swept / "summary.json").read_bytes()


def test_monte_carlo_sweep_both_ways(call, springs, tmp_path):
    done = call(
        "sweep", springs, "--supercell", 4, 4, 4, "--temperatures", "200,400", "--method", "mc", "--direction", "both",
        "--equilibration", 40, "--production", 80, "--out", tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.err
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert [(p["temperature_K"], p["direction"]) for p in summary["points"]] == [
        (200, "heating"), (400, "heating"), (400, "cooling"), (200, "cooling"),
    ]  # fmt: skip
    assert "acceptance" in done.out and "400 K heating done, step 240 of 480" in done.err


@pytest.mark.parametrize("ensemble", ["nve", "nvt", "npt"])
def test_molecular_dynamics(call, springs, tmp_path, ensemble):
    done = call(
        "md", springs, "--supercell", 2, 2, 2, "--temperature", "100,150", "--ensemble", ensemble, "--snapshots", 200,
        "--out", tmp_path, *SHORT,
    )  # fmt: skip
    assert done.code == 0, done.err
    frames = ase.io.read(tmp_path / "trajectory.extxyz", ":")
    assert [f.info["step"] for f in frames] == list(range(STEPS_PER_CHUNK, 1201, STEPS_PER_CHUNK))
    assert [f.info["production"] for f in frames] == [False, True, True] * 2
    volumes = np.array([f.get_volume() for f in frames])
    assert (np.ptp(volumes) > 1e-3) == (ensemble == "npt")
    assert np.isfinite([f.get_potential_energy() for f in frames]).all()
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["ensemble"] == ensemble and "direction" not in summary["points"][0]
    assert abs(summary["points"][0]["drift_meV_per_atom_per_ps"]) < 0.5
    assert all((tmp_path / f"series.{ending}").stat().st_size > 5000 for ending in ("png", "pdf"))


def test_interrupted_dynamics_ends_with_the_same_snapshots(call, springs, tmp_path, monkeypatch):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    arguments = ["md", springs, "--supercell", 2, 2, 2, "--temperature", 100, "--snapshots", 200, *SHORT, "--out"]
    assert call(*arguments, whole).code == 0
    with monkeypatch.context() as patch:
        stop_after(patch, 3)
        assert call(*arguments, broken).code == 130
    assert not (broken / "trajectory.extxyz").exists()
    exported = call("export", broken / "run.h5", "--out", broken / "so-far.extxyz")
    assert exported.code == 0 and f"wrote 2 snapshots to {broken / 'so-far.extxyz'}" in exported.out
    assert [f.info["step"] for f in ase.io.read(broken / "so-far.extxyz", ":")] == [200, 400]
    one = call("export", broken / "run.h5", "--format", "lammps")
    assert one.code == 0 and f"wrote the snapshot of step 400 (100 K) to {broken / 'structure.data'}" in one.out
    head = (broken / "structure.data").read_text().splitlines()[0]
    assert head.startswith("springs") and head.endswith("step 400, 100 K; units metal; types 1 Cs, 2 Pb, 3 Br")
    assert call("export", broken / "run.h5", "--format", "gpumd", "--snapshot", 0).code == 0
    first = ase.io.read(broken / "so-far.extxyz", 0)
    np.testing.assert_allclose(ase.io.read(broken / "model.xyz").positions, first.positions, atol=1e-7)
    assert call("export", broken / "run.h5", "--snapshot", -2, "--out", broken / "one.extxyz").code == 0
    assert [f.info["step"] for f in ase.io.read(broken / "one.extxyz", ":")] == [200]
    missing = call("export", broken / "run.h5", "--snapshot", 2)
    assert missing.code == 2 and "has 2 snapshots, 0 to 1 or -1 backwards; found 2" in missing.err
    assert call(*arguments, broken).code == 0
    assert (broken / "trajectory.extxyz").read_bytes() == (whole / "trajectory.extxyz").read_bytes()
    assert (broken / "summary.json").read_bytes() == (whole / "summary.json").read_bytes()


def test_monte_carlo_from_a_structure(call, springs, crystal_file, tmp_path):
    atoms = ase.io.read(crystal_file).repeat(2)
    atoms.rattle(0.02, seed=1)
    atoms.rotate(30, "z", rotate_cell=True)
    ase.io.write(tmp_path / "start.extxyz", atoms)
    done = call(
        "mc", springs, "--structure", tmp_path / "start.extxyz", "--supercell", 4, 4, 4, "--temperature", 200,
        "--equilibration", 40, "--production", 80, "--snapshots", 0, "--out", tmp_path / "mc",
    )  # fmt: skip
    assert done.code == 0, done.err
    summary = json.loads((tmp_path / "mc" / "summary.json").read_text())
    assert summary["n_atoms"] == 320 and 0 < summary["points"][0]["acceptance"] < 1
    assert not (tmp_path / "mc" / "trajectory.extxyz").exists()
    assert "simulation (npt)" in call("info", tmp_path / "mc" / "run.h5").out
