"""The data set file gives everything back, refuses what is damaged, and is read fast."""

import hashlib
import time
from dataclasses import replace

import ase.io
import h5py
import numpy as np
import pytest

from anharmonic.conventions import GPA
from anharmonic.data import Dataset
from anharmonic.data.remapping import remapped
from anharmonic.data.storage import FORMAT, is_dataset_file, load_crystal
from anharmonic.errors import DatasetError, FileFormatError

C20 = [[1, -1, 0], [1, 1, 0], [0, 0, 2]]


@pytest.fixture
def cspbbr3(perovskite):
    return perovskite("Cs", "Pb", "Br", 5.868)


@pytest.fixture
def mixed(labelled, tmp_path, cspbbr3):
    """Two supercells, missing labels, info of many kinds, one refusal, a stress offset."""
    frames = labelled(4) + labelled(3, C20, seed=3) + labelled(2, forces=False, seed=7)
    for index, atoms in enumerate(frames):
        atoms.info = {"phase": "hot", "index": index, "weight": 0.5, "converged": True, "q": np.arange(6.0)}
    frames[1].calc.results.pop("energy")
    frames[2].calc.results.pop("stress")
    foreign = frames[0].copy()
    foreign.symbols[0] = "Rb"
    ase.io.write(tmp_path / "mixed.extxyz", [*frames, foreign])
    return Dataset.read(tmp_path / "mixed.extxyz", cspbbr3, stress_offset=0.3 * GPA)


def assert_identical(one, other):
    """Equal to the last bit."""
    assert one.refusals == other.refusals and one.energy_offset == other.energy_offset
    assert len(one) == len(other) and list(one.energy_offset) == list(other.energy_offset)
    for a, b in zip(one, other, strict=True):
        for name in ("energy", "group", "phase", "source", "trajectory", "energy_name", "sha256", "missing"):
            assert getattr(a, name) == getattr(b, name), name
        assert a.info.keys() == b.info.keys()
        for key in a.info:
            np.testing.assert_array_equal(a.info[key], b.info[key])
        for name in {"forces", "stress"} - set(a.missing):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
        for name in ("deformation", "displacements", "order"):
            np.testing.assert_array_equal(getattr(a.configuration, name), getattr(b.configuration, name))
        np.testing.assert_array_equal(a.configuration.supercell.matrix, b.configuration.supercell.matrix)


def test_everything_comes_back(mixed, tmp_path):
    mixed.save(tmp_path / "set.h5")
    found = Dataset.load(tmp_path / "set.h5")
    assert len(mixed) == 9 and len(mixed.refusals) == 1
    assert {frame.missing for frame in mixed} == {(), ("energy",), ("stress",), ("forces",)}
    assert_identical(mixed, found)
    assert_identical(mixed, Dataset.read(tmp_path / "set.h5", mixed.crystal))
    (_, _), (one, other) = ([b.supercell.matrix.tolist() for b in d.batches()] for d in (mixed, found))
    assert one != other
    part = mixed.subset([5, 1])
    part.save(tmp_path / "part.h5")
    assert_identical(part, Dataset.load(tmp_path / "part.h5"))
    Dataset(mixed.crystal, ()).save(tmp_path / "empty.h5")
    assert len(Dataset.load(tmp_path / "empty.h5")) == 0


def test_provenance(mixed, tmp_path):
    mixed.save(tmp_path / "set.h5")
    text = (tmp_path / "mixed.extxyz").read_bytes()
    frame = Dataset.load(tmp_path / "set.h5").frames[5]
    assert (frame.file, frame.step) == (str(tmp_path / "mixed.extxyz"), 5)
    assert frame.sha256 == hashlib.sha256(text).hexdigest() and frame.energy_name == "energy"
    assert frame.info["index"] == 5 and frame.info["stress_offset"] == 0.3 * GPA


def test_names_of_energies(labelled, cspbbr3, tmp_path):
    frames = labelled(1)
    atoms, forces = frames[0], frames[0].calc.results["forces"]
    atoms.calc = None
    atoms.info["dft_energy"], atoms.arrays["dft_forces"] = -66.0, forces
    ase.io.write(tmp_path / "a.extxyz", atoms)
    (frame,) = Dataset.read(tmp_path / "a.extxyz", cspbbr3)
    assert (frame.energy_name, frame.energy) == ("dft_energy", -66.0)


def test_with_other_files(mixed, labelled, tmp_path):
    mixed.save(tmp_path / "set.h5")
    ase.io.write(tmp_path / "more.extxyz", labelled(2, seed=20))
    both = Dataset.read([tmp_path / "more.extxyz", tmp_path / "set.h5"], mixed.crystal)
    assert len(both) == 11 and both.frames[0].source == mixed.frames[0].source
    assert_identical(Dataset(mixed.crystal, both.frames[:9], mixed.refusals, mixed.energy_offset), mixed)


