"""Predicted deviations, committees and grades: exact identities for random models; files of both versions."""

from dataclasses import replace

import builders
import equinox as eqx
import h5py
import jax
import numpy as np
import pytest
from builders import MATRICES, changed, distorted

import anharmonic as ah
from anharmonic.clusters import ClusterBasis
from anharmonic.crystal import Configuration, Supercell
from anharmonic.errors import AnharmonicError
from anharmonic.potential import precision
from anharmonic.potential.domain import Domain
from anharmonic.potential.linear_weights import linear_weights, with_linear_weights
from anharmonic.potential.posterior import Posterior
from anharmonic.records import digest

SCALES = np.array([0.5, 2.0, 1.5])


def uncertain(potential, n_directions=4, seed=0):
    """The potential with a random posterior of few directions, and a domain."""
    n = sum(map(len, linear_weights(potential.model, last_layers=True)))
    factor = 0.02 * np.random.default_rng(seed).normal(size=(n, n_directions))
    return replace(potential, posterior=Posterior(factor, SCALES), domain=builders.simple_domain(potential.basis))


@pytest.fixture(scope="module")
def small_basis(cspbbr3):
    """Two pair orbits and a triplet."""
    return ClusterBasis(cspbbr3, pairs=2, triplets=["Pb-Br-Pb"], order={"pair": 3, "triplet": 2})


@pytest.fixture(scope="module", params=["polynomial", "cluster", "site"])
def potential(request, small_basis):
    """Random models of every kind; networks have last layers that count."""
    return uncertain(builders.random_potential(small_basis, request.param, 1, walls=True))


@pytest.fixture(scope="module")
def state(cspbbr3):
    return distorted(cspbbr3, MATRICES["untidy"], 1, strain=0.01, displacement=0.05)


def moved(potential, direction):
    """The potential with all linear weights moved by a vector."""
    flat = np.concatenate(linear_weights(potential.model, last_layers=True)) + direction
    with precision("float64"):
        model = with_linear_weights(potential.model, np.asarray(flat), last_layers=True)
    model = jax.tree.map(lambda x: np.asarray(x) if eqx.is_array(x) else x, model)
    return potential.with_model(model, "moved")


def test_deviations_are_differences_of_models(potential, state):
    """Direction by direction: the model moved by a column of the factor, less the model."""
    here, total = potential.evaluate(state), {}
    for column in potential.posterior.factor.T:
        there = moved(potential, column).evaluate(state)
        for kind in ("energy", "forces", "stress"):
            total[kind] = total.get(kind, 0) + (there[kind] - here[kind]) ** 2
    found = potential.uncertainty(state)
    for kind, scale in zip(("energy", "forces", "stress"), SCALES, strict=True):
        np.testing.assert_allclose(found[kind], scale * np.sqrt(total[kind]), rtol=1e-6, atol=1e-12)
    assert found["forces"].shape == here["forces"].shape and found["energy"] > 0


def test_committee(potential, state):
    """Its mean is the potential, exactly; its forces scatter as predicted; the seed decides."""
    here, found = potential.evaluate(state), potential.uncertainty(state)
    members = potential.committee(20, seed=3)
    values = [member.evaluate(state) for member in members]
    for kind in ("energy", "forces", "stress"):
        mean = np.mean([v[kind] for v in values], axis=0)
        np.testing.assert_allclose(mean, here[kind], rtol=1e-9, atol=1e-11)
    spread = np.sqrt(np.mean([(v["forces"] - here["forces"]) ** 2 for v in values]))
    assert spread == pytest.approx(np.sqrt(np.mean(found["forces"] ** 2)), rel=0.5)
    again, other = potential.committee(2, seed=3)[0], potential.committee(2, seed=4)[0]
    weights = [np.concatenate(linear_weights(p.model, last_layers=True)) for p in (members[0], again, other)]
    assert not np.array_equal(weights[0], weights[2]) and again.name.endswith("-0")
    for n in (0, 1, 3):
        with pytest.raises(AnharmonicError, match=f"even number of members, found {n}"):
            potential.committee(n)


def test_forces_of_members_are_gradients(potential, state):
    """Also with drawn weights forces are minus the slopes of the energy."""
    member, rng = potential.committee(2, seed=1)[0], np.random.default_rng(5)
    direction = rng.normal(size=state.displacements.shape)
    slope = [member.evaluate(changed(state, state.displacements + h * direction))["energy"] for h in (1e-5, -1e-5)]
    found = member.evaluate(state)
    along = -np.sum(found["forces"] * np.einsum("ij,sjn->sin", state.deformation, direction))
    assert (slope[0] - slope[1]) / 2e-5 == pytest.approx(along, rel=1e-6)


