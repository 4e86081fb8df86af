"""Configurations that symmetry makes equal are recognised, others are not."""

import builders
import numpy as np
import pytest

from anharmonic.crystal import Configuration, map_atoms
from anharmonic.crystal.equivalence import difference, image

CRYSTALS = {"perovskite": builders.perovskite, "fluorite": builders.fluorite, "iron": builders.bcc}


def seen_through(state, operation):
    """The configuration that `image` describes."""
    supercell, metric, displacements = image(state, operation)
    values, vectors = np.linalg.eigh(metric)
    stretch = (vectors * np.sqrt(values)) @ vectors.T
    return Configuration(state.crystal, supercell, stretch, displacements, state.order)


@pytest.mark.parametrize("matrix", ["2x2x2", "untidy", "left-handed"])
@pytest.mark.parametrize("name", CRYSTALS)
def test_images_are_the_same_configuration(name, matrix):
    state = builders.distorted(CRYSTALS[name](), builders.MATRICES[matrix], seed=1)
    random = np.random.default_rng(0)
    for operation in random.choice(len(state.crystal.space_group), 6, replace=False):
        found = seen_through(state, operation)
        distances = found.to_atoms().get_all_distances(mic=True)
        before = state.to_atoms().get_all_distances(mic=True)
        np.testing.assert_allclose(np.sort(distances.ravel()), np.sort(before.ravel()), atol=1e-9)
        assert difference(found, state) < 1e-9 and difference(state, found) < 1e-9


def test_atoms_in_another_order_place_and_orientation():
    state = builders.distorted(builders.perovskite(), [2, 2, 2], seed=2)
    atoms = state.to_atoms()
    atoms = atoms[np.random.default_rng(0).permutation(len(atoms))]
    atoms.translate([1.0, 2.0, 3.0])
    atoms.rotate(90, "x", rotate_cell=True)
    atoms.set_cell(atoms.cell[[1, 2, 0]])
    again = map_atoms(state.crystal, atoms)
    assert not np.allclose(again.displacements, state.displacements, atol=1e-2)
    assert difference(again, state) < 1e-6


def test_the_difference_is_the_largest_distance():
    state = builders.distorted(builders.perovskite(), [2, 2, 2], seed=3)
    u = state.displacements.copy()
    u[2, 0, 5] += 0.05
    moved = seen_through(builders.changed(state, u), 17)
    assert difference(moved, state) == pytest.approx(0.05 * (1 - 1 / 40), rel=1e-6)
    strained = builders.changed(state, deformation=state.deformation @ np.diag([1.001, 1, 1]))
    assert 0.005 < difference(strained, state) < 0.02
    assert difference(moved, state, tolerance=0.1) <= 0.1


def test_others_are_not_the_same():
    crystal = builders.perovskite()
    one, other = (builders.distorted(crystal, [2, 2, 2], seed=k) for k in (4, 5))
    assert difference(one, other) > 0.1
    assert difference(builders.changed(one, -one.displacements), one) > 0.1  # no inversion: its cells stay in place
    argon = builders.distorted(builders.cesium_chloride(), [2, 2, 2], seed=4)
    half = builders.changed(argon, argon.displacements * np.array([1.0, -1.0])[:, None, None])
    assert difference(half, argon) > 0.1
    assert difference(one, builders.distorted(crystal, builders.MATRICES["skewed"], seed=4)) == np.inf
    assert difference(one, builders.distorted(crystal, [2, 2, 1], seed=4)) == np.inf
