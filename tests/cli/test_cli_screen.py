"""``anharmonic screen``: what is written, what is said, what is refused."""

import csv
import json
from itertools import product
from pathlib import Path

import ase.io
import h5py
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from anharmonic.screening import Library
from anharmonic.screening.generator.latent import LatentSpace

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
    assert done.code == 0 and (salts / "one-grid.png").stat().st_size > 10_000
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


def predictions(folder):
    return {r["property"]: r for r in json.loads((folder / "modulus" / "predictions.json").read_text())}


@pytest.mark.parametrize("model", ["nearest", "kernel"])
def test_modulus_predicts_and_explains(library, salts, call, model):
    """RbCl from KCl or KBr."""
    done = call("screen", "modulus", "new.cif", "--library", library, "--model", model)
    assert done.code == 0, done
    record = predictions(salts)["K_VRH"]
    assert 10 < record["value"] < 35 and len(record["neighbours"]) == 3 and not record["outside"]
    assert record["neighbours"][0]["formula"] in ("KCl", "KBr")
    assert (salts / "modulus" / "predictions.csv").exists() and "8 of 8 entries" in done.out
    if model == "nearest":
        assert record["value"] == record["neighbours"][0]["value"]
        assert predictions(salts)["G_VRH"]["value"] == pytest.approx(0.6 * record["value"], abs=0.06)


def test_all_neighbours_of_a_mean_are_named(library, salts, call):
    done = call("screen", "modulus", "new.cif", "--library", library, "-k", 5)
    near = predictions(salts)["K_VRH"]["neighbours"]
    weights = 1 / np.array([n["distance"] for n in near])
    expected = weights @ [n["value"] for n in near] / weights.sum()
    assert (
        done.code == 0 and len(near) == 5 and predictions(salts)["K_VRH"]["value"] == pytest.approx(expected, rel=1e-4)
    )


def test_fitted_models_are_used_again(library, salts, call):
    """Only for the library and the options they were fitted with."""
    arguments = "screen", "modulus", "new.cif", "--library", library, "--fitted", "k.skops", "--model"
    outputs = []
    for text in ("wrote the models to k.skops", "models of k.skops"):
        done = call(*arguments, "kernel")
        assert done.code == 0 and text in done.out
        outputs.append((salts / "modulus" / "predictions.json").read_text())
    assert outputs[0] == outputs[1]
    assert call("screen", "grid", "cifs", "--properties", "moduli.csv", "--out", "s50.h5", "--groups", 50).code == 0
    others = [((*arguments, "nearest"), "model 'kernel' there, 'nearest' here"),
              ((*arguments, "kernel", "--seed", 3), "seed 0 there, 3 here"),
              ((*arguments[:4], "s50.h5", *arguments[5:], "kernel"), "library ")]  # fmt: skip
    for other, message in others:
        done = call(*other)
        assert done.code == 2 and "another origin" in done.err and message in done.err, done


def test_validation_writes_errors_and_a_figure(library, salts, call):
    done = call("screen", "modulus", "--library", library, "--validate", "--folds", 4, "--property", "K_VRH")
    assert done.code == 0 and "Cross-validation, 4 folds" in done.out
    found = json.loads((salts / "modulus" / "validation.json").read_text())
    assert list(found) == ["K_VRH"] and found["K_VRH"]["count"] == 8
    assert (salts / "modulus" / "parity.png").stat().st_size > 10_000


def test_small_and_constant_values_can_be_validated(salts, call):
    """Any positive property: nothing knows of GPa; what is not defined is null."""
    lines = "name,gap,same", *(f"{name},{0.001 * k},7" for name, k in MODULI.items())
    (salts / "gaps.csv").write_text("\n".join(lines) + "\n")
    assert call("screen", "grid", "cifs", "--properties", "gaps.csv", "--out", "gaps.h5").code == 0
    options = "--property", "gap", "--property", "same", "--folds", 4
    done = call("screen", "modulus", "--library", "gaps.h5", "--validate", *options)
    found = json.loads((salts / "modulus" / "validation.json").read_text())
    assert done.code == 0 and found["same"]["r2"] is None and 0 < found["gap"]["mae"] < 0.1


