"""Trajectories: every format holds the same frames; H5MD as its specification says and as MDAnalysis reads it."""

from dataclasses import replace

import ase.io
import builders
import h5py
import numpy as np
import pytest

from anharmonic.errors import AnharmonicError, FileFormatError
from anharmonic.interfaces.trajectories import WRITERS, Frame, write_trajectory
from anharmonic.sweep.export import export


@pytest.fixture(scope="module")
def structure(springs):
    """A supercell whose atoms are in an order of their own."""
    found = builders.distorted(springs.crystal, [2, 2, 2], 1)
    order = np.random.default_rng(0).permutation(found.n_atoms).reshape(found.order.shape)
    return replace(found, order=order)


@pytest.fixture(scope="module")
def frames(springs):
    states = [builders.distorted(springs.crystal, [2, 2, 2], seed) for seed in range(3)]
    return [
        Frame(200 * (k + 1), 1000.0 * (k + 1), 300.0, k > 0, -0.5 * k, s.displacements, s.deformation)
        for k, s in enumerate(states)
    ]


@pytest.mark.parametrize("format", ["extxyz", "traj"])
def test_formats_of_ase(structure, frames, format, tmp_path):
    path = tmp_path / f"t.{format}"
    write_trajectory(path, structure, frames, format)
    for found, frame in zip(ase.io.read(path, ":"), frames, strict=True):
        expected = frame.configuration(structure).to_atoms()
        np.testing.assert_allclose(found.positions, expected.positions, atol=1e-7)
        np.testing.assert_allclose(found.cell.array, expected.cell.array, atol=1e-7)
        assert found.get_chemical_symbols() == expected.get_chemical_symbols()
        assert found.get_potential_energy() == frame.energy
        assert (found.info["step"], found.info["time_fs"], found.info["temperature_K"]) == (frame.step, frame.time, 300)
        assert bool(found.info["production"]) == frame.production


def test_h5md_layout(structure, frames, tmp_path):
    """Names, shapes and units of H5MD 1.1."""
    write_trajectory(tmp_path / "t.h5md", structure, frames, "h5md")
    with h5py.File(tmp_path / "t.h5md") as file:
        np.testing.assert_array_equal(file["h5md"].attrs["version"], [1, 1])
        assert file["h5md/author"].attrs["name"] and file["h5md/creator"].attrs["version"]
        box, position = file["particles/all/box"], file["particles/all/position"]
        assert box.attrs["dimension"] == 3 and list(box.attrs["boundary"]) == [b"periodic"] * 3
        assert position["value"].shape == (3, 40, 3) and box["edges/value"].shape == (3, 3, 3)
        assert position["value"].attrs["unit"] == box["edges/value"].attrs["unit"] == "Angstrom"
        assert position["time"].attrs["unit"] == "fs"
        np.testing.assert_array_equal(position["step"], [200, 400, 600])
        np.testing.assert_array_equal(position["time"], [1000, 2000, 3000])
        assert position["step"] == box["edges/step"] == file["observables/all/potential_energy/step"]
        assert list(file["particles/all/species"][:]) == list(structure.to_atoms().numbers)
        expected = frames[1].configuration(structure)
        np.testing.assert_allclose(position["value"][1], expected.to_atoms().positions, atol=1e-5)
        np.testing.assert_allclose(box["edges/value"][1], expected.cell)


def test_monte_carlo_has_no_unit_of_time(structure, frames, tmp_path):
    passes = [replace(frame, time=None) for frame in frames]
    write_trajectory(tmp_path / "t.h5md", structure, passes, "h5md")
    with h5py.File(tmp_path / "t.h5md") as file:
        np.testing.assert_array_equal(file["particles/all/position/time"], [200, 400, 600])
        assert "unit" not in file["particles/all/position/time"].attrs


def test_h5md_opens_in_mdanalysis(structure, frames, tmp_path):
    mda = pytest.importorskip("MDAnalysis")
    write_trajectory(tmp_path / "t.h5md", structure, frames, "h5md")
    universe = mda.Universe.empty(40)
    universe.load_new(str(tmp_path / "t.h5md"), format="H5MD")
    assert universe.trajectory.n_frames == 3
    for found, frame in zip(universe.trajectory, frames, strict=True):
        expected = frame.configuration(structure).to_atoms()
        np.testing.assert_allclose(found.positions, expected.positions, atol=1e-4)
        np.testing.assert_allclose(found.dimensions, expected.cell.cellpar(), rtol=1e-5)
        assert found.time == pytest.approx(frame.time / 1000)  # MDAnalysis counts in ps
    universe.trajectory.close()


def test_refusals(structure, frames, springs, tmp_path):
    with pytest.raises(AnharmonicError, match="formats of trajectories are extxyz, traj, h5md; found 'xtc'"):
        write_trajectory(tmp_path / "t", structure, frames, "xtc")
    springs.save(tmp_path / "potential.h5")
    with pytest.raises(FileFormatError, match="no run file of version 3"):
        export(tmp_path / "potential.h5", tmp_path / "t")
    (tmp_path / "text").write_text("no HDF5")
    with pytest.raises(FileFormatError, match="no run file, or damaged"):
        export(tmp_path / "text", tmp_path / "t")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["potential.h5", "text"]
    assert set(WRITERS) == {"extxyz", "traj", "h5md"}
