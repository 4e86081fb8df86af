"""Reading structures and tables, describing them, and the file of what was described."""

import gzip
import json

import ase.io
import h5py
import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator
from crystals import perovskite, random_crystal

from anharmonic.errors import AnharmonicError, FileFormatError
from anharmonic.screening import Entry, GridSettings, Library, describe, read_entries

CIF = """data_alloy
_cell_length_a 4
_cell_length_b 4
_cell_length_c 4
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_space_group_name_H-M_alt 'P 1'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_occupancy
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Cu1 Cu 0.5 0 0 0
Au1 Au 0.5 0 0 0
"""


@pytest.fixture
def files(tmp_path):
    """A CIF, a POSCAR, frames with energies, tables of every kind, and files that hold nothing good."""
    crystal = perovskite()
    ase.io.write(tmp_path / "one.cif", crystal)
    ase.io.write(tmp_path / "POSCAR", bulk("Si"), format="vasp")
    frames = [random_crystal(k) for k in range(3)]
    for k, frame in enumerate(frames):
        frame.info["bulk_modulus"] = 100.0 + k
    ase.io.write(tmp_path / "frames.extxyz", frames)
    plain = {"cell": crystal.cell.tolist(), "symbols": list(crystal.symbols), "frac": crystal.get_scaled_positions()
             .tolist()}  # fmt: skip
    matrix = {"lattice": {"matrix": plain["cell"]}, "sites": [
        {"species": [{"element": s, "occu": 1}], "abc": x} for s, x in zip(plain["symbols"], plain["frac"], strict=True)
    ]}  # fmt: skip
    records = [
        {"mp_id": "mp-1", "e_form": -3.5, "stable": True, "note": "x", **plain},
        {"task_id": "mp-2", "K": 7, "cif": (tmp_path / "one.cif").read_text()},
        {"structure": matrix, "K": float("nan")},
        {"id": 4, "colour": "blue"},
    ]
    (tmp_path / "table.json").write_text(json.dumps(records))
    with gzip.open(tmp_path / "table.jsonl.gz", "wt") as file:
        file.write("\n".join(json.dumps(r) for r in records) + "\n\n")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "broken.cif").write_text("data_\nloop_\n_atom_site_label\n")
    (tmp_path / "bad" / "alloy.cif").write_text(CIF)
    (tmp_path / "bad" / "empty.extxyz").write_text("")
    (tmp_path / "bad" / "cut.jsonl").write_text(json.dumps(records[0]) + "\n" + json.dumps(records[1])[:40] + "\n7\n")
    return tmp_path


def test_structures_are_read(files):
    """Names and numbers come with them."""
    entries, refused = read_entries([files / "one.cif", files / "POSCAR", files / "frames.extxyz"])
    assert not refused
    assert [e.name for e in entries] == ["one", "POSCAR", "frames#0", "frames#1", "frames#2"]
    twice, _ = read_entries([files / "one.cif", files / "one.cif"])
    assert [e.name for e in twice] == ["one", "one (2)"]
    assert entries[3].properties == {"bulk_modulus": 101.0}
    np.testing.assert_allclose(entries[0].atoms.get_volume(), 3.905**3, rtol=1e-6)


@pytest.mark.parametrize("name", ["table.json", "table.jsonl.gz"])
def test_tables_are_read(files, name):
    """Three ways to write a structure; a record without one is named."""
    entries, refused = read_entries([files / name])
    assert [e.name for e in entries] == ["mp-1", "mp-2", f"{name}#2"]
    assert [e.properties for e in entries] == [{"e_form": -3.5}, {"K": 7.0}, {}]
    for entry in entries:
        assert sorted(entry.atoms.symbols) == ["O", "O", "O", "Sr", "Ti"]
    assert [r.name for r in refused] == ["4"] and "cif, structure, cell" in refused[0].reason