def test_only_what_is_known_explains(salts, call):
    """Crystals without a usable value are not learnt from, and not named as a reason."""
    (salts / "some.csv").write_text("name,K_VRH\nNaCl,24\nMgO,155\nKCl,-5\nKBr,900\nCaO,\n")
    assert call("screen", "grid", "cifs", "--properties", "some.csv", "--out", "some.h5").code == 0
    done = call("screen", "modulus", "new.cif", "--library", "some.h5")
    record = predictions(salts)["K_VRH"]
    assert done.code == 0 and record["value"] == 24 and "2 of 8 entries" in done.out
    assert [n["formula"] for n in record["neighbours"]] == ["NaCl", "MgO"]


def test_far_structures_are_marked(library, salts, call):
    ase.io.write("gold.cif", bulk("Au", a=7.0))
    done = call("screen", "modulus", "gold.cif", "--library", library)
    assert "outside" in done.out and "warning: 2 of 2" in done.out


def test_folders_of_one_name_are_told_apart(salts, call):
    """A folder of calculations: names are paths, also for properties."""
    for name in ("NaCl", "KCl"):
        (salts / "runs" / name).mkdir(parents=True)
        ase.io.write(salts / "runs" / name / "POSCAR", bulk(name, "rocksalt", a=SALTS[name]), format="vasp")
    (salts / "runs.csv").write_text("name,K_VRH\nNaCl/POSCAR,24\nKCl/POSCAR,18\n")
    assert call("screen", "grid", "runs", "--properties", "runs.csv", "--out", "runs.h5").code == 0
    found = Library.load(salts / "runs.h5")
    assert dict(zip(found.names, found.property("K_VRH"), strict=True)) == {"NaCl/POSCAR": 24, "KCl/POSCAR": 18}


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
    (salts / "header.csv").write_text("name,K,K\nMgO,1,2\n")
    (salts / "short.csv").write_text("name,K\nMgO\n")
    (salts / "latin.csv").write_bytes("name,K\nMgO,1 \xe9\n".encode("latin-1"))
    (salts / "twice.csv").write_text("name,K\nMgO,1\nMgO,2\n")
    cases = [
        (("grid", "nowhere.cif"), "no file or folder"),
        (("grid", "molecule.xyz"), "periodic in three directions"),
        (("grid", "cifs", "--properties", "odd.csv"), "'nobody'"),
        (("grid", "cifs", "--properties", "words.csv"), "row 2, column 'K' is a finite number or empty; found 'hard'"),
        (("grid", "cifs", "--properties", "header.csv"), "distinct names"),
        (("grid", "cifs", "--properties", "short.csv"), "row 2 has 1 cells; the header has 2"),
        (("grid", "cifs", "--properties", "latin.csv"), "UTF-8"),
        (("grid", "cifs", "--cutoff", "inf"), "finite"),
        (("grid", "cifs", "--cutoff", 1e13), "memory"),
        (("grid", "cifs", "--smearing", 1e9), "smearing"),
        (("grid", "new.cif", "--figure", "x.foo"), ".png, .pdf, .svg"),
        (("grid", "new.cif", "--out", "x.png", "--figure", "x.png"), "file of its own"),
        (("similar", "cifs", "--structure", "nan"), "weights"),
        (("modulus", "new.cif", "--library", library, "--seed", -1), "seed"),
        (("modulus", "new.cif", "--library", library, "--model", "boosting"), "at least 50 entries"),
        (("modulus", "new.cif", "--library", library, "--fitted", "none/k.skops"), "cannot be written"),
        (("modulus", "new.cif", "--library", library, "--fitted", "moduli.csv"), "no file of models"),
        (("grid", "cifs", "--groups", 0), "groups"),
        (("grid", "cifs", "--out", "none/library.h5"), "cannot be written"),
        (("grid", "cifs", "--properties", "twice.csv"), "names a structure twice"),
        (("similar", "new.cif"), "two structures or more"),
        (("similar", "new.cif", "--library", library, "-k", 0), "at least one neighbour"),
        (("similar", "new.cif", "--library", "new.cif"), "no anharmonic screening library"),
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
        (("formation-energy", "new.cif"), "a compound ABX3 of three elements is expected; found RbCl"),
        (("formation-energy", "new.cif", "--predictor", "new.cif"), "formation energy predictor"),
        (("formation-energy", "new.cif", "-k", 0), "neighbours"),
    ]
    for arguments, message in cases:
        done = call("screen", *arguments)
        assert done.code == 2 and message in done.err and "Traceback" not in done.err, (arguments, done)
        assert done.err.splitlines()[-1].startswith("error: "), done.err


