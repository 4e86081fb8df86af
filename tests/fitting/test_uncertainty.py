"""Predicted deviations and grades of fits to DFT labels of CsPbBr3, against refits and held-out errors."""

from types import SimpleNamespace

import numpy as np
import pytest

import anharmonic as ah
from anharmonic.fitting import calibrate, calibration_table, compare, fit
from anharmonic.fitting.calibration import Calibration
from anharmonic.fitting.geometry import Geometry
from anharmonic.fitting.linear import NormalEquations
from anharmonic.fitting.prediction import Weights
from anharmonic.fitting.problem import divide, untrained
from anharmonic.fitting.statistics import Statistics
from anharmonic.fitting.uncertainty import LEVELS, _errors
from anharmonic.fitting.unit_predictions import UnitPredictions
from anharmonic.potential.library import library_folder
from anharmonic.potential.linear_weights import linear_weights

N_BOOTSTRAP = 200


@pytest.fixture(scope="module")
def labels():
    """Every other labelled structure of the 20-atom cell: 73 frames."""
    crystal = ah.load("CsPbBr3").crystal
    dataset = ah.Dataset.read(library_folder() / "CsPbBr3" / "labels.extxyz", crystal)
    chosen = [k for k, frame in enumerate(dataset) if frame.group == "c20"][::2]
    return dataset.subset(chosen)


@pytest.fixture(scope="module")
def fitted(labels):
    """A small polynomial of three pair orbits."""
    basis = ah.ClusterBasis(labels.crystal, pairs=3, order=3, metric="inverse")
    return fit(basis, labels, model="polynomial", ridge=1.0, validation=0, test=0.25, seed=3)


@pytest.fixture(scope="module")
def problem(labels, fitted):
    """The least squares problem of that fit, row by row."""
    parts = divide(labels, 0, 0.25, 3, "frame")
    basis = fitted.potential.basis
    geometry = Geometry(basis)
    unit = UnitPredictions(geometry, untrained(basis, Statistics.of_dataset(geometry, parts["training"])))
    rows = list(unit.rows(parts["training"], Weights()))
    equations = NormalEquations(unit.n_weights, len(labels.groups)).add(rows)
    return SimpleNamespace(parts=parts, equations=equations, rows=rows)


def solved(rows, n_weights, ridge=1.0):
    """Ridge regression of rows, by numpy alone: solution and inverse matrix."""
    matrix = np.diag(np.r_[np.full(n_weights, ridge), np.full(len(rows[0].jacobian) - n_weights, 1e-12)])
    target = 0
    for jacobian, values in (row.scaled() for row in rows):
        matrix, target = matrix + jacobian @ jacobian.T, target + jacobian @ values
    return np.linalg.solve(matrix, target), np.linalg.inv(matrix)


