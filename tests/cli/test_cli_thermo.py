"""``anharmonic thermo`` and ``anharmonic report`` on runs of the command line."""

import base64
import csv
import html
import json
import re
import shlex
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from importlib import import_module
from xml.etree import ElementTree

import ase.io
import h5py
import numpy as np
import pytest
import spglib

from anharmonic.analysis.average_structure import isotropic
from anharmonic.analysis.order_parameters import observed_modes, split_modes
from anharmonic.cli.thermo import doubts
from anharmonic.sweep.analysis_files import analyse
from anharmonic.sweep.recorded import open_run
from anharmonic.sweep.structures import average_of

LENGTHS = "--equilibration", 200, "--production", 3000
SIZE = "--supercell", 2, 2, 2
RECORDED = "--observe", "sites,correlation,mode R T1g,mode X", "--snapshots", 200


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Folder in which each test module keeps its runs."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture
def swept(call, springs, runs):
    """Folder of a sweep with everything recorded."""
    folder = runs / "sweep"
    if not folder.exists():
        temperatures = "--temperatures", "100,200", "--out", folder
        assert call("sweep", springs, *SIZE, *temperatures, *LENGTHS, *RECORDED).code == 0
    return folder


def rows_of(path):
    """Lines of a CSV as dictionaries."""
    with open(path, newline="") as stream:
        return list(csv.DictReader(stream))


