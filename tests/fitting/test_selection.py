"""Selections: the flat evaluation against the plain one, folds that see nothing else, resuming, and the command."""

from dataclasses import replace
from functools import partial

import builders
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from selections import write_labels, write_select_toml

from anharmonic.clusters import ClusterBasis
from anharmonic.conventions import to_voigt
from anharmonic.data import Dataset
from anharmonic.errors import AnharmonicError
from anharmonic.fitting.geometry import Geometry
from anharmonic.fitting.linear import NormalEquations
from anharmonic.fitting.prediction import Weights, device_batches, labels_of, predict, scale
from anharmonic.fitting.selection.design import make_designs
from anharmonic.fitting.selection.folds import fold_numbers
from anharmonic.fitting.selection.jobs import Job, Workshop, invariant_columns, jobs_of
from anharmonic.fitting.selection.labels import make_labels
from anharmonic.fitting.selection.least_squares import NormalSums
from anharmonic.fitting.selection.nets import Nets
from anharmonic.fitting.selection.plan import SelectionPlan
from anharmonic.fitting.selection.selection import Selection
from anharmonic.fitting.selection.tables import PairTable, tabulated
from anharmonic.fitting.selection.training import Targets
from anharmonic.fitting.selection.trainings import cross_validation
from anharmonic.fitting.unit_predictions import UnitPredictions
from anharmonic.potential import precision
from anharmonic.potential.models import ClusterModel


@pytest.fixture(scope="module")
def labels_file(tmp_path_factory):
    return write_labels(tmp_path_factory.mktemp("labels") / "labels.extxyz")


@pytest.fixture(scope="module")
def dataset(labels_file, cspbbr3):
    return Dataset.read(labels_file, cspbbr3)


def nets_of(potential, design):
    """The nets of a potential over the standardised inputs of a design, of one model."""
    found = []
    for term, items in zip(potential.model.terms, design.items, strict=True):
        ratio = items.scales / term.linear.scales[items.used]
        first = term.weights[0][:, items.used] * ratio
        linear = term.linear.weights[items.used] * ratio
        found.append(Nets(linear, (first, *term.weights[1:-1]), term.biases, term.weights[-1][0]))
    return tuple(jax.tree.map(lambda x: np.asarray(x)[None], found))


@pytest.mark.parametrize("kind", ["cluster", "site"])
def test_flat_evaluation_is_the_plain_one(kind, cspbbr3, dataset):
    """Energies, forces and stresses of frames of two cells in one layout, padded, against each batch alone.

    So is the loss: one frame without energy, other weights for each kind, and a group that counts twice.
    """
    basis = ClusterBasis(cspbbr3, pairs=2, triplets=["Pb-Br-Pb"], polyhedra=["octahedron"], order=2)
    potential, dataset = builders.random_potential(basis, kind, 5), dataset.subset([3, *range(5, 18), 18])
    dataset = replace(dataset, frames=[replace(dataset.frames[0], energy=None), *dataset.frames[1:]])
    weights = Weights(0.7, 1.3, 0.4, groups={dataset.frames[-1].group: 2.0})
    labels, design = make_labels(dataset, weights.groups), make_designs(basis, dataset, [kind])[kind]
    offsets = np.array([0.1, -0.2, 0.3])[: len(dataset.groups)]
    zeros = np.array([round(energy) - energy for energy in dataset.energy_offset.values()])
    place = {index: (n, k) for n, block in enumerate(labels.blocks(labels.order)) for k, index in enumerate(block)}
    with precision("float64"):
        energies, components = eqx.filter_jit(design.predict)(nets_of(potential, design))
        targets = Targets.of_labels(labels, weights, np.ones((1, len(dataset)), bool), len(offsets), "float64")
        flat, plain = targets.losses(energies, components, (offsets - zeros)[None])[0], 0.0
        for batch, indices in zip(*device_batches(dataset, potential.lattice.topology, weights), strict=True):
            expected = eqx.filter_jit(predict)(potential.lattice, batch)
            moved = expected[0] + offsets[batch.frames.group] * batch.n_cells, *expected[1:]
            residuals = scale(batch, *(p - label for p, label in zip(moved, labels_of(batch), strict=True)))
            plain += sum(float((r**2).sum()) for r in residuals)
            for k, index in enumerate(indices):
                block, row = place[index]
                found = np.asarray(components[block][0, row])
                forces = found[:-6].reshape(5, 3, -1)
                energy = energies[0, list(labels.order).index(index)]
                assert float(energy) == pytest.approx(float(expected[0][k]), abs=1e-10)
                assert np.allclose(forces[..., : batch.n_cells], expected[1][k], rtol=0, atol=1e-10)
                assert not forces[..., batch.n_cells :].any()
                assert np.allclose(found[-6:], to_voigt(np.asarray(expected[2][k])), rtol=0, atol=1e-10)
    assert len(components) == 1 and len({frame.n_cells for frame in dataset}) == 2
    assert float(flat) == pytest.approx(plain, rel=1e-9)
    assert abs(np.asarray(energies)).max() > 0.01