def test_errors_of_frames_left_out_are_those_of_refits(problem):
    """The formula of one fit against fits without the frame: errors and variances."""
    n, rows = problem.equations.n_weights, problem.rows
    solution, covariance = solved(rows, n)
    group = rows[0].group
    for k in (0, 17, 40):
        others = rows[:k] + rows[k + 1 :]
        refit, inverse = solved(others, n)
        jacobian, values = rows[k].scaled()
        errors, variance, kinds = _errors(rows[k], solution, covariance, {group}, False)
        np.testing.assert_allclose(errors, jacobian.T @ refit - values, rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(variance, np.diag(jacobian.T @ inverse @ jacobian), rtol=1e-6, atol=1e-12)
        assert (kinds == rows[k].kinds).all()
        in_sample = np.linalg.norm(jacobian.T @ solution - values)
        assert np.linalg.norm(errors) > in_sample


def test_spread_of_bootstrap_refits(problem, fitted):
    """Fits to frames drawn with repetition scatter where the posterior says: the same forces, the same ratio to it."""
    n, rows, rng = problem.equations.n_weights, problem.rows, np.random.default_rng(0)
    weights = []
    for _ in range(N_BOOTSTRAP):
        weights.append(solved([rows[k] for k in rng.integers(len(rows), size=len(rows))], n)[0][:n])
    weights = np.array(weights)
    posterior = fitted.potential.posterior
    found, predicted = [], []
    for jacobian, forces in ((row.scaled()[0], row.kinds == 1) for row in rows[::6]):
        found.append(np.std(weights @ jacobian[:n, forces], axis=0))
        predicted.append(posterior.scales[1] * np.linalg.norm(posterior.factor.T @ jacobian[:n, forces], axis=0))
    found, predicted = np.concatenate(found), np.concatenate(predicted)
    assert np.corrcoef(found, predicted)[0, 1] > 0.75
    shuffled = rng.permutation(predicted)
    assert abs(np.corrcoef(found, shuffled)[0, 1]) < 0.2
    assert 0.02 < np.sqrt(np.mean(found**2) / np.mean(predicted**2)) < 1.0  # sampling is not all that is wrong


def test_posterior_of_the_fit(problem, fitted):
    """Factor and scales are those of the normal equations, whatever basis the factor is written in."""
    n = problem.equations.n_weights
    _, covariance = solved(problem.rows, n)
    posterior = fitted.potential.posterior
    np.testing.assert_allclose(posterior.factor @ posterior.factor.T, covariance[:n, :n], rtol=1e-6, atol=1e-12)
    flat = np.concatenate(linear_weights(fitted.potential.model))
    np.testing.assert_allclose(flat, solved(problem.rows, n)[0][:n], rtol=1e-6)
    assert (posterior.scales > 0).all()


def test_calibration_on_held_out_frames(fitted):
    """Forces within 10 points of nominal; deviations that are twice too large or too small are noticed."""
    calibration = fitted.calibrations["test"]
    found = calibration.fractions("forces")
    assert abs(found - LEVELS).max() < 0.1, found
    assert len(calibration.errors["forces"]) > 500
    for factor in (0.5, 2.0):
        wrong = {kind: factor * d for kind, d in calibration.deviations.items()}
        spoilt = Calibration(calibration.errors, wrong, calibration.frames).fractions("forces")
        assert abs(spoilt - LEVELS).max() > 0.1
    frames = calibration.frames[np.isfinite(calibration.frames).all(axis=1)]
    assert np.corrcoef(np.log(frames.T))[0, 1] > 0.8
    assert "test, forces" in calibration_table(fitted.calibrations) and "calibration" in fitted.table()
    assert fitted.potential.metadata["calibration"]["test"]["forces"]["nominal"] == list(LEVELS)


def test_calibration_of_a_loaded_potential(problem, fitted, tmp_path):
    """What a file says of other frames is what the fit said; its deviations are those of `Potential.uncertainty`."""
    fitted.potential.save(tmp_path / "a.h5")
    potential, data = ah.load(tmp_path / "a.h5"), problem.parts["test"].subset(range(4))
    again = calibrate(potential, data, compare(potential, data))
    found = potential.uncertainty(data.frames[2].configuration)
    deviation = np.sqrt(np.mean(found["forces"] ** 2))
    assert again.frames[2, 0] == pytest.approx(deviation, rel=1e-6)
    whole = fitted.calibrations["test"].frames
    np.testing.assert_allclose(again.frames[:4], whole[:4], rtol=1e-5)


def test_grades_of_the_training_frames(problem, fitted):
    """At most 1, for sites and for means, and 1 is reached; strongly rattled frames are far above."""
    potential, grades = fitted.potential, []
    for frame in problem.parts["training"]:
        grades.append(potential.evaluate(frame.configuration)["extrapolations"])
    domain = potential.domain
    assert max(g.max() for g in grades) == pytest.approx(1.0, abs=1e-9)
    for sites in domain.classes:
        assert max(g[list(sites)].max() for g in grades) == pytest.approx(1.0, abs=1e-9)
    assert max(g.mean() for g in grades) == pytest.approx(domain.largest_mean, rel=1e-9)
    held_out = [potential.evaluate(f.configuration)["extrapolations"].mean() for f in problem.parts["test"]]
    assert np.mean(np.array(held_out) > domain.largest_mean) < 0.1
    rng, frame = np.random.default_rng(1), problem.parts["training"].frames[0].configuration
    for _ in range(5):
        u = frame.displacements + rng.normal(scale=0.5, size=frame.displacements.shape)
        state = ah.Configuration(frame.crystal, frame.supercell, frame.deformation, u, frame.order)
        assert potential.evaluate(state)["extrapolations"].mean() > 1.5 * domain.largest_mean


@pytest.mark.slow
def test_posterior_of_networks(labels):
    """Last layers count: the posterior has their weights too, and deviations are calibrated on validation frames."""
    basis, labels = ah.ClusterBasis(labels.crystal, pairs=2, order=2), labels.subset(range(0, len(labels), 2))
    schedule = ah.fitting.Schedule(steps=40, check_every=20)
    result = fit(basis, labels, model="cluster", hidden=(3,), schedule=schedule, ridge=1.0, test=0.2, validation=0.2)
    potential = result.potential
    n_weights = sum(len(i.degrees) + 3 for i in basis.invariants)
    assert potential.posterior.factor.shape == (n_weights, n_weights)
    found = result.calibrations["validation"].fractions("forces")
    assert abs(found - LEVELS).max() < 0.1 and abs(np.mean(found - LEVELS)) < 0.03


def test_one_frame_of_a_group_has_no_energy_left(problem):
    """Its offset is not known without it: the energy is left out, forces are not."""
    n, rows = problem.equations.n_weights, problem.rows
    solution, covariance = solved(rows, n)
    _, _, with_energy = _errors(rows[0], solution, covariance, {rows[0].group}, False)
    _, _, without = _errors(rows[0], solution, covariance, set(), False)
    assert (with_energy == 0).sum() == 1 and (without == 0).sum() == 0 and (without == 1).sum() == 60
