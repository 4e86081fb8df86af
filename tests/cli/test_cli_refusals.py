"""Every refusal is one message on stderr and exit code 2."""

import ase.build
import ase.io
import h5py
import pytest

SWEEP = ["--supercell", 2, 2, 2, "--temperatures", 300]
MD = ["--supercell", 2, 2, 2, "--temperature", 300]


def refused(done, message):
    assert done.code == 2, done
    assert message in done.err and done.err.splitlines()[-1].startswith("error: ") and "Traceback" not in done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--supercell", 2, 2, "x", "--temperatures", 300], "three integers"),
        (["--supercell", 0, 2, 2, "--temperatures", 300], "three integers"),
        (["--temperatures", 300], "the supercell is missing"),
        ([*SWEEP, "--matrix", "2 0 0; 0 2 0; 0 0 2"], "give one of them"),
        (["--matrix", "1 0 0; 1 0 0; 0 0 1", "--temperatures", 300], "no volume"),
        (["--supercell", 2, 2, 2, "--temperatures", "300:200:50"], "rises from start to stop"),
        (["--supercell", 2, 2, 2, "--temperatures", "0:100:50"], "'0:100:50'"),
        (["--supercell", 2, 2, 2, "--temperatures", "hot"], "is no number"),
        (["--supercell", 2, 2, 2, "--temperatures", "300,300"], "distinct"),
        ([*SWEEP, "--direction", "up"], "heating, cooling, both"),
        ([*SWEEP, "--method", "hmc"], "md, mc"),
        ([*SWEEP, "--method", "mc", "--timestep", 2], "--timestep contradicts --method mc"),
        ([*SWEEP, "--cell", "fixed"], "constant pressure"),
        ([*SWEEP, "--cell", "cubic"], "cell is one of"),
        ([*SWEEP, "--production", 0], "production is at least one step"),
        ([*SWEEP, "--timestep", -1], "above 0"),
        ([*SWEEP, "--precision", "float16"], "float32, float64"),
        ([*SWEEP, "--out", "/proc/nowhere"], "cannot make the folder"),
    ],
)
def test_sweep_options(call, springs, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    refused(call("sweep", springs, *arguments), message)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["md", *MD, "--ensemble", "nvx"], "nve, nvt, npt"),
        (["md", *MD, "--ensemble", "nvt", "--pressure", 1], "--pressure contradicts"),
        (["md", *MD, "--ensemble", "nve", "--cell", "full"], "--cell contradicts"),
        (["md", *MD, "--cell", "fixed"], "that is nvt"),
        (["md", *MD, "--timestep", 0], "above 0"),
        (["md", *MD, "--snapshots", -5], "--snapshots"),
        (["md", *MD, "--start", "somewhere"], "ground-state or reference"),
        (["md", "--temperature", 300], "--structure FILE"),
        (["md", "--temperature", 300, "--structure", "nothing.cif"], "no structure file"),
        (["mc", *MD, "--ensemble", "nve"], "Monte Carlo has no time"),
        (["mc", *MD, "--timestep", 2], "--timestep contradicts Monte Carlo"),
        (["mc", *MD, "--ensemble", "nvt", "--pressure", 1], "--pressure contradicts"),
    ],
)
def test_simulation_options(call, springs, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    refused(call(arguments[0], springs, *arguments[1:]), message)


def test_foreign_structures(call, springs, crystal_file, tmp_path):
    ase.io.write(tmp_path / "si.cif", ase.build.bulk("Si"))
    arguments = ["md", springs, "--temperature", 300, "--out", tmp_path / "md", "--structure"]
    refused(call(*arguments, tmp_path / "si.cif"), "no whole multiple of the reference cell CsPbBr3")
    doubled = ase.io.read(crystal_file).repeat(2)
    ase.io.write(tmp_path / "doubled.extxyz", doubled)
    refused(call(*arguments, tmp_path / "doubled.extxyz", "--supercell", 3, 3, 3), "is no multiple")
    refused(call(*arguments, tmp_path / "doubled.extxyz", "--start", "reference"), "--start contradicts --structure")
    (tmp_path / "text.cif").write_text("hello")
    refused(call(*arguments, tmp_path / "text.cif"), "ASE reads no structure")


def test_potentials(call, springs, crystal_file, tmp_path):
    arguments = [*SWEEP, "--out", tmp_path]
    refused(call("sweep", "NoSuchPotential", *arguments), "no potential 'NoSuchPotential'")
    refused(call("sweep", crystal_file, *arguments), "no readable HDF5 file")
    truncated, edited = tmp_path / "truncated.h5", tmp_path / "edited.h5"
    truncated.write_bytes(springs.read_bytes()[:20000])
    refused(call("sweep", truncated, *arguments), "truncated")
    edited.write_bytes(springs.read_bytes())
    with h5py.File(edited, "r+") as file:
        file["model/terms/0000/weights"][0] += 1.0
    refused(call("sweep", edited, *arguments), "do not match its checksum")
    refused(call("info", edited), "checksum")
    refused(call("info", truncated), "damaged")
    refused(call("info", tmp_path / "nothing"), "no file")


def test_data(call, springs, labels, tmp_path):
    out = ["--out", tmp_path / "out"]
    (tmp_path / "text.extxyz").write_text("hello\n")
    refused(call("validate", springs, tmp_path / "text.extxyz", *out), "gives no frame")
    refused(call("validate", springs, tmp_path / "nothing", *out), "no file or folder")
    both = ["--stress-offset", 0.01, "--stress-offset-times-volume", 1.0]
    refused(call("validate", springs, labels, *both, *out), "contradicts")
    refused(call("scan", springs, "--points", 1, *out), "at least 2 points")
    refused(call("scan", springs, "--phases", "a0a0c+,x", *out), "no relaxed phase")


def test_basis(call, crystal_file, tmp_path):
    for arguments, message in (
        (["--metric", "cube"], "no deformation metric"),
        (["--polyhedra", "heptahedron"], "no polyhedron"),
        (["--pairs", 0.5], "no clusters"),
        (["--pairs", "near"], "is no number"),
        (["--order", "many"], "--order"),
        (["--order", 40], "from 1 to 12"),
        (["--draw", "nonet"], "names 0 orbits; there are 1: pair"),
        (["--draw", "pair"], "orbits; there are 1: pair"),
        (["--draw", 1, "--out", tmp_path / "modes.xyz"], ".png, .pdf, .svg"),
    ):
        refused(call("basis", crystal_file, *arguments), message)
    refused(call("basis", tmp_path / "nothing.cif"), "no structure file")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[crystal]", "[crystal", "no TOML file"),
        ("[data]", "[dat]", "did you mean 'data'?"),
        ("order", "ordre", "Known keys of [basis] are preset, pairs"),
        ("pairs = 4", 'pairs = "4"', "pairs of [basis] is of type number"),
        ('"polynomial"', '"poly"', "polynomial, cluster, site"),
        ("order = 4", "order = 4\nmetric = 'cube'", "no deformation metric"),
        ("[fit]", "[fit]\nweights = {energi = 1}", "did you mean 'energy'?"),
        ("[fit]", "[fit]\nweights = {energy = -1}", "from 0 on"),
        ("[fit]", "[fit]\nschedule = {step = 1}", "did you mean 'steps'?"),
        ("[fit]", "[electrostatics]\n[fit]", "takes file alone"),
        ("[fit]", '[electrostatics]\ncharges = "fited"\n[fit]', "'charges': 'fited'"),
        ("[fit]", "[electrostatics]\ncharges = [1, -1]\n[fit]", "takes file alone, charges (of every site) with"),
        ("[fit]", "[electrostatics]\ncharges = [1, -1]\ndielectric = 2\n[fit]", "each of the 5 sites"),
        ("[fit]", '[electrostatics]\nfile = "BORN"\n[fit]', "no file with Born charges at"),
        ("[fit]", '[fit]\nstart = "CsPbBr3"', "or start in [fit], a potential whose basis is kept"),
        ("[data]", "[data]\nstress_offset = 0.1\nstress_offset_times_volume = 1", "two forms of one number"),
        ("cell =", 'file = "a.cif"\ncell =', "names a file and also cell"),
        ("cell = [5.87, 5.87, 5.87]", "cell = [5.87, 5.87]", "three rows"),
        ("paths", "max_strain = 0.2\n#", "takes paths"),
    ],
)
def test_fit_files(call, fit_toml, labels, tmp_path, old, new, message):
    path = fit_toml(tmp_path, labels, change=(old, new))
    refused(call("fit", path, "--out", tmp_path / "out"), message)


def test_fit_without_forces(call, fit_toml, labels, tmp_path):
    frames = ase.io.read(labels, ":4")
    for atoms in frames:
        del atoms.calc.results["forces"]
    ase.io.write(tmp_path / "bare.extxyz", frames)
    path = fit_toml(tmp_path, tmp_path / "bare.extxyz")
    refused(call("fit", path, "--out", tmp_path / "out"), "4 of 4 frames have no forces, which is asked for")
    refused(call("fit", tmp_path / "nothing.toml"), "cannot be read")