def test_tables_of_pairs(cspbbr3, dataset):
    """Energies, forces and stress from 64 nodes; 12 are too few for these nets."""
    basis = ClusterBasis(cspbbr3, pairs=2, order=2)
    design = make_designs(basis, dataset, ["cluster"])["cluster"]
    nets, errors = nets_of(builders.random_potential(basis, "cluster", 5), design), []
    with precision("float64"):
        exact = eqx.filter_jit(design.predict)(nets)
        for n_nodes in (12, 64):
            table = tabulated(design, n_nodes)
            assert sum(isinstance(items, PairTable) for items in table.items) == 2
            leaves = zip(*map(jax.tree.leaves, (eqx.filter_jit(table.predict)(nets), exact)), strict=True)
            errors.append(max(float(jnp.sqrt(jnp.mean((a - b) ** 2)) / jnp.std(b)) for a, b in leaves))
    assert errors[1] < 1e-3 and errors[1] < 0.05 * errors[0], errors


def test_ridge_is_that_of_a_fit(dataset, cspbbr3):
    """Weights and offsets against those of the fit of one potential, its features scaled alike."""
    dataset, basis = dataset.subset(range(14, 22)), ClusterBasis(cspbbr3, pairs=1, order=3)
    potential = builders.random_potential(basis, "polynomial")
    design, labels, groups = make_designs(basis, dataset, ["cluster"])["cluster"], make_labels(dataset), dataset.groups
    weights, n = Weights(), len(dataset.groups)
    parts = np.arange(len(dataset)) % 4
    solved, offsets = NormalSums.of_columns(invariant_columns(design), labels, weights, parts, n).solve(range(4), 0.3)
    scaled = [
        eqx.tree_at(lambda t: t.scales, t, i.scales) for t, i in zip(potential.model.terms, design.items, strict=True)
    ]
    unit = UnitPredictions(Geometry(basis), ClusterModel(tuple(scaled)))
    expected, expected_offsets = NormalEquations(unit.n_weights, n).add(unit.rows(dataset, weights)).solve(0.3)
    whole = np.array([round(dataset.energy_offset[g]) - dataset.energy_offset[g] for g in groups])
    assert np.allclose(solved, expected, rtol=1e-6, atol=1e-8 * abs(expected).max())
    assert np.isnan(offsets[0]) and np.allclose(offsets[1:], (expected_offsets - whole)[1:], rtol=1e-6)


@pytest.mark.parametrize("hidden", [(3,), (2, 3)])
def test_padding_changes_nothing(hidden):
    x = np.random.default_rng(0).normal(size=(4, 50)).astype(np.float32)
    wide = Nets.init(4, hidden, tuple(n + 3 for n in hidden), jax.random.key(1))
    wide = eqx.tree_at(lambda n: n.linear, wide, np.arange(4.0))
    narrow = wide.cut(hidden)
    for one, other in zip(wide(x), narrow(x), strict=True):
        assert np.allclose(one, other, atol=1e-6)
    gradient = jax.grad(lambda net: sum((y**2).sum() for y in net(x)))(jax.tree.map(jax.numpy.asarray, wide))
    for leaf, inside in zip(*map(jax.tree.leaves, (gradient, narrow)), strict=True):
        outside = np.ones(leaf.shape, bool)
        outside[tuple(slice(n) for n in inside.shape)] = False
        assert not np.asarray(leaf)[outside].any()
    assert np.asarray(gradient.weights[0]).any()


def plan_of(path, **changes):
    return replace(SelectionPlan.read(path), **changes)


