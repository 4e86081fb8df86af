"""From files to a data set file and its parts: import, info, split, merge, and fits from them."""

import csv
import tarfile
from pathlib import Path

import ase.io
import builders
import numpy as np
import pytest
from ase.calculators.singlepoint import SinglePointCalculator

from anharmonic import load
from anharmonic.crystal import Crystal
from anharmonic.data import Dataset
from anharmonic.data.trajectories import leaks
from anharmonic.fitting.config import FitConfig
from anharmonic.fitting.fit import divide

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
COMMANDS = ("import", "info", "split", "merge")


def refused(done, message):
    assert done.code == 2, done
    assert message in done.err and done.err.splitlines()[-1].startswith("error: ") and "Traceback" not in done.err


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the data sets of this module are."""
    return tmp_path_factory.mktemp("sets")


@pytest.fixture
def stored(call, labels, crystal_file, folder):
    """A data set file of the 20 structures."""
    path = folder / "set.h5"
    if not path.exists():
        done = call("dataset", "import", labels, "--reference", crystal_file, "--out", path)
        assert done.code == 0, done.err
        assert "CsPbBr3: 20 frames, 0 refused" in done.out and "no copies" in done.out
        assert f"wrote 20 frames to {path}" in done.out
    return path


@pytest.fixture
def trajectories(call, labels, crystal_file, folder):
    """A data set file of 30 structures in six trajectories; in each the frames hardly differ."""
    path = folder / "runs.h5"
    if not path.exists():
        frames = []
        for run, atoms in enumerate(ase.io.read(labels, ":6")):
            drift = 0.01 * np.random.default_rng(run).normal(size=(len(atoms), 3))
            for step in range(5):
                moved = atoms.copy()
                moved.positions += step * drift
                results = dict(atoms.calc.results, energy=atoms.calc.results["energy"] + 0.01 * step)
                moved.calc = SinglePointCalculator(moved, **results)
                moved.info = {"run": f"md-{run}", "phase": "hot"}
                frames.append(moved)
        ase.io.write(folder / "runs.extxyz", frames)
        named = ["--trajectory-by", "run", "--out", path]
        assert call("dataset", "import", folder / "runs.extxyz", "-r", crystal_file, *named).code == 0
    return path


@pytest.mark.parametrize("name", COMMANDS)
def test_help_teaches(call, name):
    done = call("dataset", name, "--help")
    assert done.code == 0 and f"anharmonic dataset {name}" in done.out and "--out" in done.out
    assert all(command in call("dataset", "--help").out for command in COMMANDS)


def test_info(call, stored, folder):
    done = call("dataset", "info", stored, "--out", folder / "about")
    assert done.code == 0, done.err
    assert "20 frames, 0 refused" in done.out and "labels.extxyz" in done.out and "free_energy" in done.out
    assert "1 trajectories" in done.out and "no copies" in done.out
    assert (folder / "about/dataset.png").stat().st_size > 30000
    assert "all 0 refusals" in (folder / "about/report.txt").read_text()
    done = call("info", stored)
    assert done.code == 0 and "space group Pm-3m" in done.out and "20 frames" in done.out


def with_set(path, data, *lines):
    """A fit.toml whose crystal and data are those of a data set file, with more lines at its end."""
    text = path.read_text()
    path.write_text(
        f'[crystal]\nfile = "{data}"\n[basis]\npairs = 1\norder = 2\n'
        f'[data]\npaths = "{data}"\n{text[text.index("[fit]") :]}' + "\n".join(lines)
    )
    return path


def test_fit_files_take_data_set_files(call, stored, labels, fit_toml, tmp_path):
    plain = FitConfig.read(fit_toml(tmp_path, labels))
    path = with_set(fit_toml(tmp_path, labels), stored)
    settings = FitConfig.read(path)
    one, other = (config.dataset(config.reference()) for config in (plain, settings))
    assert [f.energy for f in one] == [f.energy for f in other] and one.groups == other.groups
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a.configuration.displacements, b.configuration.displacements, atol=1e-9)
    held_out = FitConfig.read(with_set(path, stored, f'test = "{stored}"', "")).test
    assert [f.source for f in held_out.read(other.crystal)] == [f.source for f in other]
    assert settings.provenance(other)["data"][0]["path"] == "set.h5"
    path.write_text(path.read_text().replace("[data]", '[data]\ngroup_by = "x"'))
    refused(call("fit", path), "group_by of [data] was decided when the data set set.h5 was made")


def test_trajectories_stay_whole(call, trajectories, folder):
    done = call("dataset", "split", trajectories, "--test", 0.33, "--by", "trajectory", "--out", folder / "parts")
    assert done.code == 0 and "warning" not in done.err, done.err
    train, test = (Dataset.load(folder / f"parts/{name}.h5") for name in ("training", "test"))
    assert (len(train), len(test)) == (20, 10) and train.energy_offset == test.energy_offset
    assert not {f.trajectory for f in train} & {f.trajectory for f in test}
    assert (folder / "parts/split.png").stat().st_size > 30000
    done = call("dataset", "info", folder / "parts/training.h5", folder / "parts/test.h5", "--out", folder / "both")
    assert "in more than one of the 2 sets: 0 structures, 0 pairs of near duplicates" in done.out
    done = call("dataset", "split", trajectories, "--test", 0.3, "--by", "frame", "--out", folder / "torn")
    assert done.code == 0 and "warning: frames of the trajectory md-" in done.err and "correlated" in done.err
    assert "near duplicates are in two parts" in done.err


def test_a_fit_warns_of_torn_trajectories(call, trajectories, labels, fit_toml, tmp_path):
    path = with_set(fit_toml(tmp_path, labels), trajectories, "ridge = 1.0", "validation = 0.0", "")
    done = call("fit", path, "--out", tmp_path / "torn", "--quiet")
    assert done.code == 0, done.err
    assert "warning: frames of the trajectory md-" in done.out and "set split_by" in done.out
    assert "warning: " in (tmp_path / "torn/report.txt").read_text()
    assert load(tmp_path / "torn/CsPbBr3.h5").metadata["split_by"] == "frame"
    with_set(path, trajectories, 'split_by = "rnu"')
    refused(call("fit", path), "split_by is frame, trajectory, group, phase, file, or a key of info")


@pytest.mark.parametrize("by", ["trajectory", "run"])
def test_a_fit_can_keep_them_whole(trajectories, by):
    data = Dataset.load(trajectories)
    parts = divide(data, validation=0.2, test=0.2, seed=0, split_by=by)
    assert {name: len(part) for name, part in parts.items()} == {"training": 20, "validation": 5, "test": 5}
    assert not leaks(parts) and leaks(divide(data, 0.2, 0.2, 0, "frame"))


def test_folds(call, trajectories, folder):
    done = call("dataset", "split", trajectories, "--folds", 3, "--by", "run", "--out", folder / "folds")
    assert done.code == 0, done.err
    tests = [Dataset.load(folder / f"folds/fold-{k}-test.h5") for k in (1, 2, 3)]
    assert [len(test) for test in tests] == [10, 10, 10]
    assert len({f.source for test in tests for f in test}) == 30
    assert len(Dataset.load(folder / "folds/fold-2-training.h5")) == 20


def test_merging_names_copies_and_contradictions(call, stored, labels, crystal_file, folder):
    frames = ase.io.read(labels, ":4")
    frames[2].calc.results["energy"] += 1.0
    frames[2].calc.results["free_energy"] += 1.0
    ase.io.write(folder / "again.extxyz", frames)
    again, all_of_it, fewer = folder / "again.h5", folder / "all.h5", folder / "fewer.h5"
    assert call("dataset", "import", folder / "again.extxyz", "-r", stored, "--out", again).code == 0
    done = call("dataset", "merge", stored, again, "--out", all_of_it)
    assert done.code == 0, done.err
    assert "4 structures are there more than once (3 redundant frames)" in done.out
    assert "1 contradictions" in done.out and "25.00" in done.out
    assert "nothing was removed" in done.out and len(Dataset.load(all_of_it)) == 24
    done = call("dataset", "merge", stored, again, "--out", fewer, "--remove-duplicates")
    assert "removed 3 redundant frames" in done.out and len(Dataset.load(fewer)) == 21
    call("dataset", "info", all_of_it, "--out", folder / "copies")
    with open(folder / "copies/duplicates.csv", newline="") as file:
        kinds = [row["kind"] for row in csv.DictReader(file)]
    assert kinds.count("copy") == 4 and kinds.count("contradiction") == 1


def test_another_reference(call, stored, folder):
    wider = folder / "wider.cif"
    ase.io.write(wider, builders.perovskite(a=5.9).to_atoms())
    out = folder / "wider.h5"
    done = call("dataset", "import", stored, "-r", wider, "--out", out)
    assert done.code == 0 and len(Dataset.load(out)) == 20, done.err
    refused(call("dataset", "merge", stored, out, "--out", folder / "x.h5"), "different reference crystals")
    assert Dataset.load(out).crystal.cell[0, 0] == pytest.approx(5.9)


def test_refusals(call, stored, labels, crystal_file, folder, tmp_path):
    new = ["--out", tmp_path / "new.h5"]
    add = ["dataset", "import", labels, "-r", crystal_file]
    refused(call("dataset", "import", tmp_path / "no.xyz", "-r", crystal_file, *new), "no file or folder")
    refused(call("dataset", "import", labels, "-r", tmp_path / "no.cif", *new), "no structure file")
    refused(call(*add), "--out")
    refused(call(*add, "--out", tmp_path / "new.xyz"), "ends in .h5")
    refused(call(*add, "--out", tmp_path / "no/new.h5"), "its folder is missing")
    refused(call(*add, *new, "--trajectory-by", "rnu"), "no structure has the key 'rnu'")
    refused(call(*add, *new, "--near", 0), "--near is above 0")
    refused(call(*add, *new, "--stress-offset", 1, "--stress-offset-times-volume", 1), "two forms of one number")
    refused(
        call("dataset", "import", stored, "-r", crystal_file, *new, "--stress-offset", 1), "is for files of structures"
    )
    refused(call("dataset", "info", tmp_path / "no.h5"), "no file")
    refused(call("dataset", "info", labels), "no readable HDF5 file")
    refused(call("dataset", "info", stored, "--by", "colour", "--out", tmp_path), "found 'colour'")
    out = ["--out", tmp_path / "parts"]
    refused(call("dataset", "split", stored, *out), "1 different values of trajectory")
    refused(call("dataset", "split", stored, "--by", "frame", "--test", 1.5, *out), "between 0 and 1")
    refused(call("dataset", "split", stored, "--folds", 3, "--test", 0.5, *out), "--test contradicts --folds")
    refused(call("dataset", "split", stored, "--folds", 1, *out), "at least 2 folds")
    refused(call("dataset", "merge", stored, *new), "at least two")
    edited = tmp_path / "edited.h5"
    edited.write_bytes(stored.read_bytes()[:9000])
    refused(call("dataset", "info", edited), "truncated")
    assert not (tmp_path / "new.h5").exists()


def cubic(path, species, length):
    """A cubic perovskite as a CIF."""
    ase.io.write(path, Crystal.to_atoms(builders.perovskite(species, length)))
    return path


def test_srtio3_from_vasp_and_from_extxyz_are_the_same(call, tmp_path):
    source = SHARED / "srtio3_dft"
    if not source.exists():
        pytest.skip(f"needs the shared data folder {source}")
    with tarfile.open(source / "vaspruns.tar.gz") as archive:
        archive.extractall(tmp_path / "runs", filter="data")
    reference, out = cubic(tmp_path / "srtio3.cif", ("Sr", "Ti", "O"), 3.905), tmp_path / "set.h5"
    files = [tmp_path / "runs", source / "train.extxyz"]
    done = call("dataset", "import", *files, "-r", reference, "--out", out, "--remove-duplicates")
    assert done.code == 0, done.err
    assert "540 frames, 0 refused" in done.out and "removed 270 redundant frames" in done.out
    assert "contradictions" not in done.out
    kept = Dataset.load(out)
    assert len(kept) == 270 and len({frame.sha256 for frame in kept}) == 270
    assert all(frame.energy_name.startswith("free") for frame in kept)
    assert call("dataset", "info", out, "--out", tmp_path / "about").code == 0


def test_cspbi3_delta_frames_are_refused_by_name(call, tmp_path):
    source = SHARED / "cspbi3_dft" / "train.xyz"
    if not source.exists():
        pytest.skip(f"needs the shared data file {source}")
    reference, out = cubic(tmp_path / "cspbi3.cif", ("Cs", "Pb", "I"), 6.25), tmp_path / "set.h5"
    named = ["--trajectory-by", "config_type", "--max-displacement", 2.5]
    assert call("dataset", "import", source, "-r", reference, "--out", out, *named).code == 0
    kept = Dataset.load(out)
    delta = [k for k, atoms in enumerate(ase.io.read(source, ":")) if "delta" in atoms.info["config_type"]]
    assert len(kept) == 168 and len(delta) == 44
    assert {f"{source}:{k}" for k in delta} <= {refusal.source for refusal in kept.refusals}
    assert call("dataset", "split", out, "--folds", 4, "--out", tmp_path / "folds").code == 0
