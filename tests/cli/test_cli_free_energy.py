"""Free energies from the command line: files, resumes, refusals."""

import csv
import json
import sys

import builders
import pytest

from anharmonic.cli.progress import RunProgress
from anharmonic.clusters import ClusterBasis
from anharmonic.conventions import BOLTZMANN

SHORT = ["--equilibration", 50, "--production", 200, "--trajectory", 4, "--quiet"]
HARMONIC = ["--supercell", 2, 2, 2, "--temperature", 100, "--reference", "harmonic", "--windows", 3]


PAIR = ["--supercell", 1, 1, 1, "--temperature", 300, "--cell", "isotropic", "--windows", 5]


def integrate(pair, folder):
    return ["free-energy", "integrate", pair, *PAIR, *SHORT, "--out", folder]


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Path of a potential of anharmonic springs in cesium chloride."""
    path = tmp_path_factory.mktemp("pair") / "pair.h5"
    builders.polynomial(ClusterBasis(builders.cesium_chloride(), pairs=1, order=4), [[-0.3, 4.0, -3.0, 20.0]]).save(
        path
    )
    return path


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


def test_integration(call, pair, whole):
    """Both ways agree; a finished one is reported again."""
    done = call(*integrate(pair, whole))
    assert done.code == 0, done.err
    (point,) = json.loads((whole / "summary.json").read_text())["points"]
    apart = point["difference_meV"] - point["quadrature_meV"]
    assert abs(apart) < 5 * point["error_meV"] < abs(point["reference_meV"])
    assert point["domains"] is None and point["n_formula_units"] == 1
    assert point["free_energy_meV"] == pytest.approx(point["reference_meV"] + point["difference_meV"])
    assert all((whole / f"integration.{ending}").stat().st_size > 10000 for ending in ("png", "pdf"))
    assert len(list((whole / "300K").glob("window-*.h5"))) == 6
    before = (whole / "summary.json").read_bytes()
    assert call(*integrate(pair, whole)).code == 0 and (whole / "summary.json").read_bytes() == before


def test_integration_goes_on(call, pair, whole, tmp_path, monkeypatch):
    """Stopped in its second window, the same command ends with the same numbers; with other options it is refused."""
    seen = []

    def interrupt(self, progress, plan):
        seen.append(progress.stage)
        if len(seen) == 24:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(sys.modules["anharmonic.sampling.run"], "CHECKPOINT_SECONDS", 0.0)
        patch.setattr(RunProgress, "__call__", interrupt)
        done = call(*integrate(pair, tmp_path))
    assert done.code == 130 and "goes on from the last checkpoint" in done.err and seen[-1] == 1
    assert call(*integrate(pair, tmp_path)).code == 0
    assert (tmp_path / "summary.json").read_bytes() == (whole / "summary.json").read_bytes()
    refused(call(*integrate(pair, tmp_path), "--seed", 1), "seed: file has 0, asked for 1")


@pytest.mark.slow
def test_along_temperature(call, springs, tmp_path):
    """From the harmonic crystal at 100 K, where there is little to integrate, to 115 K."""
    anchor, swept, line = (tmp_path / name for name in ("anchor", "sweep", "line"))
    assert call("free-energy", "integrate", springs, *HARMONIC, *SHORT, "--out", anchor).code == 0
    (point,) = json.loads((anchor / "summary.json").read_text())["points"]
    assert abs(point["difference_meV"]) < 5 < abs(point["reference_meV"]) and point["domains"] == 1
    lengths = ["--equilibration", 200, "--production", 6000, "--quiet"]
    ladder = ["--supercell", 2, 2, 2, "--temperatures", "100,115", "--method", "mc"]
    assert call("sweep", springs, *ladder, *lengths, "--out", swept).code == 0
    done = call("free-energy", "temperatures", swept, "--anchor", anchor, "--out", line)
    assert done.code == 0, done.err
    first, second = json.loads((line / "summary.json").read_text())["points"]
    assert first["overlaps_next"] and second["free_energy_meV"] < first["free_energy_meV"]
    # the entropy is minus the slope of G, here between both ends
    slope = (first["free_energy_meV"] - second["free_energy_meV"]) / (1000 * BOLTZMANN * 15)
    assert first["entropy_kB"] < slope < second["entropy_kB"]
    files = {"summary.json", "temperatures.csv", "free_energy.png", "free_energy.pdf"}
    assert {p.name for p in line.iterdir()} == files
    elsewhere = json.loads((anchor / "summary.json").read_text()) | {"supercell": [[4, 0, 0], [0, 4, 0], [0, 0, 4]]}
    (tmp_path / "summary.json").write_text(json.dumps(elsewhere))
    refused(call("free-energy", "temperatures", swept, "--anchor", tmp_path), "and the run of springs")


def test_what_is_no_run_is_refused(call, tmp_path):
    (tmp_path / "summary.json").write_text("{}")
    refused(call("free-energy", "temperatures", tmp_path / "summary.json"), "no run file of this version")
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
    assert len(rows) == 10
    assert all((tmp_path / f"landau.{ending}").stat().st_size > 10000 for ending in ("png", "pdf"))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Folder of short sweeps, made as they are asked for."""
    return tmp_path_factory.mktemp("runs")


