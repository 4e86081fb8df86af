"""Sentences of the report of a run."""

from types import SimpleNamespace

import pytest

from anharmonic.sweep.analysis_files import RunAnalysis
from anharmonic.sweep.doubts import DOUBTED
from anharmonic.sweep.report import answer
from anharmonic.sweep.report_tables import doubt_sentences
from anharmonic.sweep.result import RENAMED


def point(temperature, phase, doubtful=False):
    return {"temperature_K": temperature, "direction": "heating", "phase": phase, "glazer": None,
            "doubtful": doubtful, "doubts": [DOUBTED] * doubtful}  # fmt: skip


@pytest.mark.parametrize(
    "doubtful, words",
    [
        ([False, False, True], "cubic from 10 to 20 K, tetragonal at 30 K (in doubt)."),
        ([True, False, False], "cubic from 10 to 20 K (in doubt at 10 K), tetragonal at 30 K."),
        ([False, False, False], "cubic from 10 to 20 K, tetragonal at 30 K."),
    ],
)
def test_doubtful_phases_are_said_to_be(doubtful, words):
    phases = zip((10, 20, 30), ("cubic", "cubic", "tetragonal"), doubtful, strict=True)
    record = {"potential": "springs", "points": [point(*p) for p in phases], "transitions": []}
    assert next(answer(SimpleNamespace(record=record))) == f"On heating springs is {words}"


def test_a_doubtful_phase_is_said_once():
    """The averages of the whole run doubt one temperature, those within one domain another, both a third."""
    summary = {
        "points": [point(10, "cubic", True), point(20, "cubic"), point(30, "cubic", True)],
        "warnings": [f"{RENAMED} 10 K heating, 30 K heating", "outside the fitted data"],
    }
    record = {"points": [point(10, "cubic"), point(20, "cubic", True), point(30, "cubic", True)]}
    record |= {"structures": [], "warnings": []}
    found = list(doubt_sentences(SimpleNamespace(summary=summary, record=record)))
    assert found == ["outside the fitted data", f"10 K heating, 20 K heating, 30 K heating: {DOUBTED}"]


def test_figures_say_what_the_text_says():
    """Phases and transitions are those of the record; lattice parameters those of the summary."""
    summary = {"points": [point(10, "cubic") | {"a": 4.0}, point(20, "cubic") | {"a": 5.0}], "transitions": []}
    record = {"points": [point(10, "tetragonal"), point(20, "cubic")], "transitions": [{"temperature_K": 15}]}
    drawn = RunAnalysis(None, summary, record, [], [], []).drawn_summary
    assert drawn["transitions"] == record["transitions"]
    assert [(p["phase"], p["a"]) for p in drawn["points"]] == [("tetragonal", 4.0), ("cubic", 5.0)]
