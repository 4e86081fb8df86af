"""The potential file: what is saved is what is loaded, and anything else is refused."""

import shutil

import builders
import equinox as eqx
import h5py
import jax
import numpy as np
import pytest
from builders import MATRICES, distorted

import anharmonic as ah
from anharmonic.errors import AnharmonicError, FileFormatError
from anharmonic.potential import library


@pytest.fixture(scope="module")
def saved(tmp_path_factory, springs):
    """A small potential file."""
    path = tmp_path_factory.mktemp("potential") / "springs.h5"
    springs.save(path)
    return path


@pytest.fixture
def copy(saved, tmp_path):
    """A copy to be damaged."""
    return shutil.copy(saved, tmp_path / "copy.h5")


def leaves(potential):
    """All arrays of a potential, with their data types."""
    arrays = jax.tree.leaves(eqx.filter(potential.lattice, eqx.is_array_like)) + list(potential.ranges)
    arrays += [] if potential.born is None else [potential.born.charges, potential.born.dielectric]
    crystal = potential.crystal
    return [np.asarray(x) for x in (*arrays, crystal.cell, crystal.positions, crystal.space_group.translations)]


@pytest.mark.parametrize("name", ["polynomial", "dipoles", "cluster", "site"])
def test_round_trip(potentials, name, tmp_path):
    """Bit for bit: every array, the basis, and a second generation of the file."""
    basis, rng = potentials[name].basis, np.random.default_rng(1)
    ranges = tuple(rng.normal(size=(len(i.degrees), 2)) for i in basis.invariants)
    metadata = {"name": "Zn\u00e9", "errors": {"force": 0.1, "sets": [1, None]}}
    original = ah.Potential(basis, potentials[name].model, ranges, metadata, born=potentials[name].born)
    original.save(tmp_path / "a.h5")
    loaded = ah.load(tmp_path / "a.h5")
    for one, other in zip(leaves(original), leaves(loaded), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    assert (loaded.metadata, loaded.born is None) == (original.metadata, name != "dipoles")
    assert loaded.basis.counts == original.basis.counts
    assert (loaded.basis.metric, loaded.basis.reduce) == (original.basis.metric, original.basis.reduce)
    assert loaded.crystal.species == original.crystal.species
    assert type(loaded.model) is type(original.model)
    loaded.save(tmp_path / "b.h5")
    with h5py.File(tmp_path / "a.h5") as a, h5py.File(tmp_path / "b.h5") as b:
        assert a.attrs["sha256"] == b.attrs["sha256"]


def test_loaded_potential_evaluates_equally(potentials, tmp_path):
    """Bit-equal results, in a copy of the arrays that shares nothing with the original."""
    original = potentials["cluster"]
    original.save(tmp_path / "a.h5")
    state = distorted(original.crystal, MATRICES["untidy"], 1)
    one, other = original.evaluate(state), ah.load(str(tmp_path / "a.h5")).evaluate(state)
    for key in one:
        np.testing.assert_array_equal(one[key], other[key])


def test_no_pickle(saved):
    """Neither object data sets nor opaque bytes; text is JSON or a name."""
    kinds = set()

    def visit(name, node):
        if isinstance(node, h5py.Dataset):
            kinds.add("string" if h5py.check_string_dtype(node.dtype) else node.dtype.kind)

    with h5py.File(saved) as file:
        file.visititems(visit)
    assert kinds <= {"f", "i", "u", "string"}
    assert b"\x80\x04\x95" not in saved.read_bytes()


def test_unknown_version(copy):
    with h5py.File(copy, "a") as file:
        file.attrs["version"] = 99
    with pytest.raises(FileFormatError, match="version 99.*anharmonic reads 1 to 4"):
        ah.load(copy)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.7, 0.99])
def test_truncated(copy, share):
    content = copy.read_bytes()
    copy.write_bytes(content[: int(share * len(content))])
    with pytest.raises(FileFormatError, match="copy.h5 is no readable HDF5 file .truncated or damaged"):
        ah.load(copy)


def edit_weight(file):
    node = file["model/terms/0001/weights"]
    values = node[()]
    values[1] = np.nextafter(values[1], np.inf)
    node[...] = values


