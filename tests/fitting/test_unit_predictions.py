"""Rows of the least-squares problem, by numpy, against the engine: the same energies, forces and stresses."""

import builders
import equinox as eqx
import numpy as np
import pytest

from anharmonic.clusters import ClusterBasis
from anharmonic.data import Dataset
from anharmonic.data.frames import Frame
from anharmonic.fitting.evaluate import evaluate
from anharmonic.fitting.geometry import Geometry
from anharmonic.fitting.linear import NormalEquations
from anharmonic.fitting.prediction import Weights, device_batches, label_scales, loss
from anharmonic.fitting.problem import untrained
from anharmonic.fitting.statistics import Statistics
from anharmonic.fitting.unit_predictions import UnitPredictions
from anharmonic.potential import precision
from anharmonic.potential.linear_weights import linear_weights, with_linear_weights
from anharmonic.potential.models import site_descriptor

SUPERCELLS = [[1, 1, 1], [[1, 1, 0], [1, -1, 0], [0, 0, 2]], [2, 2, 2]]


@pytest.fixture(scope="module")
def basis(cspbbr3):
    return ClusterBasis(cspbbr3, pairs=3, triplets=["Pb-Br-Pb"], polyhedra=["octahedron"], order=2, metric="inverse")


def labelled(potential, configuration, group):
    """A frame with the labels that a potential gives."""
    found = potential.evaluate(configuration)
    return Frame(
        configuration, found["energy"], found["forces"], found["stress"], group=group, phase="", source="made", info={}
    )


@pytest.mark.parametrize("matrix", SUPERCELLS[:2], ids=["1 cell", "4 cells"])
@pytest.mark.parametrize("kind", ["polynomial", "cluster", "site"])
def test_predictions_and_rows_are_those_of_the_engine(kind, matrix, basis):
    """Whole models with walls; and the sum of the unit predictions, for random weights, of which walls are no part."""
    potential = builders.random_potential(basis, kind, 5, walls=True)
    configuration = builders.distorted(basis.crystal, matrix, 3)
    frame = Geometry(basis)(configuration)
    found = evaluate(potential.model, frame, basis.crystal.n_sites)
    np.testing.assert_allclose(found, predicted(potential, configuration), rtol=1e-9, atol=1e-11)
    for last_layers in (False, True):
        unit = UnitPredictions(Geometry(basis), potential.model, last_layers)
        rows, weights = unit(configuration), np.concatenate(linear_weights(potential.model, last_layers))
        assert rows.shape == (len(weights), 1 + 3 * configuration.n_atoms + 9) and len(weights) == unit.n_weights
        zero = with_linear_weights(potential.model, 0 * weights, last_layers)
        difference = found - evaluate(zero, frame, basis.crystal.n_sites)
        assert abs(difference[1:-9]).max() > 0.1 and abs(difference[-9:]).max() > 1e-3
        np.testing.assert_allclose(weights @ rows, difference, rtol=1e-9, atol=1e-11)
    bare = builders.random_potential(basis, kind, 5)
    assert abs(evaluate(bare.model, frame, basis.crystal.n_sites) - found)[1:-9].max() > 0.01


def predicted(potential, configuration):
    """The engine's energy, forces and stress as one row."""
    found = potential.evaluate(configuration)
    return np.concatenate([[found["energy"]], found["forces"].ravel(), found["stress"].ravel()])


@pytest.mark.slow
def test_the_loss_is_that_of_a_training(basis):
    """Normal equations, and the loss of device batches in which two shapes of four cells stand together.

    Some labels are missing, one group counts twice, kinds have weights of their own.
    """
    potential = builders.random_potential(basis, "polynomial", 5)
    other = builders.random_potential(basis, "polynomial", 6)
    shapes = [[1, 1, 1], [[1, 1, 0], [1, -1, 0], [0, 0, 2]], [2, 2, 1], [2, 2, 2], [2, 2, 2]]
    frames = [
        labelled(potential, builders.distorted(basis.crystal, m, k), f"g{min(k, 2)}") for k, m in enumerate(shapes)
    ]
    dataset, weights = Dataset(basis.crystal, frames), Weights(0.7, 1.3, 0.4, groups={"g1": 2.0})
    offsets = np.array([0.1, -0.2, 0.3])
    unit = UnitPredictions(Geometry(basis), other.model)
    equations = NormalEquations(unit.n_weights, 3).add(unit.rows(dataset, weights))
    expected = equations.loss(np.concatenate(linear_weights(other.model)), offsets)
    with precision("float64"):
        batches, indices = device_batches(dataset, other.lattice.topology, weights)
        found = float(eqx.filter_jit(loss)(other.lattice, offsets, batches))
    assert [len(b) for b in batches] == [1, 2, 2] and sorted(np.concatenate(indices)) == list(range(5))
    assert found == pytest.approx(expected, rel=1e-9) and found > 1.0


def test_statistics_are_those_of_the_engine(basis):
    """Mean squares, ranges and site correlations of invariants, from the engine's own arrays."""
    potential = builders.random_potential(basis, "polynomial", 5)
    frames = [labelled(potential, builders.distorted(basis.crystal, m, k), "one") for k, m in enumerate(SUPERCELLS)]
    found = Statistics.of_dataset(Geometry(basis), Dataset(basis.crystal, frames))
    lattice, values, sites = potential.lattice, [], []
    with precision("float64"):
        for frame in frames:
            c = frame.configuration
            table = lattice.topology.translations(c.supercell)
            values.append([np.asarray(x) for x in lattice.invariants(c.displacements, c.deformation, table)])
            sites.append(np.asarray(site_descriptor(values[-1], lattice.topology, table)))
    for k, (squares, ranges) in enumerate(zip(found.squares, found.ranges, strict=True)):
        np.testing.assert_allclose(squares, np.mean([(v[k] ** 2).mean((1, 2)) for v in values], axis=0), rtol=1e-9)
        assert np.allclose(ranges[:, 0], np.min([v[k].min((1, 2)) for v in values], axis=0), rtol=1e-9)
        assert np.allclose(ranges[:, 1], np.max([v[k].max((1, 2)) for v in values], axis=0), rtol=1e-9)
    np.testing.assert_allclose(found.site_squares, np.mean([(g**2).mean(2) for g in sites], axis=0), rtol=1e-9)
    model = untrained(basis, found, "site", (3,))
    assert [len(term.linear.scales) for term in model.terms] == [len(sites[0])] * len(basis.crystal.site_classes)


def test_missing_labels_do_not_count(basis):
    """Scales of a frame without an energy or stress; totals count what is there."""
    potential = builders.random_potential(basis, "polynomial", 5)
    frames = [labelled(potential, builders.distorted(basis.crystal, [1, 1, 1], k), "one") for k in range(3)]
    poor = Frame(frames[2].configuration, None, frames[2].forces, None, group="one", phase="", source="made", info={})
    dataset, weights = Dataset(basis.crystal, [*frames[:2], poor]), Weights()
    scales = label_scales(dataset, weights)
    assert scales[2, 0] == scales[2, 2] == 0 and scales[2, 1] > 0
    n = basis.crystal.n_sites
    np.testing.assert_allclose(scales[0] ** -2, [2 * (n * 0.002) ** 2, 9 * n * 0.05**2, 18 * 0.001**2])
    unit = UnitPredictions(Geometry(basis), potential.model)
    kinds = [row.kinds for row in unit.rows(dataset, weights)]
    assert set(kinds[0]) == {0, 1, 2} and set(kinds[2]) == {-1, 1}