@pytest.mark.parametrize("model", ["cluster", "site", "ridge", "ard"])
def test_folds_see_nothing_of_what_they_hold_out(model, dataset, labels_file, tmp_path):
    """Other labels of held-out frames leave their own fold's training as it was, bit for bit, and change all others."""
    plan = plan_of(write_select_toml(tmp_path, labels_file), weights=Weights(stress=0.0))
    folds = fold_numbers(dataset, 3)
    held_out = [replace(f, forces=1.5 * f.forces, energy=f.energy + 0.01) for f in dataset]
    changed = Dataset(dataset.crystal, [n if k == 1 else f for f, n, k in zip(dataset, held_out, folds, strict=True)])
    job = Job("1 pair", 2, model, ((2,),) if model in ("cluster", "site") else ())
    rows = []
    for data in (dataset, changed):
        rows.append(Workshop(plan, data, lambda order, data=data: cross_validation(plan, data, order)).run(job))
    same = [old["training"] == new["training"] for old, new in zip(*rows, strict=True)]
    assert same == [False, True, False]
    assert rows[0][1]["validation"] != rows[1][1]["validation"]


@pytest.mark.slow
def test_energies_alone(dataset, labels_file, tmp_path):
    """Without weights of forces and stresses nothing of them is kept; energies are those of the whole design."""
    alone = "weights = { energy = 0.1 }", "weights = { energy = 0.1, forces = 0.0, stress = 0.0 }"
    changes = alone, ("iterations = 8", "iterations = 3")
    plan = SelectionPlan.read(write_select_toml(tmp_path, labels_file, *changes))
    rows = Selection.of_plan(plan).cross_validate(tmp_path)
    assert all(row["validation"]["forces_rmse"] is None and row["validation"]["energy_rmse"] > 0 for row in rows)
    assert {row["model"] for row in rows} == {"ridge", "lasso", "ard", "cluster", "site"}
    basis = plan.basis(dataset.crystal, "1 pair", 2)
    whole, alone = (make_designs(basis, dataset, energies_alone=alone) for alone in (False, True))
    for model in whole:
        for full, bare in zip(whole[model].items, alone[model].items, strict=True):
            np.testing.assert_allclose(bare.inputs, full.inputs, atol=1e-12)
            assert bare.responses[0].size == 0 and full.responses[0].size > 0


def test_the_test_part_is_divided_as_the_folds_are(labels_file, tmp_path):
    """Whole trajectories are in the test or not at all."""
    changes = ("folds = 3", 'folds = 3\nfold_by = "trajectory"\ntest = 0.3')
    chosen = Selection.of_plan(SelectionPlan.read(write_select_toml(tmp_path, labels_file, changes)))
    inside = [{frame.trajectory for frame in chosen.dataset.subset(np.flatnonzero(part))}
              for part in (chosen.test, ~chosen.test)]  # fmt: skip
    assert chosen.test.any() and not inside[0] & inside[1]


def test_folds_by_trajectory(dataset):
    folds = fold_numbers(dataset, 3, "trajectory")
    by_run = {}
    for frame, fold in zip(dataset, folds, strict=True):
        by_run.setdefault(frame.info["trajectory"], set()).add(fold)
    assert len(by_run) == 6 and all(len(found) == 1 for found in by_run.values()) and set(folds) == {0, 1, 2}
    with pytest.raises(AnharmonicError, match="7 folds by 'trajectory'.*found 6"):
        fold_numbers(dataset, 7, "trajectory")
    with pytest.raises(AnharmonicError, match="24 frames have no such key"):
        fold_numbers(dataset, 2, "walk")


@pytest.mark.slow
def test_resumed_is_uninterrupted(labels_file, tmp_path):
    """Stopped after one job and after four, the file of results comes out byte for byte."""
    selection = Selection.of_plan(SelectionPlan.read(write_select_toml(tmp_path, labels_file)))
    for name in ("whole", "parts"):
        (tmp_path / name).mkdir()
    rows = selection.cross_validate(tmp_path / "whole")
    done = []
    for limit in (1, 4, 99):
        stop = partial(lambda n: len(done) > n, limit)
        selection.cross_validate(tmp_path / "parts", lambda job, rows: done.append(job), stop=stop)
    whole, parts = ((tmp_path / name / "selection.jsonl").read_bytes() for name in ("whole", "parts"))
    assert whole == parts and len(rows) == 3 * (3 + 2 * 2)
    assert len([job for job in done if job]) == len(jobs_of(selection.plan)) == 5
    assert all(np.isfinite(row["validation"]["forces_rmse"]) for row in rows)