def edit_text(file):
    node = file["crystal/species"]
    node[()] = node.asstr()[()].replace("Cs", "Rb")


def edit_attribute(file):
    file["model"].attrs["class"] = "SiteModel"


def edit_index(file):
    node = file["orbits/0000/offsets"]
    values = node[()]
    values.flat[0] += 1
    node[...] = values


def remove_ranges(file):
    del file["ranges"]


def remove_deep(file):
    del file["orbits/0002/permutations"]


def add_data(file):
    file["model/more"] = np.zeros(3)


@pytest.mark.parametrize(
    "edit", [edit_weight, edit_text, edit_attribute, edit_index, remove_ranges, remove_deep, add_data]
)
def test_edited(copy, edit):
    """The last bit of one weight is enough."""
    with h5py.File(copy, "a") as file:
        edit(file)
    with pytest.raises(FileFormatError, match="was edited or damaged"):
        ah.load(copy)


@pytest.mark.parametrize("edit", [remove_ranges, remove_deep, edit_attribute, add_data])
def test_wrong_contents_with_a_valid_checksum(copy, edit):
    """A file of another program, or of a version to come: refused by its contents."""
    from anharmonic.records import digest

    with h5py.File(copy, "a") as file:
        edit(file)
        file.attrs["sha256"] = digest(file)
    with pytest.raises(FileFormatError, match="lacks part|has fields|unknown record"):
        ah.load(copy)


def test_other_files(tmp_path):
    other, text, empty = tmp_path / "other.h5", tmp_path / "text.h5", tmp_path / "empty.h5"
    with h5py.File(other, "w") as file:
        file["data"] = np.arange(3)
    text.write_text("cell_parameters")
    empty.touch()
    with pytest.raises(FileFormatError, match="is no potential file: its format is None"):
        ah.load(other)
    for path in (text, empty):
        with pytest.raises(FileFormatError, match="no readable HDF5 file"):
            ah.load(path)


def stored_places(path):
    """Place in the file of the bytes of every array, and how many they are."""
    places = []

    def visit(name, node):
        if isinstance(node, h5py.Dataset) and not h5py.check_string_dtype(node.dtype) and node.size:
            chunk = node.id.get_chunk_info(0) if node.chunks else None
            places.append((chunk.byte_offset, chunk.size) if chunk else (node.id.get_offset(), node.nbytes))

    with h5py.File(path) as file:
        file.visititems(visit)
    return places


def test_flipped_bytes(saved, tmp_path):
    """One flipped bit in any array is noticed."""
    content, path, rng = saved.read_bytes(), tmp_path / "flipped.h5", np.random.default_rng(2)
    places = stored_places(saved)
    assert len(places) > 50
    for start, length in places:
        position, bit = start + rng.integers(length), 1 << rng.integers(8)
        path.write_bytes(content[:position] + bytes([content[position] ^ bit]) + content[position + 1 :])
        with pytest.raises(FileFormatError, match="damaged"):
            ah.load(path)


def test_saving_replaces_only_when_it_succeeds(copy, springs):
    """A failure in the middle leaves the old file and nothing else."""
    before = copy.read_bytes()
    broken = ah.Potential(springs.basis, springs.model, springs.ranges, {"what": object()})
    with pytest.raises(TypeError):
        broken.save(copy)
    assert copy.read_bytes() == before
    assert [p.name for p in copy.parent.iterdir()] == ["copy.h5"]
    other = builders.spring_perovskite(springs.crystal, ranges=False)
    other.save(copy)
    assert ah.load(copy).ranges == ()
    assert [p.name for p in copy.parent.iterdir()] == ["copy.h5"]


def test_unknown_name_lists_the_shipped_ones(tmp_path, monkeypatch, springs):
    monkeypatch.setattr(library, "library_folder", lambda: tmp_path)
    with pytest.raises(AnharmonicError, match="no potential 'Foo'.*none"):
        ah.load("Foo")
    (tmp_path / "Springs").mkdir()
    springs.save(tmp_path / "Springs" / "Springs.h5")
    assert ah.shipped() == ["Springs"]
    assert ah.load("Springs").name == "springs"
    with pytest.raises(AnharmonicError, match="no potential '/no/such.h5'.*Springs"):
        ah.load("/no/such.h5")