class Sources(HTMLParser):
    """What a page refers to, and whether its tags are closed."""

    VOID = {"meta", "link", "img", "br"}

    def __init__(self, text):
        super().__init__()
        self.found, self.open = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found += [value for name, value in attrs if name in ("src", "href", "action", "srcset")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_thermo_of_a_sweep(call, swept, tmp_path):
    """Tables on the screen; JSON, CSV, CIF and figures with units and errors."""
    done = call("thermo", swept, "--out", tmp_path)
    assert done.code == 0, done.err
    assert "k_B/atom" in done.out and "elastic constants (GPa)" in done.out and "Pm-3m" in done.out
    record = json.loads((tmp_path / "thermodynamics.json").read_text())
    assert len(record["points"]) == 2 and len(record["intervals"]) == 1 and len(record["structures"]) == 2
    for p in record["points"]:
        assert 1.5 < p["heat_capacity_kB_per_atom"] < 6 and p["heat_capacity_error_kB_per_atom"] > 0
        assert abs(p["heat_capacity_J_per_mol_K"] / p["heat_capacity_kB_per_atom"] - 5 * 8.314463) < 1e-3
        assert p["a_A"] == pytest.approx(5.87, abs=0.1) and p["born_stable"]
    rows = rows_of(tmp_path / "thermodynamics.csv")
    assert [float(row["temperature_K"]) for row in rows] == [100, 200]
    assert float(rows[1]["C12_GPa"]) == record["points"][1]["elastic_constants_GPa"][0][1]
    assert {"volume_A3_per_cell", "thermal_expansion_xx_1e-6_per_K", "C11_error_GPa"} <= set(rows[0])
    first = rows_of(tmp_path / "displacement_parameters.csv")[0]
    assert float(first["U_iso_A2"]) > 10 * float(first["U_iso_error_A2"]) > 0 and "U_xy_error_A2" in first
    check_distributions(rows_of(tmp_path / "pair_distribution.csv"), record["pair_distributions"])
    for name in ("thermodynamics", "structures", "pair_distribution", "tilt_correlation", "lattice", "order"):
        assert (tmp_path / f"{name}.pdf").read_bytes().startswith(b"%PDF")
        assert (tmp_path / f"{name}.png").stat().st_size > 20_000

    check_modes(record, done.out, rows)
    check_correlations(rows_of(tmp_path / "tilt_correlation.csv"), record["tilt_correlations"])
    check_cif(tmp_path / "structures" / "100-K-heating.cif", record["structures"][0])


def check_modes(record, screen, rows):
    """Mean amplitudes grow with the temperature; in a cubic crystal nothing is off its centre."""
    low, high = ([p[f"mode R T1g Br Eu_{x}"] for x in ("A_per_cell", "error_A_per_cell")] for p in record["points"])
    assert high[0] - low[0] > 3 * np.hypot(high[1], low[1]) > 0 and "R T1g Br Eu" in screen
    assert float(rows[1]["mode X A1g Cs T1u_A_per_cell"]) > 0
    for atom in record["structures"][0]["off_centre"]:
        assert atom["off_centre_A"] < 4 * atom["off_centre_error_A"] < 0.2
        assert atom["neighbours"] == {"Cs": 12, "Pb": 6, "Br": 2}[atom["species"]]


def check_distributions(rows, records):
    """All pairs of species, in the table and in the record."""
    assert {row["pair"] for row in rows} == {"Cs-Cs", "Cs-Pb", "Cs-Br", "Pb-Pb", "Pb-Br", "Br-Br"}
    last, own = records[-1], [row for row in rows if row["temperature_K"] == "200.0" and row["pair"] == "Pb-Br"]
    for name, numbers in {"distance_A": last["distance_A"], **last["pairs"]["Pb-Br"]}.items():
        assert [float(row[name]) for row in own] == numbers
    assert last["temperature_K"] == 200 and len(records) == 2 and max(last["pairs"]["Pb-Br"]["g"]) > 1


def check_correlations(rows, records):
    """Two temperatures, nine pairs of axes, distances 0 and 1 of two cells; 1 where there is no distance."""
    entries = [entry for record in records for entry in record["correlations"]]
    for name in ("correlation", "error", "rms_tilt_deg"):
        np.testing.assert_allclose([float(row[name]) for row in rows], [entry[name] for entry in entries], rtol=1e-5)
    assert len(rows) == 2 * 9 * 2
    assert {float(r["correlation"]) for r in rows if r["distance_cells"] == "0"} == {1.0}
    assert all(abs(float(r["correlation"])) < 1 for r in rows if r["distance_cells"] == "1")


def check_cif(path, record):
    """ASE reads the cell that spglib names, with the parameters of the table."""
    atoms = ase.io.read(path)
    cell = atoms.cell[:], atoms.get_scaled_positions(), atoms.numbers
    assert spglib.get_symmetry_dataset(cell, 1e-3).international == record["space_group"] == "Pm-3m"
    assert atoms.get_chemical_formula(mode="metal") == "CsPbBr3" or len(atoms) == 5
    text = path.read_text()
    lead = next(line.split() for line in text.splitlines() if line.startswith("Pb1 Pb"))
    expected = next(a["U_iso_A2"] for a in record["atoms"] if a["species"] == "Pb")
    assert float(lead[5]) == pytest.approx(expected, abs=2e-5)
    aniso = next(line.split() for line in text.splitlines() if line.startswith("Pb1 ") and " Pb " not in line)
    assert sum(map(float, aniso[1:4])) / 3 == pytest.approx(expected, abs=2e-5)


def test_report_holds_everything(call, swept, tmp_path):
    """One file that refers to nothing outside itself: answers, figures as SVG, tables, provenance."""
    path = tmp_path / "report.html"
    done = call("report", swept, "--out", path)
    assert done.code == 0 and "cubic" in done.out, done.err
    text = path.read_text()
    page = Sources(text)
    assert not page.open
    images = [source for source in page.found if source.startswith("data:image/svg+xml;base64,")]
    assert len(images) == 6
    assert all(source.startswith(("data:", "#")) for source in page.found)
    assert "url(" not in text and "@import" not in text and "<script" not in text
    for image in images:
        assert ElementTree.fromstring(base64.b64decode(image.split(",")[1])).tag.endswith("svg")
    assert "On heating springs is cubic (a0a0a0, Pm-3m) from 100 to 200 K." in text
    assert "no transition was found between 100 and 200 K" in text
    for word in ("sha256", "jax", "spglib", "springs", "U_iso", "Doubts"):
        assert word in text


def test_unfinished_sweeps(call, swept, tmp_path):
    """Without summary.json phases, figures and tables come from the samples; that temperatures are missing is said."""
    shutil.copy(swept / "run.h5", tmp_path)
    with h5py.File(tmp_path / "run.h5", "a") as file:
        file.attrs["finished"] = False
    done = call("report", tmp_path)
    assert done.code == 0, done.err
    text = (tmp_path / "report.html").read_text()
    assert "<h2>Phases</h2>" in text and text.count("<img") == 6
    assert "temperatures that are not done are missing" in text
    whole = json.loads((swept / "summary.json").read_text())
    assert analyse(open_run(tmp_path / "run.h5")).summary == whole


def test_modes_of_a_run(call, swept, tmp_path):
    """Mean structures of a cubic crystal have no mode; what was recorded is what snapshots say."""
    done = call("modes", swept, "--wave-vectors", "R,X", "--out", tmp_path)
    assert done.code == 0, done.err
    rows = rows_of(tmp_path / "modes.csv")
    assert {row["structure"] for row in rows} == {"100 K heating", "200 K heating"}
    assert all(abs(float(row["amplitude_A"])) < 6 * float(row["error_A"]) for row in rows)
    assert len(rows) == 2 * (15 + 45)
    run = open_run(swept)
    modes = observed_modes(run.crystal, run.plan.observe)
    point = run.points[1]
    recorded = split_modes(modes, point.samples["modes"][-1:].astype(float))
    last = run.snapshots[point.frames[-1]].displacements
    for mode in modes:
        np.testing.assert_allclose(
            recorded[f"mode {mode.name}"][0], mode.amplitudes(run.supercell, last).ravel(), atol=1e-5
        )


def test_snapshots_give_the_same_structures(swept):
    """Where moments of sites were not recorded, snapshots serve: the same parameters, with larger errors."""
    run = open_run(swept)
    point = run.points[0]
    bare = {name: values for name, values in point.samples.items() if name != "sites"}
    recorded, found = average_of(run, point), average_of(run, replace(point, samples=bare))
    assert found.symmetry.international == recorded.symmetry.international
    pairs = zip(recorded.displacement_parameters(), found.displacement_parameters(), strict=True)
    for (_, first), (_, second) in pairs:
        (value, error), (other, uncertain) = isotropic(first), isotropic(second)
        assert abs(value - other) < 4 * np.hypot(error, uncertain) < 0.7 * value
    assert average_of(run, replace(point, samples=bare, frames=())) is None


@pytest.mark.slow
def test_the_command_of_a_report_repeats_the_run(call, swept, springs, tmp_path):
    """With the same folder it is the run that is there: nothing differs and nothing is done again."""
    path = tmp_path / "report.html"
    assert call("report", swept, "--out", path).code == 0
    words = shlex.split(html.unescape(re.search(r"<pre>anharmonic (.*?)</pre>", path.read_text(), re.DOTALL)[1]))
    before = (swept / "run.h5").read_bytes()
    done = call(*(str(springs) if w == "springs" else w for w in words), "--out", swept)
    assert done.code == 0, done.err
    assert (swept / "run.h5").read_bytes() == before


def test_runs_that_recorded_less(call, springs, tmp_path):
    """No sites, no snapshots: what is missing is said, with the options that record it; fixed cells have no strain."""
    folder = tmp_path / "mc"
    options = "--temperature", 200, "--ensemble", "nvt", "--snapshots", 0, "--equilibration", 40, "--production", 400
    assert call("mc", springs, *SIZE, *options, "--out", folder).code == 0
    done = call("thermo", folder)
    assert done.code == 0, done.err
    assert "--observe sites" in done.out and "--snapshots" in done.out
    point = json.loads((folder / "thermodynamics.json").read_text())["points"][0]
    assert "elastic_constants_GPa" not in point and "thermal_expansion_1e-6_per_K" not in point
    assert point["heat_capacity_kB_per_atom"] > 1.5
    assert call("report", folder).code == 0 and (folder / "report.html").exists()


@pytest.mark.slow
def test_exchanges(call, springs, tmp_path):
    """A replica exchange: every replica is a temperature; the report has its figure."""
    folder = tmp_path / "exchange"
    options = "--temperatures", "200,220,240", "--observe", "sites", "--method", "mc"
    lengths = "--equilibration", 40, "--production", 400
    assert call("exchange", springs, *SIZE, *options, *lengths, "--out", folder).code == 0
    done = call("report", folder)
    assert done.code == 0, done.err
    text = (folder / "report.html").read_text()
    assert "In equilibrium springs is cubic" in text and "Two walkers" in text


def test_refusals(call, springs, tmp_path):
    """What is no run is refused in words."""
    done = call("thermo", tmp_path / "nothing")
    assert done.code == 2 and "no run file" in done.err
    done = call("report", springs)
    assert done.code == 2 and "no run file" in done.err
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize(
    ("command", "out", "message"),
    [
        ("thermo", "file", "cannot make the folder"),
        ("thermo", "/proc", "cannot write to the folder"),
        ("report", ".", "it is a folder"),
        ("report", "file/page.html", "cannot make the folder"),
        ("transitions", "file", "cannot make the folder"),
    ],
)
def test_files_that_cannot_be_written_are_refused_first(call, swept, tmp_path, monkeypatch, command, out, message):
    """Before anything is computed for them."""

    def compute(*arguments):
        raise AssertionError("computed")

    monkeypatch.setattr(import_module("anharmonic.sweep.analysis_files"), "analyse", compute)
    monkeypatch.setattr(import_module("anharmonic.sweep.transitions"), "transitions", compute)
    (tmp_path / "file").write_text("")
    done = call(command, swept, "--out", tmp_path / out)
    assert done.code == 2 and message in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_doubts_of_runs_without_a_direction():
    """The sentence has no gap where a sweep names its direction."""
    points = [{"temperature_K": 300.0, "direction": way, "doubts": ["short"]} for way in ("", "heating")]
    found = list(doubts({"points": points, "structures": []}))
    assert found == ["doubt at 300 K: short", "doubt at 300 K heating: short"]


@pytest.mark.slow
def test_ramps_are_refused(call, springs, tmp_path):
    """They have no equilibrium."""
    ramp = "--temperature", 100, "--to", 200, "--equilibration", 200, "--production", 400
    assert call("md", springs, *SIZE, *ramp, "--out", tmp_path / "ramp").code == 0
    done = call("thermo", tmp_path / "ramp")
    assert done.code == 2 and "ramp" in done.err


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium")
def test_report_in_a_browser(call, swept, tmp_path):
    """Chromium without a network draws the page, all images with a size."""
    path = tmp_path / "report.html"
    assert call("report", swept, "--out", path).code == 0
    check = "<script>document.title = [...document.images].map(i => i.naturalWidth > 0).join()</script></body>"
    (tmp_path / "checked.html").write_text(path.read_text().replace("</body>", check))
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    options += ["--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=5000", "--dump-dom"]
    command = ["chromium", *options, (tmp_path / "checked.html").as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    n_images = path.read_text().count("<img")
    assert n_images == 6 and f"<title>{','.join(['true'] * n_images)}</title>" in done.stdout