def test_nothing_is_dropped_in_silence(files):
    """What cannot be read, and what cannot be described, is named with its reason."""
    entries, unread = read_entries([files / "bad"])
    described = describe([*entries, Entry("molecule", bulk("Cu").repeat(1))])
    reasons = {r.name.rsplit("/")[-1]: r.reason for r in (*unread, *described.refused)}
    assert set(reasons) == {"broken.cif", "alloy", "empty.extxyz", "cut.jsonl#1", "cut.jsonl#2"}
    assert described.names == ("mp-1", "molecule") and "found 7" in reasons["cut.jsonl#2"]
    assert "partly occupied" in reasons["alloy"]
    with pytest.raises(AnharmonicError, match="no file or folder"):
        read_entries([files / "nowhere"])
    (files / "hollow").mkdir()
    with pytest.raises(AnharmonicError, match="no structure under"):
        read_entries([files / "hollow"])


def test_energies_of_frames_are_properties(tmp_path):
    """ASE keeps them apart from the other numbers; an occupancy that is a number is no occupancy."""
    atoms = bulk("Cu")
    atoms.info["occupancy"] = 0.9
    atoms.calc = SinglePointCalculator(atoms, energy=-3.5)
    ase.io.write(tmp_path / "one.extxyz", atoms)
    entries, _ = read_entries([tmp_path / "one.extxyz"])
    assert entries[0].properties == {"energy": -3.5, "occupancy": 0.9} and len(describe(entries)) == 1


@pytest.fixture
def library():
    entries = [
        Entry("a", perovskite(), {"K": 170.0, "G": 110.0}),
        Entry("b", perovskite(5.87, "CsPbBr3"), {"K": 20.0}),
        Entry("c", bulk("Si")),
    ]
    return describe(entries, GridSettings(groups=20))


def test_what_is_described(library):
    """Shapes, formulas, volumes; unknown properties are NaN."""
    assert library.formulas == ("SrTiO3", "CsPbBr3", "Si") and len(library) == 3
    assert library.quantiles.shape == (3, 20, 12) and library.quantiles.dtype == np.float32
    np.testing.assert_allclose(library.quantiles[2, :5, 0], [2.3513] * 4 + [3.8397], atol=1e-3)
    np.testing.assert_allclose(library.volumes, [3.905**3 / 5, 5.87**3 / 5, 20.01], rtol=1e-3)
    assert library.shares[0, [8, 22, 38]] == pytest.approx([0.6, 0.2, 0.2])
    assert library.property("K")[:2].tolist() == [170.0, 20.0] and np.isnan(library.property("G")[1:]).all()
    part = library.part(library.property("K") > 100)
    assert part.names == ("a",) and part.property("G").tolist() == [110.0]
    with pytest.raises(AnharmonicError, match="no property 'E'; it has K, G"):
        library.property("E")


def test_the_file_holds_everything(library, tmp_path):
    path = tmp_path / "library.h5"
    library.save(path)
    found = Library.load(path)
    assert found.names == library.names and found.settings == library.settings and found.refused == library.refused
    for name in ("shares", "quantiles", "volumes", "properties"):
        np.testing.assert_array_equal(getattr(found, name), getattr(library, name))
        assert getattr(found, name).dtype == getattr(library, name).dtype


def test_damaged_files_are_refused(library, tmp_path):
    path = tmp_path / "library.h5"
    library.save(path)
    with h5py.File(path, "a") as file:
        file.attrs["version"] = 99
    with pytest.raises(FileFormatError, match="version 99"):
        Library.load(path)
    with h5py.File(path, "a") as file:
        file.attrs["format"] = "anharmonic run"
    with pytest.raises(FileFormatError, match="no anharmonic screening library; found anharmonic run"):
        Library.load(path)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(FileFormatError, match="damaged"):
        Library.load(path)
    with pytest.raises(FileNotFoundError):
        Library.load(tmp_path / "none.h5")


def test_an_empty_library_is_a_library(tmp_path):
    """All refused: it can still be written, read and asked."""
    found = describe([Entry("x", perovskite()[:0])])
    found.save(tmp_path / "empty.h5")
    assert len(Library.load(tmp_path / "empty.h5")) == 0 and found.refused[0].name == "x"
