import numpy as np
import pytest

from anharmonic.analysis import find_transitions
from anharmonic.analysis.transitions import bracket
from anharmonic.errors import AnharmonicError

PHASES = {
    "O": ("orthorhombic", "a-a-c+", 7.0, 6.0),
    "T": ("tetragonal", "a0a0c+", 6.0, 0.1),
    "C": ("cubic", "a0a0a0", 0.1, 0.1),
    "I": ("tetragonal", "a0a0c-", 0.1, 5.0),
}


def points_of(letters, start=300.0, step=20.0):
    points = []
    for i, letter in enumerate(letters):
        name, glazer, plus, minus = PHASES[letter]
        points.append({
            "temperature_K": start + step * i,
            "phase": name,
            "glazer": glazer,
            "tilt_in_phase": [0.0, 0.0, plus],
            "tilt_anti_phase": [minus, minus, 0.0],
        })  # fmt: skip
    return points


def summary(found):
    return [(t["from"][:1], t["to"][:1], t["temperature_K"], t["error_K"], t["unresolved"]) for t in found]


def test_two_clean_transitions():
    found = find_transitions(points_of("OOOTTCC"), "heating")
    assert summary(found) == [("o", "t", 350, 10, False), ("t", "c", 390, 10, False)]
    assert all(t["direction"] == "heating" for t in found)
    assert found[0]["sequence"] == [[340.0, "orthorhombic"], [360.0, "tetragonal"]]


def test_cooling_runs_down():
    found = find_transitions(points_of("CCTOO", 400, -20), "cooling")
    assert summary(found) == [("c", "t", 370, 10, False), ("t", "o", 350, 10, False)]
    with pytest.raises(AnharmonicError, match="fall throughout"):
        find_transitions(points_of("CCTOO"), "cooling")
    with pytest.raises(AnharmonicError, match="'heating' or 'cooling'"):
        find_transitions(points_of("CC"), "up")


@pytest.mark.parametrize("letters", ["", "C", "CCCC"])
def test_no_transition(letters):
    assert find_transitions(points_of(letters), "heating") == []


@pytest.mark.parametrize("direction", ["heating", "cooling"])
def test_vanishing_order_parameter_is_extrapolated(direction):
    points = points_of("TTTTCC")
    for p in points[:4]:
        p["tilt_in_phase"] = [0.0, np.sqrt(0.5 * (366.0 - p["temperature_K"])), 0.0]
    found = find_transitions(points if direction == "heating" else points[::-1], direction)
    assert found[0]["temperature_K"] == pytest.approx(366)
    # the bracket 360 - 380 K stays inside the error bar
    assert found[0]["error_K"] == pytest.approx(14)
    assert bracket(found[0]) == (360, 380)


def test_jump_stays_in_the_middle():
    points = points_of("TTTCC")
    points[1]["tilt_in_phase"] = [0, 0, 6.2]
    assert summary(find_transitions(points, "heating")) == [("t", "c", 350, 10, False)]


def test_same_name_other_tilts():
    found = find_transitions(points_of("TTII"), "heating")
    assert (found[0]["from"], found[0]["to"]) == ("tetragonal a0a0c+", "tetragonal a0a0c-")


@pytest.mark.parametrize(
    "letters, expected",
    [
        ("TTCTCC", [("t", "c", 350, 30, True)]),
        ("TTCTCTCCC", [("t", "c", 370, 50, True)]),
        ("TTCTT", [("t", "c", 330, 10, True), ("c", "t", 350, 10, True)]),
        ("TCTTTTCC", [("t", "c", 310, 10, True), ("c", "t", 330, 10, True), ("t", "c", 410, 10, False)]),
        ("TTTCCCTTT", [("t", "c", 350, 10, False), ("c", "t", 410, 10, False)]),
        ("OOTOTTCC", [("o", "t", 350, 30, True), ("t", "c", 410, 10, False)]),
        ("OOTTTTCTCC", [("o", "t", 330, 10, False), ("t", "c", 430, 30, True)]),
        ("OOTOCCC", [("o", "t", 330, 10, True), ("t", "o", 350, 10, True), ("o", "c", 370, 10, True)]),
        ("TTTTCTCCCC", [("t", "c", 390, 30, True)]),
        ("OOCTTTCCC", [("o", "c", 330, 10, True), ("c", "t", 350, 10, True), ("t", "c", 410, 10, False)]),
        ("CTTTTTT", [("c", "t", 310, 10, False)]),
        ("TTTTTTCT", [("t", "c", 410, 10, True), ("c", "t", 430, 10, True)]),
    ],
)
def test_flicker(letters, expected):
    assert summary(find_transitions(points_of(letters), "heating")) == expected


@pytest.mark.parametrize(
    "doubted, unresolved",
    [([], [False, False]), ([1, 3], [False, False]), ([2, 3], [True, True]), ([0, 1], [True, False])],
)
def test_transitions_of_a_doubtful_phase(doubted, unresolved):
    """A phase in doubt at all its temperatures may not be there; one sure temperature is enough."""
    points = points_of("OOTTCC")
    for k in doubted:
        points[k]["doubtful"] = True
    assert [t["unresolved"] for t in find_transitions(points, "heating")] == unresolved
    for p in points:
        p["tilt_in_phase"] = [np.nan] * 3
    assert not any(t["unresolved"] for t in find_transitions(points, "heating"))


def test_flicker_lists_every_name():
    found = find_transitions(points_of("TTCTCC"), "heating")[0]
    assert [name[0] for _, name in found["sequence"]] == ["t", "c", "t", "c"]


def test_crystals_without_tilts():
    points = [{"temperature_K": t, "phase": p, "glazer": None} for t, p in ((10, "tetragonal"), (20, "cubic"))]
    assert summary(find_transitions(points, "heating")) == [("t", "c", 15, 5, False)]
