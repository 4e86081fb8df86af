"""Free energies from the command line: files, resumes, refusals."""

import csv
import json
import sys

import pytest

from anharmonic.cli.progress import RunProgress

SHORT = ["--equilibration", 50, "--production", 200, "--trajectory", 4, "--quiet"]
HARMONIC = ["--supercell", 2, 2, 2, "--temperature", 100, "--reference", "harmonic", "--windows", 3]


def integrate(springs, folder):
    return ["free-energy", "integrate", springs, *HARMONIC, *SHORT, "--out", folder]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Folder of an integration that is done at once."""
    return tmp_path_factory.mktemp("whole")


def refused(done, message):
    assert done.code == 2, done
    assert message in done.err and done.err.splitlines()[-1].startswith("error: ") and "Traceback" not in done.err


def test_phases(call, springs, tmp_path):
    done = call("free-energy", "phases", springs, "--out", tmp_path)
    assert done.code == 0, done.err
    rows = list(csv.DictReader((tmp_path / "phases.csv").open()))
    assert [r["space_group"] for r in rows] == ["Pm-3m"] and rows[0]["domains"] == "1"
    assert float(rows[0]["a_A"]) == pytest.approx(5.87) and "Pm-3m" in done.out


def test_integration(call, springs, whole):
    """Nearly harmonic at 100 K: little to integrate, and both ways agree; a finished one is reported again."""
    done = call(*integrate(springs, whole))
    assert done.code == 0, done.err
    (point,) = json.loads((whole / "summary.json").read_text())["points"]
    assert abs(point["difference_meV"]) < 5 < abs(point["reference_meV"])
    assert abs(point["difference_meV"] - point["quadrature_meV"]) < 5 * point["error_meV"]
    assert point["domains"] == 1 and not point["warnings"] and point["n_formula_units"] == 8
    assert (whole / "integration.png").stat().st_size > 10000 and len(list((whole / "100K").glob("window-*.h5"))) == 3
    before = (whole / "summary.json").read_bytes()
    assert call(*integrate(springs, whole)).code == 0 and (whole / "summary.json").read_bytes() == before


def test_integration_goes_on(call, springs, whole, tmp_path, monkeypatch):
    """Stopped in its second window, the same command ends with the same numbers; with other options it is refused."""
    seen = []

    def interrupt(self, progress, plan):
        seen.append(progress.stage)
        if len(seen) == 8:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(sys.modules["anharmonic.sampling.run"], "CHECKPOINT_SECONDS", 0.0)
        patch.setattr(RunProgress, "__call__", interrupt)
        done = call(*integrate(springs, tmp_path))
    assert done.code == 130 and "goes on from the last checkpoint" in done.err and seen[-1] == 1
    assert call(*integrate(springs, tmp_path)).code == 0
    assert (tmp_path / "summary.json").read_bytes() == (whole / "summary.json").read_bytes()
    refused(call(*integrate(springs, tmp_path), "--seed", 1), "seed: file has 0, asked for 1")


def test_along_temperature(call, springs, whole, tmp_path):
    lengths = ["--equilibration", 200, "--production", 2000, "--quiet"]
    ladder = ["--supercell", 2, 2, 2, "--temperatures", "100,115", "--method", "mc"]
    assert call("sweep", springs, *ladder, *lengths, "--out", tmp_path / "sweep").code == 0
    done = call("free-energy", "temperatures", tmp_path / "sweep", "--anchor", whole, "--out", tmp_path / "line")
    assert done.code == 0, done.err
    record = json.loads((tmp_path / "line" / "summary.json").read_text())
    first, second = record["points"]
    assert first["overlaps_next"] and second["free_energy_meV"] < first["free_energy_meV"]
    # the entropy is minus the slope of G, here between both ends
    slope = (first["free_energy_meV"] - second["free_energy_meV"]) / (1000 * 8.617333e-5 * 15)
    assert first["entropy_kB"] < slope < second["entropy_kB"]
    assert {p.name for p in (tmp_path / "line").iterdir()} == {"summary.json", "temperatures.csv", "free_energy.png"}
    elsewhere = json.loads((whole / "summary.json").read_text()) | {"supercell": [[4, 0, 0], [0, 4, 0], [0, 0, 4]]}
    (tmp_path / "summary.json").write_text(json.dumps(elsewhere))
    refused(call("free-energy", "temperatures", tmp_path / "sweep", "--anchor", tmp_path), "and the run of springs")
    refused(call("free-energy", "temperatures", tmp_path / "sweep" / "summary.json"), "no run file, or damaged")
    refused(call("free-energy", "temperatures", tmp_path / "nowhere"), "no run file at")


@pytest.mark.slow
def test_landau(call, springs, tmp_path):
    """A stable crystal: least at no tilt, a positive coefficient of the square."""
    options = ["--supercell", 2, 2, 2, "--temperatures", 100, "--between", -0.05, 0.05, "--windows", 3, "--bins", 10]
    done = call("free-energy", "landau", springs, *options, *SHORT, "--production", 1500, "--out", tmp_path)
    assert done.code == 0, done.err
    (point,) = json.loads((tmp_path / "summary.json").read_text())["points"]
    assert abs(point["lowest_at"]) < 0.03 and point["coefficients"]["values_meV"][0] > 0
    rows = list(csv.DictReader((tmp_path / "landau.csv").open()))
    assert len(rows) == 10 and (tmp_path / "landau.png").stat().st_size > 10000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["integrate", *HARMONIC, "--windows", 2], "at least 3 windows"),
        (["integrate", *HARMONIC, "--reference", "debye"], "einstein, harmonic"),
        (["integrate", *HARMONIC, "--cell", "cubic"], "fixed, isotropic, orthorhombic, full"),
        (["integrate", *HARMONIC, "--cell", "fixed", "--pressure", 1], "contradicts a fixed cell"),
        (["integrate", *HARMONIC, "--phase", "a+b-b-"], "the distinct ones are a0a0a0"),
        (["integrate", "--temperature", 100], "give --supercell N N N"),
        (["integrate", "--temperature", 100, "--phase", "a0a0a0"], "the supercell is missing"),
        (["landau", "--supercell", 3, 2, 2, "--temperature", 100], "even numbers"),
        (["landau", "--supercell", 2, 2, 2, "--temperature", 100, "--along", "tilt"], "in-phase-x"),
        (["landau", "--supercell", 2, 2, 2, "--temperature", 100, "--between", 0.2, 0.1], "rising range"),
    ],
)
def test_refusals(call, springs, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    refused(call("free-energy", arguments[0], springs, *arguments[1:]), message)
