"""Copies are found through symmetry, translation and exchange of atoms; others are not; contradictions are named."""

import ase.io
import builders
import numpy as np
import pytest
from ase.build import make_supercell
from ase.calculators.singlepoint import SinglePointCalculator

from anharmonic.clusters import ClusterBasis
from anharmonic.data import Dataset, Frame
from anharmonic.fitting.descriptors import Coverage, averages, pair_basis
from anharmonic.fitting.duplicates import close_pairs, find_duplicates, nearest_distances, without_redundant
from anharmonic.potential.features import Features
from anharmonic.potential.lattice import LatticePotential
from anharmonic.potential.potential import precision
from anharmonic.potential.topology import Topology


@pytest.fixture(scope="module")
def crystal():
    return builders.perovskite()


def labelled(atoms, energy):
    """Atoms with an energy and the forces that go with no other."""
    atoms.calc = SinglePointCalculator(atoms, energy=energy, free_energy=energy, forces=np.zeros((len(atoms), 3)))
    return atoms


def disguised(atoms, seed, noise=0.0):
    """The same structure: another orientation, origin, order of the atoms, choice of cell, and rounding."""
    random = np.random.default_rng(seed)
    axes = [[0, 1, 0], [0, 0, -1], [-1, 0, 0]] if seed % 2 else [[1, 0, 0], [0, 0, 1], [0, -1, 0]]
    other = atoms.copy()
    other.set_cell(other.cell[:] @ axes)
    other.positions = other.positions @ axes
    if seed % 3 == 0:
        other.set_cell(-other.cell[:])  # inversion
        other.positions *= -1
    other = make_supercell(other, [[1, 0, 0], [1, 1, 0], [0, -1, 1]])
    other.translate(random.normal(size=3))
    other.rotate(random.uniform(0, 360), random.normal(size=3), rotate_cell=True)
    other.positions += noise * random.uniform(-1, 1, size=other.positions.shape)
    other.wrap()
    return other[random.permutation(len(other))]


@pytest.fixture(scope="module")
def data(crystal, tmp_path_factory):
    """Ten structures; of the first four there are disguised copies, one with another energy."""
    path = tmp_path_factory.mktemp("copies") / "a.extxyz"
    atoms = [builders.distorted(crystal, [2, 2, 1], k, 0.02, 0.1).to_atoms() for k in range(10)]
    frames = [labelled(a, -60.0 - 0.1 * k) for k, a in enumerate(atoms)]
    for k in range(4):
        frames.append(labelled(disguised(atoms[k], k, noise=1e-5), -60.0 - 0.1 * k + (0.5 if k == 2 else 0.001)))
    frames.append(labelled(disguised(atoms[1], 5), -60.1))
    ase.io.write(path, frames)
    return Dataset.read(path, crystal)


def test_copies_and_contradictions(data):
    assert len(data) == 15 and not data.refusals and len(data.groups) == 1
    found = find_duplicates(data)
    assert found.copies == ((0, 10), (1, 11, 14), (2, 12), (3, 13))
    assert found.redundant == (10, 11, 13, 14)
    ((one, other, gap),) = found.contradictions
    assert (one, other) == (2, 12) and gap == pytest.approx(0.5 / 20)
    kept = without_redundant(data, found)
    assert [frame.step for frame in kept] == [*range(10), 12]
    assert kept.energy_offset == data.energy_offset
    assert {refusal.source for refusal in kept.refusals} == {data.frames[k].source for k in found.redundant}
    assert kept.refusals[0].reason == f"the same structure and energy as {data.frames[0].source}"
    assert find_duplicates(kept).copies == ((2, 10),)
    loose = find_duplicates(data, energy_tolerance=0.1)
    assert not loose.contradictions and loose.redundant == (10, 11, 12, 13, 14)


def test_small_differences_make_no_copies(crystal, data):
    state = data.frames[0].configuration
    u = state.displacements.copy()
    u[1, 2, 0] += 0.02
    moved = Frame(builders.changed(state, u), -60.0, None, None, data.frames[0].group, "", "moved:0")
    strained = builders.changed(state, deformation=state.deformation @ np.diag([1.001, 1.0, 1.0]))
    strained = Frame(strained, -60.0, None, None, data.frames[0].group, "", "strained:0")
    together = Dataset(crystal, (*data.frames[:10], moved, strained))
    found = find_duplicates(together, near=0.3)
    assert not found.copies and not found.redundant
    assert {(0, 10), (0, 11)} <= set(map(tuple, found.pairs.tolist()))
    assert find_duplicates(together, tolerance=0.05).copies == ((0, 10, 11),)


