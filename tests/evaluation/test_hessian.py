"""Second derivatives against differences of the gradient, for every kind of model and of cluster."""

import builders
import equinox as eqx
import numpy as np
import pytest

import anharmonic as ah
from anharmonic.evaluation import Evaluator
from anharmonic.evaluation.hessian import force_constants, second_derivatives
from anharmonic.potential import precision
from anharmonic.sampling import strain_modes

STEP = 1e-5
MODES = strain_modes("full")


@pytest.fixture(scope="module", params=["polynomial", pytest.param("cluster", marks=pytest.mark.slow), "site"])
def potential(request):
    """Pairs and octahedra: the ladder of the latter has a derivative of its own."""
    basis = ah.ClusterBasis(builders.perovskite(), pairs=2, polyhedra=["octahedron"], order=2)
    return builders.random_potential(basis, request.param)


def gradients(potential, state):
    """E and its gradient as functions of a step in x = (u, amounts of the strain modes)."""
    n = state.displacements.size
    with precision("float64"):
        evaluate = eqx.filter_jit(Evaluator.create(potential, state.supercell, "float64").gradients)

    def at(step):
        u = state.displacements + step[:n].reshape(state.displacements.shape)
        with precision("float64"):
            energy, by_u, by_f = evaluate(u, state.deformation + np.tensordot(step[n:], MODES, 1))
        return energy, np.concatenate([np.ravel(by_u), np.tensordot(MODES, by_f, 2)])

    return at


def test_equal_differences_of_the_gradient(potential):
    """The whole matrix, which is symmetric, along random directions that mix displacements and strains."""
    state = builders.distorted(potential.crystal, [1, 1, 2], 0)
    size = state.displacements.size + len(MODES)
    matrix, slope, energy = second_derivatives(potential, state, MODES)
    assert matrix.shape == (size, size)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-10 * abs(matrix).max())
    at = gradients(potential, state)
    for direction in np.random.default_rng(1).normal(size=(3, size)):
        expected = (at(STEP * direction)[1] - at(-STEP * direction)[1]) / (2 * STEP)
        np.testing.assert_allclose(matrix @ direction, expected, atol=1e-6 * abs(expected).max())
    np.testing.assert_allclose(slope, at(np.zeros(size))[1], atol=1e-12 * abs(slope).max())
    assert energy == pytest.approx(float(at(np.zeros(size))[0]), rel=1e-12)


def test_force_constants_are_those_of_strained_positions(springs):
    """d2E / dr dr with r = F (R + u): rows of the matrix by u, turned into the strained frame on both sides."""
    state, sites, cells = builders.distorted(springs.crystal, [1, 1, 2], 0), [0, 3], [1, 0]
    found = force_constants(springs, state, sites, cells)
    by_u = second_derivatives(springs, state)[0].reshape(2 * state.displacements.shape)
    inverse = np.linalg.inv(state.deformation)
    for k, (site, cell) in enumerate(zip(sites, cells, strict=True)):
        expected = np.einsum("ax,asbc,by->xsyc", inverse, by_u[site, :, cell], inverse)
        np.testing.assert_allclose(found[k], expected, atol=1e-10 * abs(by_u).max())
