"""From labels to a potential and back: basis, fit, validate, info."""

import re

import builders
import numpy as np
import pytest

from anharmonic import load
from anharmonic.cli.fit import EXAMPLE
from anharmonic.fitting.config import FitConfig
from anharmonic.fitting.sections import KEYS


def test_basis_counts_as_the_molien_series_says(call, crystal_file):
    clusters = ["--polyhedra", "octahedron", "--triplets", "Pb-Br-Pb"]
    done = call("basis", crystal_file, *clusters, "--order", "octahedron=4,triplet=4")
    assert done.code == 0, done.err
    assert "space group Pm-3m (221, 48 operations)" in done.out
    octahedron = next(line for line in done.out.splitlines() if "octahedron Br6" in line)
    triplet = next(line for line in done.out.splitlines() if "triplet Pb-Br-Pb" in line)
    assert "Oh = m-3m" in octahedron and "2A1g + 2Eg + T2g + T1u + T2u" in octahedron and "2 9 32 110" in octahedron
    assert "D4h = 4/mmm" in triplet and "2A1g + A2u" in triplet and "2 4 6 9" in triplet


def test_modes_are_drawn(call, crystal_file, tmp_path):
    file = tmp_path / "modes.png"
    done = call("basis", crystal_file, "--pairs", 1, "--polyhedra", "octahedron", "--draw", "octahedron", "--out", file)
    assert done.code == 0 and file.stat().st_size > 20000
    assert call("basis", crystal_file, "--pairs", 1, "--draw", 1, "--out", tmp_path / "pair.pdf").code == 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the fit of this module is."""
    return tmp_path_factory.mktemp("fit")


def test_fit_recovers_the_springs(call, fit_toml, labels, folder):
    path = fit_toml(folder, labels, name=('"polynomial"', '"polynomial"\nname = "fitted"\nridge = 1e-9\nwall = 0.0'))
    done = call("fit", path)
    assert done.code == 0, done.err
    rmse = [float(line.split()[2]) for line in done.out.splitlines() if line.startswith("all")]
    assert len(rmse) == 3 and max(rmse) < 0.01
    assert {"calm", "wild"} <= set(re.findall(r"^\w+", done.out, re.MULTILINE))
    assert (folder / "report.txt").read_text().count("0-25 meV") >= 1
    assert all((folder / name).stat().st_size > 10000 for name in ("parity.png", "error_by_energy.png"))
    assert not (folder / "learning.png").exists()
    fitted, state = load(folder / "fitted.h5"), builders.distorted(builders.perovskite(), [2, 2, 2], 99)
    forces = [p.evaluate(state)["forces"] for p in (fitted, builders.spring_perovskite(fitted.crystal))]
    assert np.allclose(*forces, atol=1e-3)
    assert fitted.metadata["data"][0]["path"] == "labels.extxyz" and "[basis]" in fitted.metadata["config"]


def test_a_net_is_trained(call, fit_toml, labels, tmp_path):
    net = '"cluster"\nhidden = [3]\nschedule = {steps = 40, check_every = 20}'
    small = {"net": ('"polynomial"', net), "pairs": ("pairs = 4", "pairs = 2"), "order": ("order = 4", "order = 2")}
    done = call("fit", fit_toml(tmp_path, labels, **small), "--out", tmp_path / "net", "--quiet")
    assert done.code == 0, done.err
    assert (tmp_path / "net" / "learning.png").stat().st_size > 5000 and "learning.png" in done.out
    assert "cluster model with hidden layers of 3" in call("info", tmp_path / "net" / "CsPbBr3.h5").out


def test_validate(call, springs, labels, tmp_path):
    done = call("validate", springs, labels, "--out", tmp_path)
    assert done.code == 0, done.err
    row = next(line.split() for line in done.out.splitlines() if line.startswith("all"))
    assert row[1] == "20" and max(map(float, row[2:])) < 0.01
    assert "relaxed phases" in done.out and "Pm-3m" in done.out
    assert all((tmp_path / name).stat().st_size > 5000 for name in ("parity.png", "error_by_energy.png"))


def test_stress_offset_scales_with_the_volume(call, springs, labels, tmp_path):
    arguments = ["validate", springs, labels, "--no-phases", "--out", tmp_path]
    shifted = call(*arguments, "--stress-offset-times-volume", 0.0063 * 5.87**3)
    row = next(line.split() for line in shifted.out.splitlines() if line.startswith("all"))
    diagonal_rms = 0.0063 / 0.0062415 / 3**0.5  # a third of the components, GPa
    assert float(row[-2]) == pytest.approx(diagonal_rms, rel=0.1)


@pytest.mark.parametrize("kind", ["potential", "labels", "mapped", "crystal", "missing"])
def test_info(call, springs, labels, crystal_file, kind):
    arguments, expected = {
        "potential": ([springs], "potential springs"),
        "labels": ([labels], "20 structures, 0 refused"),
        "mapped": ([labels, "--potential", springs], "CsPbBr3: 20 frames, 0 refused"),
        "crystal": ([crystal_file], "has octahedral tilts"),
        "missing": (["nothing.h5"], "no file 'nothing.h5'"),
    }[kind]
    done = call("info", *arguments)
    assert expected in done.out + done.err and done.code == (2 if kind == "missing" else 0)


def test_example_is_a_valid_file(call, crystal_file, tmp_path):
    assert call("fit", "--example").out == EXAMPLE
    (tmp_path / "fit.toml").write_text(EXAMPLE)
    (tmp_path / "cubic.cif").write_bytes(crystal_file.read_bytes())
    settings = FitConfig.read(tmp_path / "fit.toml")
    assert settings.reference().formula == "CsPbBr3" and settings.basis["order"]["octahedron"] == 3
    missing = [key for section in KEYS.values() for key in section if key not in EXAMPLE and key not in ("symprec",)]
    assert not missing


def test_several_data_sections(call, fit_toml, labels, tmp_path):
    second = f'[[data]]\npaths = "{labels}"\nphase_by = "nothing"\n[[data]]'
    settings = FitConfig.read(fit_toml(tmp_path, labels, sections=("[data]", second)))
    dataset = settings.dataset(settings.reference())
    assert len(dataset) == 40 and {frame.phase for frame in dataset} == {"unlabelled", "calm", "wild"}
