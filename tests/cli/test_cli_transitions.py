"""``anharmonic transitions``: reads runs of several supercells, answers, and refuses."""

import json
import shutil

import h5py
import numpy as np
import pytest

from anharmonic.conventions import BOLTZMANN
from anharmonic.sweep.recorded import open_run
from anharmonic.sweep.states import states_of

TEMPERATURES = "270:330:15"
SHORT = ("--equilibration", 200, "--production", 3200, "--quiet")
T0 = 300.0
MODES = "--observe", "mode R T1g,mode 1/2 0 0"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


def swept(call, springs, folder, supercell, *options):
    done = call(
        "sweep", springs, "--temperatures", TEMPERATURES, "--supercell", *supercell, *SHORT, *options, "--out", folder
    )
    assert done.code == 0, done.err
    return folder


@pytest.fixture
def plain(call, springs, runs):
    """A sweep of a crystal without transitions, both ways."""
    folder = runs / "plain"
    return folder if folder.exists() else swept(call, springs, folder, (2, 2, 2), "--direction", "both", *MODES)


def with_order(source, folder, n_cells, seed):
    """The run with samples of a Landau model of that many cells in place of its own: cumulants cross at T0."""
    grid, rng = np.linspace(-1.5, 1.5, 6001), np.random.default_rng(seed)
    shutil.copytree(source, folder)
    with h5py.File(folder / "run.h5", "r+") as file:
        stage, plan = file["samples/stage"][:], json.loads(file.attrs["options"])
        way = np.concatenate([plan["temperatures"], plan["temperatures"][::-1]])
        for k, temperature in enumerate(way):
            rows = np.flatnonzero(stage == k)
            weights = np.exp(-n_cells * (grid**2 + (-T0 * grid**2 + 100 * grid**4) / temperature))
            m = rng.choice(grid, len(rows), p=weights / weights.sum())
            energy = n_cells * BOLTZMANN * (-T0 * m**2 + 100 * m**4)
            # one component carries the order: the cumulant of the vector crosses at T0 as well
            tangents = rng.normal(0, 1e-4, (len(rows), 6))
            tangents[:, 0] = np.tan(np.radians(m))
            file["samples/energy"][rows[0] : rows[-1] + 1] = energy
            file["samples/projections"][rows[0] : rows[-1] + 1] = tangents
    return folder


def test_states_are_what_was_recorded(plain):
    """Production of each temperature in its direction, with tilts and strains."""
    states = list(states_of(open_run(plain)))
    assert [direction for direction, _ in states] == ["heating"] * 5 + ["cooling"] * 5
    with h5py.File(plain / "run.h5") as file:
        chosen = (file["samples/stage"][:] == 7) & file["samples/production"][:]
        np.testing.assert_array_equal(states[7][1].enthalpy, file["samples/energy"][:][chosen].astype(float))
    order = states[7][1].order
    tilts, tilt = order["anti-phase tilts"], order["mode R T1g Br Eu"]
    assert {"in-phase tilts", "anti-phase tilts", "strain Eg", "strain T2g", "mode X A2u Pb T1u"} < set(order)
    assert states[7][1].temperature == 300.0 and order["mode X Eu Pb T1u"].shape == (len(tilts), 6)
    # the mode at R is the anti-phase tilt: a tan(phi) / sqrt(2)
    expected = 5.87 / 2**0.5 * abs(np.tan(np.radians(tilts)))
    np.testing.assert_allclose(np.sort(abs(tilt)), np.sort(expected), rtol=1e-4, atol=1e-6)


def test_no_transition(call, plain, tmp_path):
    """A stable crystal: no transition, said in words, with everything that was found."""
    done = call("transitions", plain, "--out", tmp_path, "--quiet")
    assert done.code == 0, done.err
    assert "in-phase tilts: no transition between these temperatures" in done.out
    assert "mode X A2u Pb T1u: no transition between these temperatures" in done.out
    assert "1 size of supercell: three tell what changes with size" in done.out
    assert json.loads((tmp_path / "transitions.json").read_text())["transitions"] == []
    assert (tmp_path / "transitions.pdf").read_bytes().startswith(b"%PDF")
    assert (tmp_path / "transitions.png").stat().st_size > 10_000 < (tmp_path / "curves.csv").stat().st_size


def test_one_supercell_has_no_error(call, plain, tmp_path):
    """Its peak has one, but says nothing of the infinite crystal."""
    done = call("transitions", with_order(plain, tmp_path / "run", 2048, 1), "--out", tmp_path / "out", "--quiet")
    assert done.code == 0, done.err
    assert "nothing is known of the effect of size" in done.out
    found = json.loads((tmp_path / "out" / "transitions.json").read_text())["transitions"][0]
    assert abs(found["temperature_K"] - T0) < 15 and found["error_K"] is None
    (peak,) = [r for r in found["routes"] if r["route"] == "susceptibility peaks"]
    assert peak["error_K"] > 0


@pytest.mark.slow
def test_transition(call, springs, plain, runs, tmp_path):
    """Three sizes, heated and cooled: the crossing within its error, from all routes the same."""
    sizes = {"b": (2, 2, 4), "c": (2, 4, 4)}
    folders = [plain, *(swept(call, springs, runs / k, s, "--direction", "both") for k, s in sizes.items())]
    made = [with_order(f, tmp_path / str(n), n, n) for f, n in zip(folders, (128, 512, 2048), strict=True)]
    done = call("transitions", *made, "--out", tmp_path / "out", "--quiet")
    assert done.code == 0, done.err
    assert "in-phase tilts vanish at" in done.out and "cumulants cross" in done.out
    found = json.loads((tmp_path / "out" / "transitions.json").read_text())["transitions"][0]
    assert found["order_parameter"] == "in-phase tilts"
    assert abs(found["temperature_K"] - T0) < 4 * found["error_K"] < 80
    assert set(found["hysteresis"]) >= {"heating_K", "cooling_K"}


def test_refusals(call, springs, plain, runs, tmp_path):
    """What leads to no run, to a run of something else, or to runs that have nothing in common."""
    assert "no run file at" in refused(call, tmp_path / "none")
    (tmp_path / "run.h5").write_text("no HDF5")
    assert "damaged" in refused(call, tmp_path)
    done = call(
        "md",
        springs,
        "--supercell",
        2,
        2,
        2,
        "--temperature",
        300,
        "--production",
        400,
        "--quiet",
        "--out",
        runs / "md",
    )
    assert done.code == 0, done.err
    assert "a sweep or a replica exchange is wanted here" in refused(call, runs / "md")
    pressed = swept(call, springs, runs / "pressed", (2, 2, 2), "--pressure", 0.5, "--temperatures", "300,310")
    assert "pressures (GPa)" in refused(call, plain, pressed)
    assert "does not know its uncertainty" in refused(call, plain, "--potential", springs)


def refused(call, *paths):
    done = call("transitions", *paths, "--quiet", "--out", paths[0].parent / "refused")
    assert done.code == 2
    return done.err