def test_formation_energies_with_their_reasons(salts, call):
    """Of three titanates: values, doubts where there is reason, similar compounds; what is no ABX3 is named."""
    for name, a in (("SrTiO3", 3.91), ("BaTiO3", 4.01), ("swollen", 4.9)):
        symbols = "SrTiO3" if name == "swollen" else name
        places = [[0, 0, 0], [0.5] * 3, [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
        ase.io.write(f"{name}.cif", Atoms(symbols, cell=[a] * 3, scaled_positions=places, pbc=True))
    done = call("screen", "formation-energy", "SrTiO3.cif", "BaTiO3.cif", "swollen.cif", "new.cif", "-k", 2)
    assert done.code == 0 and "refused new" in done.err, done
    found = json.loads((salts / "formation-energy" / "formation-energy.json").read_text())
    by_name = {record["structure"]: record for record in found["predictions"]}
    assert "CC-BY-4.0" in found["predictor"]["data"]
    assert by_name["SrTiO3"]["value"] == pytest.approx(-3.35, abs=0.03) and not by_name["SrTiO3"]["doubts"]
    assert by_name["swollen"]["doubts"] and len(by_name["BaTiO3"]["similar"]) == 2
    rows = list(csv.DictReader((salts / "formation-energy" / "formation-energy.csv").open()))
    assert [row["A"] + row["B"] + row["X"] for row in rows] == ["SrTiO", "BaTiO", "SrTiO"]
    assert (salts / "formation-energy" / "formation-energy.png").stat().st_size > 5000


def test_missing_packages_are_named(salts, call, monkeypatch):
    """The core installs without the extras."""
    from anharmonic.screening import extras

    def missing(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(extras, "import_module", missing)
    done = call("screen", "grid", "new.cif")
    assert done.code == 2 and "pip install 'anharmonic[screening]'" in done.err and "vesin" in done.err


def test_help_teaches(call):
    for command in (
        "grid",
        "similar",
        "modulus",
        "formation-energy",
        "perovskite",
        "generate",
        "candidates",
        "relax",
        "promote",
    ):
        done = call("screen", command, "--help")
        assert done.code == 0 and f"anharmonic screen {command}" in done.out and np.char.count(done.out, "--") > 4


def write_oxides(path, more=()):
    """Fifteen cubic oxides with formation energies; the last one again with other values."""
    records = []
    for k, names in enumerate(product(("Na", "K", "Ca", "Sr", "Ba"), ("Ti", "Zr", "Nb"))):
        places = [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
        cell, symbols = (np.eye(3) * (3.8 + 0.03 * k)).tolist(), [*names, "O", "O", "O"]
        records.append({"id": k, "cell": cell, "symbols": symbols, "frac": places, "e_form_eV_atom": -3 + 0.1 * k})
    records.extend(records[-1] | other for other in more)
    Path(path).write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


def test_generate_by_substitution(tmp_path, monkeypatch, call):
    """All that is proposed is in the table, known compounds do not pass, the best are files, a seed gives the same."""
    monkeypatch.chdir(tmp_path)
    write_oxides("all.jsonl")
    Path("known.jsonl").write_text("".join(Path("all.jsonl").read_text().splitlines(keepends=True)[:4]))
    write_oxides(
        "more.jsonl", ({"id": "bare", "e_form_eV_atom": None}, {"id": "ATiTi3", "symbols": ["Sr"] + 4 * ["Ti"]})
    )
    options = "--substitute", "more.jsonl", "--known", "known.jsonl", "--element", "X=O", "--proposals", 40, "--n", 3
    done = call("screen", "generate", *options, "--out", "one")
    assert done.code == 0 and "generated" in done.out, done
    assert "2 of 17 structures are no parents" in done.err, done.err
    rows = list(csv.DictReader((tmp_path / "one" / "candidates.csv").open()))
    passed = [row for row in rows if row["passed"] == "yes"]
    assert len(rows) <= 40 and all(row["x"] == "O" for row in rows) and all(row["parents"] for row in rows)
    assert all(row["reasons"] for row in rows if row["passed"] == "no")
    assert all("known" not in row["novelty"].split(":")[0] or "new" in row["novelty"] for row in passed)
    files = sorted(path.name for path in (tmp_path / "one" / "passed").glob("*.cif"))
    lines = [json.loads(line) for line in (tmp_path / "one" / "passed.jsonl").read_text().splitlines()]
    assert len(files) == len(lines) == min(3, len(passed)) > 0
    assert [line["name"] for line in lines] == [row["name"] for row in passed[:3]]
    assert lines[0]["e_form_eV_atom"] == min(line["e_form_eV_atom"] for line in lines)
    assert call("screen", "generate", *options, "--out", "two", "--quiet").code == 0
    assert (tmp_path / "two" / "candidates.csv").read_bytes() == (tmp_path / "one" / "candidates.csv").read_bytes()


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("nothing",), "train-generator"),
        (("--element", "X"), "SITE=SYMBOLS"),
        (("--substitute", "bare.jsonl", "--known", "bare.jsonl"), "e_form_eV_atom"),
        (("--substitute", "known.jsonl", "--known", "known.jsonl", "--element", "Y=O"), "sites are A, B, X"),
        (("--substitute", "known.jsonl", "--known", "known.jsonl", "--warn", "luck"), "no screen is called 'luck'"),
    ],
    ids=["no training", "element", "no energies", "site", "screen"],
)
def test_generate_says_what_is_wrong(tmp_path, monkeypatch, call, arguments, message):
    monkeypatch.chdir(tmp_path)
    write_oxides("known.jsonl")
    text = (tmp_path / "known.jsonl").read_text().replace("e_form_eV_atom", "energy")
    (tmp_path / "bare.jsonl").write_text(text)
    done = call("screen", "generate", *arguments, "--proposals", 8)
    assert done.code == 2 and message in done.err, done


@pytest.mark.slow
def test_train_generator_goes_on(tmp_path, monkeypatch, call):
    """Model, curve, figure and errors are there; what is done is not done again; what is wrong is said."""
    monkeypatch.chdir(tmp_path)
    write_oxides("table.jsonl", [{"id": "failed", "e_form_eV_atom": 25.0}])
    options = "table.jsonl", "--epochs", 2, "--batch", 4, "--out", "made"
    done = call("screen", "train-generator", *options)
    assert done.code == 0, done
    assert "1 structures have no e_form_eV_atom between -6 and 6" in done.err and "epoch 2 of 2" in done.err
    found = json.loads((tmp_path / "made" / "train-generator.json").read_text())
    assert found["crystals"] == 15 and found["trained on"] == 12 and found["test"]["count"] == 3
    assert len(found["divergences"]) == 256
    rows = list(csv.DictReader((tmp_path / "made" / "train-generator.csv").open()))
    assert len(rows) == 2 and "validation energy MAE" in rows[0]
    assert (tmp_path / "made" / "train-generator.png").stat().st_size > 20_000
    assert (tmp_path / "made" / "latent-space.png").stat().st_size > 20_000
    space = LatentSpace.load(tmp_path / "made" / "latent.h5")
    assert len(space) == 12 and space.means.shape == (12, 256) and set(space.names) < set(map(str, range(15)))
    assert found["region of interest"]["points"] == 12
    model = (tmp_path / "made" / "generator.model").read_bytes()
    again = call("screen", "train-generator", *options)
    assert again.code == 0 and (tmp_path / "made" / "generator.model").read_bytes() == model
    assert call("screen", "train-generator", "table.jsonl", "--preset", "huge").code == 2
    assert call("screen", "train-generator", *options[:2], 3, *options[3:]).code == 2