def swept(call, springs, folder, *options):
    """Folder of a sweep of the springs from 100 to 120 K."""
    if not folder.exists():
        lengths = ["--equilibration", 200, "--production", 6000, "--quiet"]
        done = call("sweep", springs, "--temperatures", "100,110,120", *lengths, *options, "--out", folder)
        assert done.code == 0, done.err
    return folder


def test_surface(call, springs, runs, tmp_path):
    """A stable crystal: lowest where neither tilt is; table, record and figure say the same."""
    run = swept(call, springs, runs / "small", "--supercell", 2, 2, 2)
    done = call("free-energy", "surface", run, "--temperatures", "105,115", "--bins", 5, "--out", tmp_path)
    assert done.code == 0, done.err
    assert "x = length of in-phase tilts, y = length of" in done.out and "bins with fewer than 8" in done.out
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["n_formula_units"] == 8 and summary["x"]["n_components"] == 3
    rows = list(csv.DictReader((tmp_path / "surface.csv").open()))
    for point in summary["points"]:
        mine = [r for r in rows if float(r["temperature_K"]) == point["temperature_K"]]
        heights = [float(r["free_energy_meV"]) for r in mine if r["free_energy_meV"]]
        assert min(heights) == 0 and max(heights) == pytest.approx(point["highest_meV"])
        assert (len(heights), len(mine) - len(heights)) == (point["bins_drawn"], point["bins_left_out"])
        assert sum(float(r["probability"]) for r in mine) == pytest.approx(1, abs=1e-5)
        assert max(point["lowest_at"]) < max(float(r["x"]) for r in mine) / 2
        assert point["kT_meV"] == pytest.approx(1000 * BOLTZMANN * point["temperature_K"] / 8)
    assert min((tmp_path / f"surface.{kind}").stat().st_size for kind in ("png", "pdf")) > 8000
    components = "--along", "anti-phase tilts 2", "--along", "strain Eg"
    done = call("free-energy", "surface", run, "--temperature", 110, *components, "--bins", 5, "--out", tmp_path)
    assert done.code == 0, done.err
    assert "x = component 2 of anti-phase tilts, y = length of strain Eg" in " ".join(done.out.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--temperature", 130], "130 K is outside of the temperatures that were sampled, 100 to 120 K"),
        (["--temperature", 110, "--along", "tilts", "--along", "strain Eg"], "no order parameter 'tilts' was recorded"),
        (["--temperature", 110, "--along", "strain Eg"], "two different order parameters, found 'strain Eg'"),
        (["--temperature", 110, "--bins", 90], "take fewer bins, or run longer"),
    ],
)
def test_surface_refusals(call, springs, runs, tmp_path, arguments, message):
    run = swept(call, springs, runs / "small", "--supercell", 2, 2, 2)
    refused(call("free-energy", "surface", run, *arguments, "--out", tmp_path), message)


def test_surface_of_runs_that_do_not_belong_together(call, springs, runs, tmp_path):
    run = swept(call, springs, runs / "small", "--supercell", 2, 2, 2)
    other = swept(call, springs, runs / "other", "--supercell", 2, 2, 4, "--production", 400)
    wanted = "--temperature", 110, "--out", tmp_path
    refused(call("free-energy", "surface", run, other, *wanted), "is that of one supercell, found different ones")
    refused(call("free-energy", "surface", run, tmp_path / "none", *wanted), "no run file at")


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
