"""``anharmonic screen``: what is written, what is said, what is refused."""

import csv
import json

import ase.io
import h5py
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from anharmonic.screening import Library

SALTS = {"NaCl": 5.64, "KCl": 6.29, "LiF": 4.03, "NaF": 4.63, "KBr": 6.6, "MgO": 4.21, "CaO": 4.81, "SrO": 5.16}
MODULI = {"NaCl": 24, "KCl": 18, "LiF": 70, "NaF": 47, "KBr": 15, "MgO": 155, "CaO": 110, "SrO": 88}


@pytest.fixture
def salts(tmp_path, monkeypatch):
    """A folder of rock salts, their moduli (GPa), and the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cifs").mkdir()
    for name, a in SALTS.items():
        ase.io.write(f"cifs/{name}.cif", bulk(name, "rocksalt", a=a))
    lines = ["name,K_VRH,G_VRH", *(f"{name},{k},{0.6 * k:.1f}" for name, k in MODULI.items())]
    (tmp_path / "moduli.csv").write_text("\n".join(lines) + "\n")
    ase.io.write("new.cif", bulk("RbCl", "rocksalt", a=6.58))
    return tmp_path


@pytest.fixture
def library(salts, call):
    done = call("screen", "grid", "cifs", "--properties", "moduli.csv", "--out", "salts.h5")
    assert done.code == 0, done
    return salts / "salts.h5"


def test_grid_writes_a_library(library, salts):
    found = Library.load(library)
    assert sorted(found.names) == sorted(SALTS) and found.property_names == ("K_VRH", "G_VRH")
    assert found.property("K_VRH")[found.names.index("MgO")] == 155


def test_grid_draws_a_single_structure(salts, call):
    done = call("screen", "grid", "new.cif", "--out", "one.h5")
    assert done.code == 0 and (salts / "one.png").stat().st_size > 10_000
    assert "1 structures" in done.out


def test_similar_names_the_nearest(library, salts, call):
    """Of RbCl: KCl; both parts of the distance add up."""
    done = call("screen", "similar", "new.cif", "--library", library, "-k", 3, "--structure", 2)
    assert done.code == 0, done
    found = json.loads((salts / "similar" / "similar.json").read_text())
    assert [r["rank"] for r in found] == [1, 2, 3] and found[0]["neighbour"] in ("KCl", "KBr")
    for record in found:
        assert record["distance"] == pytest.approx(2 * record["grid_emd_A"] + record["composition_emd"], rel=1e-4)
    rows = list(csv.DictReader((salts / "similar" / "similar.csv").open()))
    assert [r["neighbour"] for r in rows] == [r["neighbour"] for r in found]


def test_similar_compares_structures_with_each_other(salts, call):
    done = call("screen", "similar", "cifs", "-k", 1, "--out", "pairs")
    found = json.loads((salts / "pairs" / "similar.json").read_text())
    nearest = {r["structure"]: r["neighbour"] for r in found}
    assert done.code == 0 and nearest["CaO"] == "SrO" and all(k != v for k, v in nearest.items())
    assert (salts / "pairs" / "similar.png").exists()


@pytest.mark.parametrize("model", ["nearest", "boosting", "kernel"])
def test_modulus_predicts_and_explains(library, salts, call, model):
    done = call("screen", "modulus", "new.cif", "--library", library, "--model", model)
    assert done.code == 0, done
    (record,) = json.loads((salts / "modulus" / "predictions.json").read_text())
    assert 5 < record["K_VRH"] < 120 and len(record["neighbours"]) == 3
    assert record["neighbours"][0]["formula"] in ("KCl", "KBr")
    assert (salts / "modulus" / "predictions.csv").exists() and "8 of 8 entries" in done.out
    if model == "nearest":
        assert record["K_VRH"] == record["neighbours"][0]["K_VRH"]


def test_fitted_models_are_used_again(library, salts, call):
    arguments = "screen", "modulus", "new.cif", "--library", library, "--model", "kernel", "--fitted", "k.skops"
    outputs = []
    for text in ("wrote the models to k.skops", "models of k.skops"):
        done = call(*arguments)
        assert done.code == 0 and text in done.out
        outputs.append((salts / "modulus" / "predictions.json").read_text())
    assert outputs[0] == outputs[1]
    other = call("screen", "modulus", "new.cif", "--library", library, "--fitted", "k.skops")
    assert other.code == 2 and "EmdKernelRidge" in other.err


def test_validation_writes_errors_and_a_figure(library, salts, call):
    done = call("screen", "modulus", "--library", library, "--validate", "--folds", 4, "--property", "K_VRH")
    assert done.code == 0 and "Cross-validation, 4 folds" in done.out
    found = json.loads((salts / "modulus" / "validation.json").read_text())
    assert list(found) == ["K_VRH"] and found["K_VRH"]["count"] == 8
    assert (salts / "modulus" / "parity.png").stat().st_size > 10_000


def test_neighbours_without_a_value_say_so(salts, call):
    """Unknown moduli are not learnt from, and null in JSON."""
    (salts / "some.csv").write_text("name,K_VRH\nNaCl,24\nMgO,155\n")
    assert call("screen", "grid", "cifs", "--properties", "some.csv", "--out", "some.h5").code == 0
    done = call("screen", "modulus", "new.cif", "--library", "some.h5")
    (record,) = json.loads((salts / "modulus" / "predictions.json").read_text())
    assert done.code == 0 and record["K_VRH"] == 24 and "unknown" in done.out and "2 of 8 entries" in done.out
    assert record["neighbours"][0]["K_VRH"] is None


def test_far_structures_are_marked(library, salts, call):
    ase.io.write("gold.cif", bulk("Au", a=7.0))
    done = call("screen", "modulus", "gold.cif", "--library", library)
    assert "outside" in done.out and "warning: 1 of 1" in done.out


def test_refused_structures_are_named_and_the_others_kept(salts, call):
    (salts / "cifs" / "broken.cif").write_text("data_nothing\n")
    done = call("screen", "grid", "cifs")
    assert done.code == 0 and "refused" in done.err and "broken.cif" in done.err and "1 refused" in done.out
    assert len(Library.load(salts / "library.h5").refused) == 1


def test_fingerprints_are_drawn_and_kept(salts, call):
    """One figure, one row, one histogram for each structure."""
    done = call("screen", "fingerprint", "cifs/NaCl.cif", "cifs/KBr.cif", "--out", "fp", "--preset", "halides")
    assert done.code == 0, done
    rows = list(csv.DictReader((salts / "fp" / "fingerprints.csv").open()))
    assert [r["structure"] for r in rows] == ["NaCl", "KBr"] and "Na " in rows[0]["volumes_A3"]
    with h5py.File(salts / "fp" / "fingerprints.h5") as file:
        np.testing.assert_allclose(file["counts"][()].sum((1, 2)), 1, atol=1e-5)
        assert file["names"].asstr()[()].tolist() == ["NaCl", "KBr"]
    assert all((salts / "fp" / f"{name}.png").stat().st_size > 10_000 for name in ("NaCl", "KBr"))
    ase.io.write("wide.cif", bulk("KBr", "rocksalt", a=9.5))
    lost = call("screen", "fingerprint", "wide.cif", "--out", "fp2")
    assert lost.code == 0 and "try --preset halides" in lost.out


def test_refusals(library, salts, call):
    """One message and exit code 2."""
    ase.io.write("molecule.xyz", Atoms("H2", positions=[[0, 0, 0], [0, 0, 0.74]]))
    (salts / "odd.csv").write_text("name,K\nnobody,3\n")
    (salts / "words.csv").write_text("name,K\nMgO,hard\n")
    (salts / "twice.csv").write_text("name,K\nMgO,1\nMgO,2\n")
    cases = [
        (("grid", "nowhere.cif"), "no file or folder"),
        (("grid", "molecule.xyz"), "periodic in three directions"),
        (("grid", "cifs", "--properties", "odd.csv"), "'nobody'"),
        (("grid", "cifs", "--properties", "words.csv"), "no numbers"),
        (("grid", "cifs", "--groups", 0), "groups"),
        (("grid", "cifs", "--out", "none/library.h5"), "cannot be written"),
        (("grid", "cifs", "--properties", "twice.csv"), "names a structure twice"),
        (("similar", "new.cif"), "two structures or more"),
        (("similar", "new.cif", "--library", library, "-k", 0), "at least one neighbour"),
        (("similar", "new.cif", "--library", "new.cif"), "no screening library"),
        (("similar", "new.cif", "--library", "none.h5"), "none.h5"),
        (("similar", "cifs", "--structure", 0, "--composition", 0), "weights"),
        (("modulus", "--library", library), "nothing to do"),
        (("modulus", "new.cif", "--library", library, "--model", "magic"), "models are nearest"),
        (("modulus", "new.cif", "--library", library, "--property", "E"), "no property 'E'"),
        (("modulus", "new.cif", "--library", library, "--largest", 1), "at least 2 are needed"),
        (("modulus", "--library", library, "--validate", "--folds", 99), "folds"),
        (("modulus", "new.cif"), "library"),
        (("fingerprint", "molecule.xyz"), "periodic"),
        (("fingerprint", "new.cif", "--preset", "oxide"), "presets are oxides, halides"),
        (("fingerprint", "new.cif", "--order", 4), "Lebedev"),
    ]
    for arguments, message in cases:
        done = call("screen", *arguments)
        assert done.code == 2 and message in done.err and "Traceback" not in done.err, (arguments, done)
        assert done.err.splitlines()[-1].startswith("error: "), done.err


def test_missing_packages_are_named(salts, call, monkeypatch):
    """The core installs without the extras."""
    from anharmonic.screening import extras

    def missing(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(extras, "import_module", missing)
    done = call("screen", "grid", "new.cif")
    assert done.code == 2 and "pip install 'anharmonic[screening]'" in done.err and "vesin" in done.err


def test_help_teaches(call):
    for command in ("grid", "similar", "modulus", "fingerprint"):
        done = call("screen", command, "--help")
        assert done.code == 0 and f"anharmonic screen {command}" in done.out and np.char.count(done.out, "--") > 4
