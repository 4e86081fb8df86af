import time

import numpy as np
import pytest
from shapes import SHAPES, cluster

from anharmonic.clusters.ccd import CCD
from anharmonic.clusters.invariants import evaluate, invariant_polynomials, molien_counts

COUNTS = {
    "pair": [1, 1, 1, 1, 1, 1],
    "triplet": [2, 4, 6, 9, 12, 16],
    "tetrahedron": [1, 3, 6, 11, 18, 32],
    "octahedron": [2, 9, 32, 110, 346, 1042],
    "cuboctahedron": [4, 69, 1158],
}
ORDERS = {"pair": 6, "triplet": 6, "tetrahedron": 6, "triangle": 5, "square": 4, "octahedron": 4, "cuboctahedron": 2}


@pytest.fixture(scope="module")
def ccds():
    return {name: CCD.of_cluster(*cluster(name)) for name in SHAPES}


@pytest.fixture(scope="module")
def polynomials(ccds):
    return {name: invariant_polynomials(ccds[name].representations, order) for name, order in ORDERS.items()}


@pytest.mark.parametrize("name", COUNTS)
def test_molien_series(ccds, name):
    assert molien_counts(ccds[name].representations, len(COUNTS[name])) == COUNTS[name]


@pytest.mark.parametrize("name", ORDERS)
def test_number_and_independence(ccds, polynomials, name):
    found = polynomials[name]
    assert found.counts == molien_counts(ccds[name].representations, ORDERS[name])
    assert np.linalg.matrix_rank(found.coefficients) == len(found.degrees)
    assert found.exponents.dtype == np.uint8
    assert (np.diff(found.degrees) >= 0).all()
    assert (found.coefficients != 0).any(axis=0).all()
    np.testing.assert_allclose(np.abs(found.coefficients).max(axis=1), 1)
    assert np.abs(found.coefficients[found.coefficients != 0]).min() > 1e-10
    for row, degree in zip(found.coefficients, found.degrees, strict=True):
        assert (found.exponents[row != 0].sum(axis=1) == degree).all()
    assert len(np.unique(found.exponents, axis=0)) == len(found.exponents)


@pytest.mark.parametrize("name", ORDERS)
def test_invariance_under_every_operation(ccds, polynomials, name):
    q = 0.5 * np.random.default_rng(0).normal(size=(20, ccds[name].n_ccds))
    expected = evaluate(polynomials[name], q)
    for matrix in ccds[name].representations:
        np.testing.assert_allclose(evaluate(polynomials[name], q @ matrix.T), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ORDERS)
def test_symmetric_deformations_have_equal_invariants(ccds, polynomials, name):
    """From atoms to invariants: an operation that moves displaced atoms changes nothing."""
    positions, permutations, rotations = cluster(name)
    displaced = positions - positions.mean(axis=0) + np.random.default_rng(1).normal(0, 0.2, positions.shape)
    expected = evaluate(polynomials[name], ccds[name].evaluate(displaced))
    assert np.abs(evaluate(polynomials[name], ccds[name].evaluate(positions))).max() < 1e-12
    for permutation, rotation in list(zip(permutations, rotations, strict=True))[::7]:
        moved = np.empty_like(displaced)
        moved[permutation] = displaced @ rotation.T
        np.testing.assert_allclose(evaluate(polynomials[name], ccds[name].evaluate(moved)), expected, atol=1e-12)


def test_evaluate_against_explicit_products(polynomials):
    found = polynomials["tetrahedron"]
    q = np.random.default_rng(2).normal(size=(2, 3, 6))
    monomials = np.prod(q[..., None, :] ** found.exponents, axis=-1)
    np.testing.assert_allclose(evaluate(found, q), monomials @ found.coefficients.T, atol=1e-12)
    assert evaluate(found, np.zeros(6)).shape == (71,)
    assert not evaluate(found, np.zeros(6)).any()


def test_second_order_is_sums_of_products(ccds, polynomials):
    """Orientations agree, so every quadratic invariant of the octahedron is a plain sum q_k q'_k."""
    found = polynomials["octahedron"]
    quadratic = found.coefficients[found.degrees == 2]
    np.testing.assert_allclose(quadratic[quadratic != 0], 1, atol=1e-12)
    assert sorted((quadratic != 0).sum(axis=1)) == [1, 1, 1, 2, 2, 2, 3, 3, 3]


def test_invariants_do_not_depend_on_the_order_of_operations(ccds, polynomials):
    representations = ccds["octahedron"].representations
    order = np.random.default_rng(4).permutation(len(representations))
    other = invariant_polynomials(representations[order], 3)
    expected = polynomials["octahedron"]
    n = len(other.degrees)
    np.testing.assert_array_equal(other.exponents, expected.exponents[: len(other.exponents)])
    np.testing.assert_allclose(other.coefficients, expected.coefficients[:n, : len(other.exponents)], atol=1e-12)


def test_higher_orders_extend_lower_ones(ccds, polynomials):
    lower = invariant_polynomials(ccds["tetrahedron"].representations, 3)
    np.testing.assert_array_equal(lower.degrees, polynomials["tetrahedron"].degrees[:10])


def test_octahedron_is_quick(ccds):
    start = time.perf_counter()
    invariant_polynomials(ccds["octahedron"].representations, 2)
    assert time.perf_counter() - start < 1


def test_a_set_that_is_no_group_is_not_accepted(ccds):
    with pytest.raises(ArithmeticError, match="Molien"):
        invariant_polynomials(ccds["tetrahedron"].representations[[0, 5, 9]], 3)