def test_groups_and_missing_labels(crystal, data):
    frame = data.frames[0]
    bare = Frame(frame.configuration, None, None, None, frame.group, "", "bare:0")
    other_mesh = Frame(frame.configuration, -99.0, frame.forces, None, "other", "", "other:0")
    found = find_duplicates(Dataset(crystal, (bare, frame, other_mesh, *data.frames[1:5])))
    assert found.copies == ((0, 1, 2),) and not found.contradictions
    assert found.redundant == (0,)  # the one with fewer labels; another energy zero is no copy to leave out
    small = builders.distorted(crystal, [1, 1, 1], 3)
    large = builders.changed(
        builders.distorted(crystal, [2, 1, 1], 3), np.repeat(small.displacements, 2, 2), small.deformation
    )
    frames = [Frame(c, -1.0, None, None, "a", "", f"{k}:0") for k, c in enumerate((small, large))]
    found = find_duplicates(Dataset(crystal, (*frames, *data.frames[:3])))
    assert not found.copies and found.pairs[0].tolist() == [0, 1] and found.distances[0] < 1e-9


def test_near_pairs_are_those_of_all_distances():
    random = np.random.default_rng(0)
    points = random.normal(size=(300, 30)) * np.geomspace(1, 0.01, 30)
    every = np.linalg.norm(points[:, None] - points[None], axis=2)
    pairs, distances = close_pairs(points, 1.2)
    expected = {(i, j) for i, j in zip(*np.nonzero(every <= 1.2), strict=True) if i < j}
    assert len(expected) > 50 and set(map(tuple, pairs.tolist())) == expected
    np.testing.assert_allclose(distances, every[pairs[:, 0], pairs[:, 1]])
    assert (np.diff(distances) >= 0).all()
    np.fill_diagonal(every, np.inf)
    exact = every.min(1)
    nearest = nearest_distances(points)
    assert (nearest >= exact - 1e-12).all() and np.mean(nearest > exact + 1e-9) < 0.02


def test_parts_that_share_structures(data):
    found = find_duplicates(data)
    assert found.straddling(["train"] * 10 + ["test"] * 5) == (4, 0)
    assert found.straddling(["train"] * 15) == (0, 0)


@pytest.mark.parametrize("metric", ["quadratic", "inverse"])
def test_averages_are_those_of_the_potential(crystal, data, metric):
    basis = ClusterBasis(crystal, pairs=4, triplets=["Pb-Br-Pb"], polyhedra=["octahedron"], order=2, metric=metric)
    batch = data.subset([0, 3]).batches()[0]
    lattice = LatticePotential(Topology.of_basis(basis), Features.of_basis(basis), None)
    with precision("float64"):
        tables = lattice.topology.translations(batch.supercell)
        parts = lattice.invariants(batch.displacements[1], batch.deformation[1], tables)
    expected = np.concatenate([np.asarray(part).mean((1, 2)) for part in parts])
    degrees = np.concatenate([invariants.degrees for invariants in basis.invariants])
    found = averages(basis, [batch])[1]
    np.testing.assert_allclose(np.sign(found) * np.abs(found) ** degrees, expected, atol=1e-12)


def test_averages_are_invariant_and_standardised(crystal, data):
    coverage = Coverage.of_dataset(data)
    assert coverage.rows.shape == (15, pair_basis(crystal).n_invariants)
    np.testing.assert_allclose(coverage.rows.mean(0), 0, atol=1e-9)
    assert (coverage.rows.std(0) <= 1).all() and coverage.rows.std(0).max() > 0.99
    np.testing.assert_allclose(coverage.rows[10:14], coverage.rows[:4], atol=0.01)
    assert np.abs(coverage.rows[:4] - coverage.rows[4:8]).max() > 0.5
    points, shares = coverage.components(3)
    assert points.shape == (15, 3) and (np.diff(shares) <= 0).all() and 0.4 < shares.sum() <= 1
    np.testing.assert_allclose((points**2).sum(0), shares * (coverage.rows**2).sum(), rtol=1e-9)
    basis = ClusterBasis(crystal, pairs=1, triplets=["Pb-Br-Pb"], order=2)
    assert Coverage.of_dataset(data, basis).rows.shape == (15, basis.n_invariants)


def test_tiny_data_sets(crystal, data):
    assert find_duplicates(data.subset([0])).copies == ()
    assert find_duplicates(data.subset([])).redundant == ()
    assert find_duplicates(data.subset([0, 10])).copies == ((0, 1),)
    alone = Dataset(
        crystal, [Frame(builders.distorted(crystal, [1, 1, 1], 0, 0, 0), -1.0, None, None, "a", "", "x:0")] * 2
    )
    assert find_duplicates(alone).copies == ((0, 1),)