def test_stress_offsets_are_not_taken_off_twice(mixed, labelled, tmp_path):
    mixed.save(tmp_path / "set.h5")
    with pytest.raises(DatasetError, match="already subtracted"):
        Dataset.read(tmp_path / "set.h5", mixed.crystal, stress_offset=0.3 * GPA)
    ase.io.write(tmp_path / "plain.extxyz", labelled(2))
    plain = Dataset.read(tmp_path / "plain.extxyz", mixed.crystal)
    plain.save(tmp_path / "plain.h5")
    later = Dataset.read(tmp_path / "plain.h5", mixed.crystal, stress_offset=0.3 * GPA)
    at_once = Dataset.read(tmp_path / "plain.extxyz", mixed.crystal, stress_offset=0.3 * GPA)
    assert_identical(later, at_once)


def test_other_crystals(mixed, perovskite, tmp_path):
    mixed.save(tmp_path / "set.h5")
    longer = perovskite("Cs", "Pb", "Br", 5.9)
    with pytest.raises(DatasetError, match="another reference crystal .CsPbBr3.*map it anew"):
        Dataset.read(tmp_path / "set.h5", longer)
    found = remapped(mixed, longer)
    assert len(found) == 9 and remapped(mixed, mixed.crystal) is mixed
    for a, b in zip(mixed, found, strict=True):
        assert (a.source, a.sha256, a.trajectory, a.phase, a.group) == (
            b.source,
            b.sha256,
            b.trajectory,
            b.phase,
            b.group,
        )
        one, other = a.to_atoms(), b.to_atoms()
        np.testing.assert_allclose(one.get_all_distances(mic=True), other.get_all_distances(mic=True), atol=1e-8)
        if a.forces is not None:
            np.testing.assert_allclose(one.calc.results["forces"], other.calc.results["forces"], atol=1e-12)
        assert a.configuration.volume == pytest.approx(b.configuration.volume)
    assert found.frames[0].configuration.deformation[0, 0] != mixed.frames[0].configuration.deformation[0, 0]
    with pytest.raises(DatasetError, match="no frame of the data set fits SrTiO3"):
        remapped(mixed, perovskite("Sr", "Ti", "O", 3.9))
    loaded = load_crystal(tmp_path / "set.h5")
    np.testing.assert_array_equal(loaded.cell, mixed.crystal.cell)


def test_damage_is_found(mixed, tmp_path):
    whole = tmp_path / "set.h5"
    mixed.save(whole)

    def refused(name, message, edit=None, size=None):
        path = tmp_path / name
        path.write_bytes(whole.read_bytes()[:size])
        if edit:
            with h5py.File(path, "r+") as file:
                edit(file)
        with pytest.raises(FileFormatError, match=message):
            Dataset.load(path)

    def change(file):
        file["frames/0000/energy"][0] += 1.0

    def lose(file):
        del file["frames/0001"]

    refused("edited.h5", "do not match its checksum", change)
    refused("lost.h5", "do not match its checksum", lose)
    refused("renamed.h5", "do not match its checksum", lambda file: file.move("refusals", "refused"))
    refused("newer.h5", "format version 2", lambda file: file.attrs.update(version=2))
    refused("other.h5", "no data set: its format is 'x'", lambda file: file.attrs.update(format="x"))
    refused("cut.h5", "truncated", size=4000)
    (tmp_path / "text.h5").write_text("hello")
    with pytest.raises(FileFormatError, match="no readable HDF5"):
        Dataset.load(tmp_path / "text.h5")
    with pytest.raises(FileNotFoundError):
        Dataset.load(tmp_path / "nothing.h5")
    assert is_dataset_file(whole) and not is_dataset_file(tmp_path / "text.h5") and FORMAT == "anharmonic dataset"
    assert not is_dataset_file(tmp_path / "other.h5") and not is_dataset_file(tmp_path)


def test_what_no_file_can_keep(mixed, tmp_path):
    odd = replace(mixed.frames[0], info={"thing": {1, 2}})
    with pytest.raises(DatasetError, match="holds what no file can keep"):
        Dataset(mixed.crystal, [odd]).save(tmp_path / "odd.h5")
    assert not list(tmp_path.glob("*odd*"))


def test_thousands_of_frames_in_seconds(mixed, tmp_path):
    few = [frame for frame in mixed.frames if not frame.missing]
    many = [replace(few[k % len(few)], source=f"run{k // 500}/vasprun.xml:{k % 500}") for k in range(10000)]
    Dataset(mixed.crystal, many).save(tmp_path / "many.h5")
    started = time.process_time()
    found = Dataset.read(tmp_path / "many.h5", mixed.crystal)
    assert time.process_time() - started < 5
    assert len(found) == 10000 and [f.source for f in found.frames[:3]] == [f.source for f in many[:3]]
