"""``anharmonic phonons``: nearly harmonic iron through the command line, its files, a second call, refusals."""

import csv
import json

import builders
import numpy as np
import phonopy
import pytest

from anharmonic.cli.main import main
from anharmonic.phonons import harmonic_phonons
from anharmonic.phonons.points import frequencies_at
from anharmonic.potential import load

OPTIONS = ("--supercell", 2, 2, 2, "--temperatures", 5, "--equilibration", 1000, "--production", 12000)
OPTIONS += ("--segments", 4, "--quiet")


@pytest.fixture(scope="module")
def metal(tmp_path_factory):
    """Path of a potential: iron of anharmonic springs."""
    path = tmp_path_factory.mktemp("metal") / "iron.h5"
    basis = builders.ClusterBasis(builders.bcc(), pairs=3, order=4)
    builders.polynomial(basis, [[0.0, w, -3.0 * w, 20.0 * w] for w in (12.0, 8.0, 3.0)]).save(path)
    return path


@pytest.fixture(scope="module")
def folder(metal, tmp_path_factory):
    """Output of one calculation at 5 K."""
    out = tmp_path_factory.mktemp("out")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(out / "cache"))
        assert main([str(x) for x in ("phonons", metal, *OPTIONS, "--out", out)]) == 0
    return out


def test_nearly_harmonic_iron_keeps_its_phonons(folder):
    """Forces and velocities of dynamics at 5 K give the harmonic frequencies, and every mode has kT."""
    summary = json.loads((folder / "phonons.json").read_text())
    (record,) = summary["points"]
    assert record["explained"] > 0.99 and not record["distorted"] and summary["n_atoms"] == 8
    assert record["kinetic_temperature_K"] == pytest.approx(5.0, rel=0.3)
    rows = list(csv.DictReader((folder / "5K" / "spectra.csv").open()))
    frequency = np.array([float(row["frequency_THz"]) for row in rows])
    assert "G" not in record["soft_modes"] and {"H", "N"} <= set(record["soft_modes"])
    for label in ("H", "N"):
        wanted = np.array(summary["harmonic"][label]["frequency_THz"])
        np.testing.assert_allclose(record["frequencies"][label]["frequency_THz"], wanted, atol=0.05)
        mode = record["soft_modes"][label]
        assert mode["peak_THz"] == pytest.approx(wanted[0], abs=0.05)
        assert mode["harmonic_THz"] == pytest.approx(wanted[0]) and mode["frozen_share"] < 0.2
        for name in (name for name in rows[0] if name.startswith(label)):
            density = np.array([float(row[name]) for row in rows])
            first = int(name.split()[1].split("+")[0]) - 1
            assert frequency[density.argmax()] == pytest.approx(wanted[first], abs=2 * frequency[0])
            assert 0.2 < 2 * density.sum() * frequency[0] < 3.0


def test_phonopy_reads_the_files(metal, folder):
    """With force constants: the frequencies are those of the summary."""
    summary = json.loads((folder / "phonons.json").read_text())
    for path, wanted in (
        ("harmonic", summary["harmonic"]["N"]["frequency_THz"]),
        ("5K", summary["points"][0]["frequencies"]["N"]["frequency_THz"]),
    ):
        found = phonopy.load(folder / path / "phonopy_params.yaml")
        np.testing.assert_allclose(frequencies_at(found, summary["harmonic"]["N"]["q"]), wanted, atol=1e-6)
    assert len(list(csv.DictReader((folder / "phonons.csv").open()))) == len(summary["points"][0]["soft_modes"])
    for name in ("bands", "soft_modes", "spectra"):
        assert all((folder / f"{name}.{ending}").stat().st_size > 10000 for ending in ("png", "pdf"))


def test_the_same_command_reports_again(call, metal, folder):
    """From the run files, without a step, and equal to the last digit."""
    before = (folder / "phonons.json").read_text()
    run = (folder / "5K" / "motion" / "run.h5").stat().st_mtime_ns
    done = call("phonons", metal, *OPTIONS, "--out", folder)
    assert done.code == 0, done.err
    assert (folder / "phonons.json").read_text() == before
    assert (folder / "5K" / "motion" / "run.h5").stat().st_mtime_ns == run
    assert "softest mode of each special point" in done.out and "explained" in done.out
    other = call("phonons", metal, *OPTIONS, "--seed", 1, "--out", folder)
    assert other.code == 2 and "other options (seed" in other.err


def test_born_charges_reach_phonopy(cspbbr3, tmp_path, call):
    """Written with the force constants, so that phonopy finds the longitudinal modes beside the zone centre."""
    builders.dipolar_potential(cspbbr3).save(tmp_path / "dipoles.h5")
    done = call("phonons", tmp_path / "dipoles.h5", "--supercell", 2, 2, 2, "--out", tmp_path)
    assert done.code == 0, done.err
    assert not (tmp_path / "soft_modes.png").exists()
    found = phonopy.load(tmp_path / "harmonic" / "phonopy_params.yaml")
    wanted = harmonic_phonons(load(tmp_path / "dipoles.h5"), [2, 2, 2])
    assert found.nac_params is not None
    for q in ([0.01, 0, 0], [0.5, 0.5, 0.5], [0.2, 0.1, 0.3]):
        np.testing.assert_allclose(frequencies_at(found, q), frequencies_at(wanted, q), atol=1e-4)


@pytest.mark.parametrize(
    "wrong, words",
    [
        (("--temperatures", "0"), "above 0 K"),
        (("--temperatures", "300", "--segments", "2"), "at least 3 segments"),
        (("--temperatures", "300", "--production", "0"), "at least one step"),
        (("--temperatures", "300", "--timestep", "-1"), "above 0 fs"),
        (("--supercell", "2", "2", "x"), "three integers"),
        (("--sampled", "nothing"), "without --quasi-harmonic"),
        (("--sampled", "nothing", "--quasi-harmonic", "100"), "no run file at nothing:"),
        (("--supercell", "2", "2", "2", "--matrix", "1 0 0; 0 1 0; 0 0 1"), "give one of them"),
    ],
)
def test_refusals(call, metal, tmp_path, wrong, words):
    done = call("phonons", metal, *wrong, "--out", tmp_path)
    assert done.code == 2 and words in done.err and "Traceback" not in done.err
