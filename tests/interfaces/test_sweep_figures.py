"""Synthetic sweeps with the transitions of CsPbBr3 and the noise of a run of 8x8x8 cells."""

from itertools import pairwise

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imread

from anharmonic.analysis import find_transitions
from anharmonic.errors import AnharmonicError
from anharmonic.interfaces.phase_labels import mark_transitions
from anharmonic.interfaces.scan_figures import draw_scan
from anharmonic.interfaces.style import files_of
from anharmonic.interfaces.sweep_figures import draw_lattice, draw_order, physical_axes

TETRAGONAL, CUBIC = 361.0, 403.0


def point(temperature, direction, permutation, rng):
    """One temperature: hysteresis of 15 K, error bars that grow towards the transitions."""
    shift = 8 if direction == "heating" else -8
    low, high = TETRAGONAL + shift, CUBIC + shift
    plus = 5.5 * max(0, 1 - (temperature - 20) / (high + 10)) ** 0.25 + 1.5 if temperature < high else 0.0
    minus = 7.2 * (1 - temperature / (low + 40)) ** 0.35 if temperature < low else 0.0
    cubic = 5.845 + 1.9e-4 * (temperature - 300)
    lengths = cubic - np.array([-0.5, 1, 1]) * plus**2 * 6e-4 - np.array([0.7, 0.1, 0.1]) * minus**2 * 9e-4
    noise = 1 + 3 * np.exp(-min(abs(temperature - low), abs(temperature - high)) / 15)
    tilt_error, length_error = 0.07 * noise, 0.0012 * noise
    phase = ("orthorhombic", "a-a-c+") if minus else ("tetragonal", "a0a0c+") if plus else ("cubic", "a0a0a0")
    axes = np.argsort(permutation)
    plus, minus = np.array([plus, 0, 0])[axes], np.array([0, minus, minus])[axes]
    lengths = lengths[axes] + rng.normal(scale=length_error, size=3)
    return {
        "temperature_K": float(temperature),
        "direction": direction,
        "phase": phase[0],
        "glazer": phase[1],
        **dict(zip("abc", lengths.tolist(), strict=True)),
        "tilt_in_phase": (plus + rng.normal(scale=tilt_error, size=3)).tolist(),
        "tilt_anti_phase": (-minus + rng.normal(scale=tilt_error, size=3)).tolist(),
        "energy": 3.8e-4 * temperature,
        "errors": {
            **dict.fromkeys("abc", length_error),
            **dict.fromkeys(("tilt_in_phase", "tilt_anti_phase"), [tilt_error] * 3),
            "energy": 1e-4,
        },
    }


def sweep(step=25, directions=("heating", "cooling")):
    rng = np.random.default_rng(0)
    temperatures = np.arange(150, 551, step)
    points, transitions = [], []
    for direction, order in zip(directions, ((2, 0, 1), (1, 2, 0)), strict=False):
        run = [point(t, direction, order, rng) for t in temperatures[:: 1 if direction == "heating" else -1]]
        points += run
        transitions += find_transitions(run, direction)
    summary = {"potential": "CsPbBr3", "supercell": [8, 8, 8], "method": "md"}
    return {**summary, "points": points, "transitions": transitions}


def without_tilts():
    """A ferroelectric like BaTiO3: named by its lattice."""
    points = []
    for t in range(200, 500, 20):
        strain = 0.01 if t < 380 else 0.0
        tilts = {"tilt_in_phase": None, "tilt_anti_phase": None, "phase": "tetragonal" if strain else "cubic"}
        lengths = {"a": 4.0, "b": 4.0 * (1 + strain), "c": 4.0, "errors": dict.fromkeys("abc", 1e-3)}
        points.append({"temperature_K": t, "direction": "heating", "glazer": None, **tilts, **lengths})
    transitions = find_transitions(points, "heating")
    summary = {"potential": "BaTiO3", "supercell": [[0, 4, 4], [4, 0, 4], [4, 4, 0]], "method": "mc"}
    return {**summary, "points": points, "transitions": transitions}


def paths():
    def well(x, depth, minimum):
        return depth * ((x / minimum) ** 4 - 2 * (x / minimum) ** 2)

    mix, tilt, volume = np.linspace(0, 2, 81), np.linspace(0, 18, 91), np.linspace(0.92, 1.08, 81)
    interpolation = np.where(mix < 1, 77 * well(mix, 1, 1.0), -77 + 21 * well(np.clip(mix - 1, 0, 1), 1, 1.0))
    named = [{"x": 0, "label": "Pm-3m"}, {"x": 1, "label": "P4/mbm"}, {"x": 2, "label": "Pnma"}]
    rng = np.random.default_rng(1)

    def panel(name, x_label, x, energy, markers=(), every=8):
        dft = {"x": x[::every], "energy_meV": energy[::every] + rng.normal(scale=1.5, size=len(x[::every]))}
        markers = [dict(m) for m in markers]
        return {"name": name, "x_label": x_label, "x": x, "energy_meV": energy, "markers": markers, "dft": dft}

    return [
        panel("Phase to phase", "Path", mix, interpolation, named),
        panel("In-phase tilt", "Angle (°)", tilt, well(tilt, 53, 11.5)),
        {**panel("Volume", "V / V$_0$", volume, 14000 * (volume - 1) ** 2), "dft": None},
        panel("Anti-phase tilt", "Angle (°)", tilt, well(tilt, 49, 11.0)),
    ]


