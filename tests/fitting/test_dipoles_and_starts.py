"""Fits beside dipoles, fits of charges, and fits that start from another potential, on labels with known answers."""

from dataclasses import replace

import builders
import equinox as eqx
import numpy as np
import pytest

import anharmonic as ah
from anharmonic.data.frames import Frame
from anharmonic.errors import AnharmonicError
from anharmonic.fitting import Schedule, fit

CELLS = {"a": [2, 1, 1], "b": [[1, 1, 0], [1, -1, 0], [0, 0, 2]], "c": [1, 1, 3]}


def labelled(potential, n, seed=0, shift=0.0):
    """Distorted supercells with the labels of a potential; energies of each group of cells have a zero of their own."""
    frames = []
    for k in range(n):
        name = list(CELLS)[k % len(CELLS)]
        state = builders.distorted(potential.crystal, CELLS[name], seed + k, strain=0.015, displacement=0.12)
        found = potential.evaluate(state)
        energy = found["energy"] + state.supercell.n_cells * (shift + len(name))
        frames.append(Frame(state, energy, found["forces"], found["stress"], name, "", f"{name}:{k}"))
    return ah.Dataset(potential.crystal, frames)


@pytest.fixture(scope="module")
def dipolar(cspbbr3):
    return builders.dipolar_potential(cspbbr3)


@pytest.fixture(scope="module")
def labels(dipolar):
    return labelled(dipolar, 24)


def force_error(result, part="test"):
    return result.report[part]["all"]["forces_rmse"]


def test_given_charges_leave_nothing(dipolar, labels):
    """The clusters' weights come out, and so do held-out labels; without dipoles they do not."""
    result = fit(dipolar.basis, labels, model="polynomial", ridge=1e-9, folds=3, test=0.25, born=dipolar.born)
    assert force_error(result) < 1e-4 and force_error(result, "3 folds") < 1e-4
    assert force_error(fit(dipolar.basis, labels, model="polynomial", ridge=1e-9, folds=3, test=0.25)) > 20
    state = labels.frames[0].configuration
    assert abs(result.potential.evaluate(state)["forces"] - labels.frames[0].forces).max() < 1e-6


def test_fitted_charges(dipolar, labels):
    """Charges over the root of the dielectric constant: what energies can tell, up to a common sign."""
    result = fit(dipolar.basis, labels, model="polynomial", ridge=1e-9, folds=3, test=0.25, born="fitted")
    expected = dipolar.born.charges / np.sqrt(dipolar.born.dielectric[0, 0])
    np.testing.assert_allclose(result.potential.born.charges, expected, atol=5e-3)
    assert force_error(result) < 0.5


@pytest.mark.slow
def test_nets_beside_dipoles(dipolar, labels):
    """Nets are trained on what dipoles leave."""
    options = {"hidden": (2,), "schedule": Schedule(steps=60), "ridge": 1e-9}
    beside, without = (fit(dipolar.basis, labels, born=born, **options) for born in (dipolar.born, None))
    assert force_error(beside) < 0.3 * force_error(without)


def test_one_element_has_no_charges():
    iron = builders.random_potential(ah.ClusterBasis(builders.bcc(), pairs=2), "polynomial")
    state = builders.distorted(iron.crystal, [2, 2, 2], 1)
    found = iron.evaluate(state)
    frame = Frame(state, found["energy"], found["forces"], found["stress"], "a", "", "a:0")
    frames = [replace(frame, source=f"a:{k}") for k in range(4)]
    with pytest.raises(AnharmonicError, match="no charges in Fe"):
        fit(iron.basis, ah.Dataset(iron.crystal, frames), model="polynomial", born="fitted")


@pytest.fixture(scope="module")
def cheap(dipolar, labels):
    """A potential fitted to many labels without their dipoles."""
    return fit(dipolar.basis, labels, model="polynomial", ridge=1e-6, folds=3, test=0.0).potential


def test_a_strong_ridge_keeps_the_start(cheap, dipolar, labels):
    few = labels.subset(range(3))
    kept = fit(cheap.basis, few, model="polynomial", ridge=1e12, validation=0.0, test=0.0, start=cheap).potential
    state = labels.frames[5].configuration
    expected = cheap.evaluate(state)["forces"]
    np.testing.assert_allclose(kept.evaluate(state)["forces"], expected, atol=1e-6 * abs(expected).max())


@pytest.mark.slow
@pytest.mark.parametrize("model", ["polynomial", "cluster"])
def test_few_labels_tune_a_start(cspbbr3, model):
    """Three frames of labels like those of a known potential do better with it than alone; zeros of energy differ."""
    basis = ah.ClusterBasis(cspbbr3, pairs=3, triplets=["Pb-Br-Pb"], order=3)
    known, rng = builders.random_potential(basis, "polynomial", 1), np.random.default_rng(5)
    options = {"model": model, "hidden": (3,), "schedule": Schedule(steps=40), "validation": 0.0}
    start = fit(known.basis, labelled(known, 24), test=0.0, **options).potential
    weights = [t.weights * (1 + 0.1 * rng.normal(size=t.weights.shape)) for t in known.model.terms]
    other = known.with_model(eqx.tree_at(lambda m: [t.weights for t in m.terms], known.model, weights), "other")
    target = labelled(other, 15, 50, 3.0)
    few, test = target.subset(range(3)), target.subset(range(3, 15))
    alone = fit(known.basis, few, test=test, **options)
    tuned = fit(known.basis, few, test=test, start=start, **options)
    assert force_error(tuned) < 0.7 * force_error(alone)
    assert tuned.potential.metadata["start"] == start.name
    grades = [tuned.potential.extrapolation(frame.configuration) for frame in (*labelled(known, 3), *few)]
    assert max(grades) < 1 + 1e-6
    for found, one, two in zip(tuned.potential.ranges, start.ranges, alone.potential.ranges, strict=True):
        np.testing.assert_array_equal(found[:, 0], np.minimum(one[:, 0], two[:, 0]))
        np.testing.assert_array_equal(found[:, 1], np.maximum(one[:, 1], two[:, 1]))


def test_another_basis_is_no_start(cheap, labels, cspbbr3):
    with pytest.raises(AnharmonicError, match="cannot be where this fit starts"):
        fit(ah.ClusterBasis(cspbbr3, pairs=2, order=3), labels, model="polynomial", start=cheap)
    with pytest.raises(AnharmonicError, match="found polynomial"):
        fit(cheap.basis, labels, model="cluster", start=cheap)


def test_what_belongs_to_another_start_or_crystal(cheap, dipolar, labels, cspbbr3):
    """Charges stay those of the start unless others are given; they are not fitted to it."""
    options = {"model": "polynomial", "ridge": 1.0, "validation": 0.0, "test": 0.0}
    start = fit(dipolar.basis, labels, born=dipolar.born, **options).potential
    assert fit(dipolar.basis, labels, start=start, **options).potential.born is dipolar.born
    with pytest.raises(AnharmonicError, match="charges cannot be fitted to a start"):
        fit(dipolar.basis, labels, start=start, born="fitted", **options)
    with pytest.raises(AnharmonicError, match="another reference crystal"):
        fit(ah.ClusterBasis(builders.perovskite(a=6.0), pairs=2), labels, **options)
