"""What a potential's posterior makes of a transition, from snapshots of a run, against energies of its members."""

from dataclasses import replace

import builders
import numpy as np
import pytest

import anharmonic as ah
from anharmonic.analysis.sensitivity import temperature_slopes
from anharmonic.clusters import ClusterBasis
from anharmonic.errors import AnharmonicError
from anharmonic.potential.linear_weights import linear_weights, with_linear_weights
from anharmonic.potential.posterior import Posterior
from anharmonic.sweep.potential_error import potential_errors, runs_with_snapshots
from anharmonic.sweep.recorded import open_run

SCALES = np.array([0.5, 2.0, 1.5])
TEMPERATURES = [180, 200, 220, 240]


@pytest.fixture(scope="module")
def salt():
    """CsCl with springs, and a posterior of two directions."""
    basis = ClusterBasis(builders.cesium_chloride(), pairs=2, order=2)
    potential = builders.polynomial(basis, [[0.0, 6.0], [0.0, 3.0]], metadata={"name": "salt"})
    n = sum(map(len, linear_weights(potential.model, last_layers=True)))
    factor = 0.05 * np.random.default_rng(0).normal(size=(n, 2))
    return replace(potential, posterior=Posterior(factor, SCALES))


@pytest.fixture(scope="module")
def run(salt, tmp_path_factory):
    """A sweep under pressure with 32 snapshots at each temperature."""
    file = tmp_path_factory.mktemp("run") / "run.h5"
    lengths = {"equilibration": 1000, "production": 6400, "snapshots": 200}
    ah.sweep(salt, supercell=[2, 2, 2], temperatures=TEMPERATURES, pressure_GPa=1.0, file=file, **lengths)
    return file


def test_equals_energies_of_members(salt, run):
    """Two members, one along each direction: the differences of their energies, frame by frame."""
    known = runs_with_snapshots(salt, [open_run(run)])
    found = potential_errors(salt, known, {"strain Eg": 205.0})["strain Eg"]
    assert found["temperatures_K"] == [180.0, 200.0, 220.0] and found["n_snapshots"] == 96 and found["n_cells"] == 8
    opened = known[0]
    mean = np.concatenate(linear_weights(salt.model, last_layers=True))
    members = [
        salt.with_model(with_linear_weights(salt.model, mean + SCALES[0] * d, last_layers=True), "member")
        for d in salt.posterior.factor.T
    ]
    squares, enthalpy, changes, temperatures = [], [], [], []
    for point in opened.points[:3]:
        for k in point.frames:
            frame = opened.snapshots[k]
            state = frame.configuration(opened.structure)
            energy, *others = (p.evaluate(state)["energy"] for p in (salt, *members))
            f = np.asarray(frame.deformation, float)
            strain = np.diag(f.T @ f - np.eye(3)) / 2
            squares.append(((strain - strain.mean()) ** 2).sum())
            enthalpy.append(energy + point.pressure * opened.volume * np.linalg.det(f))
            changes.append(np.array(others) - energy)
            temperatures.append(point.temperature)
    slopes = temperature_slopes(squares, enthalpy, changes, temperatures)
    assert found["potential_K"] == pytest.approx(np.linalg.norm(slopes[0]), rel=1e-3)
    assert 0 < found["potential_error_K"] < found["potential_K"]


def test_snapshots_far_from_a_transition_say_nothing(salt, run):
    """Beyond 30 K; and where those within are too few."""
    known = runs_with_snapshots(salt, [open_run(run)])
    assert potential_errors(salt, known, {"strain Eg": 300.0, "strain T2g": 265.0}) == {}


def test_refusals(salt, run, tmp_path):
    """No posterior, another potential; runs without snapshots."""
    with pytest.raises(AnharmonicError, match="does not know its uncertainty"):
        runs_with_snapshots(replace(salt, posterior=None), [open_run(run)])
    weights = np.concatenate(linear_weights(salt.model, last_layers=True))
    other = salt.with_model(with_linear_weights(salt.model, 2 * weights, last_layers=True), "other")
    with pytest.raises(AnharmonicError, match=r"is a run of salt .* given is other"):
        runs_with_snapshots(other, [open_run(run)])
    file = tmp_path / "run.h5"
    ah.sweep(salt, supercell=[2, 2, 2], temperatures=[200, 300], equilibration=200, production=400, file=file)
    with pytest.raises(AnharmonicError, match="--snapshots"):
        runs_with_snapshots(salt, [open_run(file)])