def is_drawn(path):
    image = imread(path)[..., :3]
    return min(image.shape[:2]) > 300 and image.std() > 0.02


@pytest.mark.parametrize("draw", [draw_lattice, draw_order])
@pytest.mark.parametrize("summary", [sweep(), sweep(50, ("cooling",)), without_tilts()], ids=["both", "one", "none"])
def test_sweep_figures(draw, summary, tmp_path):
    before = dict(matplotlib.rcParams)
    draw(summary, tmp_path / "figure.png")
    assert is_drawn(tmp_path / "figure.png")
    assert [p.name for p in tmp_path.iterdir()] == ["figure.png"]
    assert dict(matplotlib.rcParams) == before


def test_other_formats_and_one_temperature(tmp_path):
    summary = sweep(500)
    draw_lattice(summary, tmp_path / "new" / "figure.pdf")
    draw_order(summary, tmp_path / "new" / "figure.svg")
    assert (tmp_path / "new" / "figure.pdf").read_bytes().startswith(b"%PDF")
    assert "Temperature (K)" in (tmp_path / "new" / "figure.svg").read_text()
    with pytest.raises(AnharmonicError, match="no points"):
        draw_order({**summary, "points": []}, tmp_path / "figure.png")


def test_without_a_suffix_there_is_a_file_of_each_format(tmp_path):
    draw_lattice(sweep(500), tmp_path / "lattice")
    assert is_drawn(tmp_path / "lattice.png")
    assert (tmp_path / "lattice.pdf").read_bytes().startswith(b"%PDF")
    assert {p.name for p in tmp_path.iterdir()} == {p.name for p in files_of(tmp_path / "lattice")}
    assert files_of(tmp_path / "lattice.svg") == [tmp_path / "lattice.svg"]


def transition(low, high, unresolved):
    ends = {"temperature_K": (low + high) / 2, "error_K": (high - low) / 2}
    return {**ends, "unresolved": unresolved, "sequence": [[low, "tetragonal"], [high, "cubic"]]}


@pytest.mark.parametrize("height", [1.2, 2.5])
def test_labels_of_transitions(height):
    """Unresolved neighbours share a label, and so do close ones; all are inside the panel and apart."""
    drawing = Figure(figsize=(3.2, height), layout="constrained")
    canvas = FigureCanvasAgg(drawing)
    axes = drawing.subplots()
    axes.errorbar([150.0, 350.0, 550.0], [10.0, 5.0, 0.0], 0.1)
    drawing.draw_without_rendering()
    ends = [(250, 275, False), (275, 300, True), (300, 325, True), (402, 406, False), (406, 410, False)]
    mark_transitions(axes, [transition(*t) for t in ends][::-1])
    assert [text.get_text() for text in axes.texts] == ["262 ± 13 K", "275 – 325 K", "402 – 410 K"]
    canvas.draw()
    boxes, panel = [text.get_window_extent() for text in axes.texts], axes.get_window_extent()
    assert all(panel.y0 < box.y0 < box.y1 < panel.y1 for box in boxes)
    assert not any(one.overlaps(other) for one, other in pairwise(boxes))


def test_colours_follow_the_physical_axis():
    summary = sweep()
    for direction in ("heating", "cooling"):
        points = [p for p in summary["points"] if p["direction"] == direction]
        order = physical_axes(points)
        found = {np.abs(p["tilt_in_phase"]).argmax() for p in points if p["phase"] != "cubic"}
        assert len(found) == 1
        assert (order[:, 0] == found.pop()).all()
        assert (np.sort(order, axis=1) == [0, 1, 2]).all()
    assert set(physical_axes(without_tilts()["points"])[:, 0]) == {1}


def test_scan_figure(tmp_path):
    draw_scan(paths(), tmp_path / "scan.png")
    assert is_drawn(tmp_path / "scan.png")
    draw_scan(paths()[:3], tmp_path / "three.png")
    assert is_drawn(tmp_path / "three.png")
    with pytest.raises(AnharmonicError, match="at least one path"):
        draw_scan([], tmp_path / "none.png")
