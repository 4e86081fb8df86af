"""The command ``select``: files, refusals, going on, learning curves."""

import json

import numpy as np
import pytest
from selections import write_labels, write_select_toml

from anharmonic.fitting.selection.plan import SelectionPlan


@pytest.fixture(scope="module")
def labels_file(tmp_path_factory):
    return write_labels(tmp_path_factory.mktemp("labels") / "labels.extxyz")


def test_command(labels_file, call, tmp_path):
    quick = ('["cluster", "site"]', '["cluster"]'), ('["ridge", "lasso", "ard"]', '["ridge"]')
    path, out = write_select_toml(tmp_path, labels_file, *quick), tmp_path / "out"
    done = call("select", path, "--out", out)
    assert done.code == 0, done.err
    assert "9/9 trainings" in done.err and "1 pair" in done.out and "test" in done.out
    assert all(
        (out / n).stat().st_size > 10000 for n in ("selection.png", "selection_forces.png", "selection_stress.png")
    )
    assert len((out / "selection.csv").read_text().splitlines()) == 1 + 1 + 2
    assert call("select", path, "--out", out, "--quiet").out == done.out
    other = call("select", write_select_toml(tmp_path, labels_file, *quick, ("folds = 3", "folds = 4")), "--out", out)
    assert other.code == 2 and "folds was 3, is 4" in other.err
    (out / "selection.jsonl").write_text("nothing\n")
    damaged = call("select", path, "--out", out)
    assert damaged.code == 2 and "is damaged" in damaged.err


def test_learning_curve(labels_file, call, tmp_path):
    done = call("select", write_select_toml(tmp_path, labels_file), "--out", tmp_path, "--learning-curve", "--quiet")
    assert done.code == 0, done.err
    assert "energies only" in done.out and (tmp_path / "learning_curve.png").stat().st_size > 10000
    lines = (tmp_path / "learning_curve.jsonl").read_text().splitlines()
    rows = [row for line in lines[1:] for row in json.loads(line)["rows"]]
    errors = {}
    for row in rows:
        errors.setdefault(row["labels"], []).append(row["validation"]["forces_rmse"])
    assert {row["n_frames"][0] for row in rows} == {5, 12} and len(rows) == 2 * 2 * 2 * 2
    assert np.mean(errors["energies only"]) > np.mean(errors["energies, forces, stresses"])


@pytest.mark.parametrize(
    "change, message",
    [
        (("folds = 3", "fold = 3"), "did you mean 'folds'"),
        (('"site"]', '"sites"]'), "cluster, site, found 'sites'"),
        (("[[1], [2]]", "[[1], [0]]"), "widths from 1 on"),
        (('"ard"]', '"ridge regression"]'), "ridge, lasso, ard"),
        (("folds = 3", "folds = 1"), "2 or more"),
        (("folds = 3", "folds = 30"), "take 60 frames"),
        (("{ pairs = 1 }", "{ pair = 1 }"), "did you mean 'pairs'"),
        (('"1 pair" = { pairs = 1 }\n', ""), "at least one set of clusters"),
        (("frames = [5, 12]", "frames = [5, 120]"), "takes as many that are no test: 19"),
        (("energy = 0.1", "energie = 0.1"), "did you mean 'energy'"),
    ],
)
def test_refusals(change, message, labels_file, call, tmp_path):
    arguments = ["--learning-curve"] if "120" in change[1] else []
    done = call(
        "select", write_select_toml(tmp_path, labels_file, change), "--out", tmp_path / "out", "--quiet", *arguments
    )
    assert done.code == 2 and done.err.startswith("error: ") and message in done.err.replace("\n", " ")


def test_labels_that_are_asked_for(labels_file, call, tmp_path):
    less = write_labels(tmp_path / "less.extxyz", without_energy=(3,))
    done = call("select", write_select_toml(tmp_path, less), "--out", tmp_path / "out", "--quiet")
    assert done.code == 2 and "1 of 24 frames have no energy" in done.err
    ignored = write_select_toml(tmp_path, less, ("energy = 0.1", "energy = 0.0"))
    done = call("select", ignored, "--out", tmp_path / "out", "--quiet", "--learning-curve")
    assert done.code == 2 and "weight of energies above 0" in done.err


def test_example(call, tmp_path):
    done = call("select", "--example")
    (tmp_path / "select.toml").write_text(done.out)
    plan = SelectionPlan.read(tmp_path / "select.toml")
    assert plan.n_trainings == 4000 and plan.learning_curve.frames[0] == 10
