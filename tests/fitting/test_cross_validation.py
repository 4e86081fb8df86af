"""Cross-validation from one pass over the rows, against fits without each fold."""

import numpy as np
import pytest

import anharmonic as ah
from anharmonic.errors import AnharmonicError, DatasetError
from anharmonic.fitting import Weights, fit
from anharmonic.fitting.cross_validation import cross_validate
from anharmonic.fitting.geometry import Geometry
from anharmonic.fitting.problem import untrained
from anharmonic.fitting.statistics import Statistics
from anharmonic.fitting.unit_predictions import UnitPredictions
from anharmonic.potential.library import library_folder

RIDGE = 3.0


@pytest.fixture(scope="module")
def labels():
    """A third of the labelled structures of the 20-atom cell of CsPbBr3."""
    dataset = ah.Dataset.read(library_folder() / "CsPbBr3" / "labels.extxyz", ah.load("CsPbBr3").crystal)
    return dataset.subset([k for k, frame in enumerate(dataset) if frame.group == "c20"][::3])


@pytest.fixture(scope="module")
def unit(labels):
    geometry = Geometry(ah.ClusterBasis(labels.crystal, pairs=3, order=3, metric="inverse"))
    return UnitPredictions(geometry, untrained(geometry.basis, Statistics.of_dataset(geometry, labels)))


def test_each_frame_is_predicted_by_a_fit_without_it(unit, labels):
    """Five folds, by numpy alone: the loss keeps its scales, the ridge the share of the frames that are left."""
    found = cross_validate(unit, labels, Weights(), 5, ridge=RIDGE, seed=2)
    rows = dict(zip([frame.source for frame in labels], unit.rows(labels, Weights()), strict=True))
    place, seen = {frame.source: k for k, frame in enumerate(labels)}, 0
    for training, held_out in labels.folds(5, 2):
        prior = np.diag(np.r_[np.full(unit.n_weights, 0.8 * RIDGE), np.full(len(labels.groups), 1e-12)])
        pairs = [rows[frame.source].scaled() for frame in training]
        matrix, target = prior + sum(j @ j.T for j, _ in pairs), sum(j @ y for j, y in pairs)
        solution = np.linalg.solve(matrix, target)
        for frame in held_out:
            expected, k = rows[frame.source].jacobian.T @ solution, place[frame.source]
            np.testing.assert_allclose(found.predictions[k][1:-9], expected[1:-9], rtol=1e-6, atol=1e-9)
            np.testing.assert_allclose(found.predictions[k][-9:], expected[-9:], rtol=1e-6, atol=1e-11)
            seen += 1
    assert seen == len(labels) and found.strength == RIDGE


def test_a_fit_reports_its_folds(labels):
    """Held-out errors are larger than those of training, and the ridge is what the folds choose."""
    basis = ah.ClusterBasis(labels.crystal, pairs=3, order=3, metric="inverse")
    result = fit(basis, labels, model="polynomial", folds=4, test=0.2)
    assert list(result.report) == ["training", "test", "4 folds"]
    assert result.report["4 folds"]["all"]["forces_rmse"] > result.report["training"]["all"]["forces_rmse"]
    assert result.report["4 folds"]["all"]["n_frames"] == result.report["training"]["all"]["n_frames"]
    geometry, training = Geometry(basis), labels.split(0.8, 0)[0]
    unit = UnitPredictions(geometry, untrained(basis, Statistics.of_dataset(geometry, training)))
    assert result.potential.metadata["ridge"] == cross_validate(unit, training, Weights(), 4).strength


def test_what_folds_cannot_be(labels, unit):
    with pytest.raises(AnharmonicError, match="anharmonic select"):
        fit(unit.geometry.basis, labels, model="cluster", folds=5)
    with pytest.raises(DatasetError, match="at least 2 folds, found 1"):
        cross_validate(unit, labels, Weights(), 1)