def operated(configuration, operation):
    """The configuration after an operation of the space group, and where each site has gone."""
    crystal, group = configuration.crystal, configuration.crystal.space_group
    rotation = group.cartesian_rotations(crystal.cell)[operation]
    supercell = Supercell.from_matrix(configuration.supercell.matrix @ group.rotations[operation].T)
    displacements, place = np.empty_like(configuration.displacements), {}
    for site in range(crystal.n_sites):
        for n, cell in enumerate(configuration.supercell.cells):
            (image,), offsets = group.apply(operation, [(site, cell)])
            place[site, n] = image, supercell.index(offsets[0])
            displacements[image, :, place[site, n][1]] = rotation @ configuration.displacements[site, :, n]
    deformation = rotation @ configuration.deformation @ rotation.T
    return Configuration(crystal, supercell, deformation, displacements, configuration.order), place, rotation


@pytest.mark.parametrize("operation", [5, 17, 45])
def test_symmetry(potential, state, operation):
    """Grades and deviations of an image are the images of grades and deviations."""
    image, place, rotation = operated(state, operation)
    before, after = potential.evaluate(state)["extrapolations"], potential.evaluate(image)["extrapolations"]
    one, other = potential.uncertainty(state), potential.uncertainty(image)
    assert other["energy"] == pytest.approx(one["energy"], rel=1e-8)
    for (site, n), (to, m) in place.items():
        assert after[to, m] == pytest.approx(before[site, n], rel=1e-9)
        expected = abs(rotation) @ one["forces"][site, :, n]
        np.testing.assert_allclose(other["forces"][to, :, m], expected, rtol=1e-6, atol=1e-10)
    assert before.std() > 0.01 * before.mean()


def test_supercells(potential):
    """A repeated cell has the same grades and deviations of forces; energies are coherent."""
    single = distorted(potential.crystal, np.eye(3, dtype=int), 4)
    supercell = Supercell.from_matrix(MATRICES["skewed"])
    many = Configuration.reference(potential.crystal, supercell, single.deformation)
    many = changed(many, np.repeat(single.displacements, 8, axis=2))
    grades = potential.evaluate(single)["extrapolations"], potential.evaluate(many)["extrapolations"]
    np.testing.assert_allclose(grades[1], np.repeat(grades[0], 8, axis=1), rtol=1e-9)
    one, eight = potential.uncertainty(single), potential.uncertainty(many)
    np.testing.assert_allclose(eight["forces"], np.repeat(one["forces"], 8, axis=2), rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(eight["stress"], one["stress"], rtol=1e-7, atol=1e-14)
    assert eight["energy"] == pytest.approx(8 * one["energy"], rel=1e-9)


def test_files(potential, state, tmp_path):
    """Posterior and domain survive, bit for bit."""
    potential.save(tmp_path / "a.h5")
    loaded = ah.load(tmp_path / "a.h5")
    np.testing.assert_array_equal(loaded.posterior.factor, potential.posterior.factor)
    np.testing.assert_array_equal(loaded.posterior.scales, SCALES)
    assert loaded.domain.classes == potential.domain.classes
    assert loaded.domain.largest_mean == potential.domain.largest_mean
    assert loaded.extrapolation(state) == potential.extrapolation(state) > 0


def test_files_of_the_first_version(small_basis, state, tmp_path):
    """They load; there is no uncertainty, which is said, and no grade."""
    path = tmp_path / "old.h5"
    new = builders.random_potential(small_basis, "polynomial", 1)
    new.save(path)
    with h5py.File(path, "a") as file:
        del file["posterior"], file["domain"]
        file.attrs["version"] = 1
        file.attrs["sha256"] = digest(file)
    old = ah.load(path)
    assert old.posterior is None and old.domain is None
    assert old.extrapolation(state) == 0.0
    assert old.evaluate(state)["energy"] == new.evaluate(state)["energy"]
    for call in (lambda: old.uncertainty(state), lambda: old.committee(2)):
        with pytest.raises(AnharmonicError, match="has no uncertainty"):
            call()


def test_domain_of_known_data():
    """Against leverages by numpy: largest is 1; a direction that the data never take is far outside at once."""
    rng = np.random.default_rng(2)
    data = [rng.normal(size=(3, 2, 5)) * np.array([1.0, 1e-3, 50.0])[:, None, None] for _ in range(40)]
    for phi in data:
        phi[2] = 2.0 * phi[0]
    domain = Domain.of_environments(data, ((0,), (1,)))
    grades = np.array([domain.grades(phi) for phi in data])
    assert grades.max(axis=(0, 2)) == pytest.approx([1.0, 1.0])
    assert grades.mean(axis=(1, 2)).max() == pytest.approx(domain.largest_mean)
    vectors = np.concatenate([phi[:2, 0].T for phi in data])
    leverage = np.einsum("ni,ij,nj->n", vectors, np.linalg.inv(vectors.T @ vectors), vectors)
    np.testing.assert_allclose(grades[:, 0].ravel(), np.sqrt(leverage / leverage.max()), rtol=1e-3)
    within, beyond = data[0].copy(), data[0].copy()
    beyond[2] += 0.5
    assert domain.grades(within).max() <= 1.0 and domain.grades(beyond).min() > 10.0
