import re
from itertools import combinations

import numpy as np
import pytest
from scipy.stats import ortho_group
from shapes import SHAPES, cluster, operations

from anharmonic.clusters.ccd import CCD, correlation_matrix, pair_hessians
from anharmonic.clusters.metrics import METRICS
from anharmonic.errors import AnharmonicError
from anharmonic.interfaces.ccd_figures import draw_modes

CONTENT = {
    "pair": "A1",
    "triplet": "2A1g A2u",
    "triangle": "A1 E",
    "square": "2A1g B1g B2g Eu",
    "tetrahedron": "A1 E T2",
    "octahedron": "2A1g 2Eg T1u T2g T2u",
}


@pytest.fixture(scope="module")
def ccds():
    return {name: CCD.of_cluster(*cluster(name)) for name in SHAPES}


@pytest.mark.parametrize("name", CONTENT)
def test_irreducible_content(ccds, name):
    labels = [label for label, _ in ccds[name].irreps]
    found = [f"{labels.count(x) if labels.count(x) > 1 else ''}{x}" for x in sorted(set(labels))]
    assert sorted(found) == sorted(CONTENT[name].split())


def test_octahedron_comes_in_the_order_of_figure_4(ccds):
    assert [label for label, _ in ccds["octahedron"].irreps] == ["A1g", "T1u", "Eg", "T2g", "T2u", "A1g", "Eg"]
    assert ccds["octahedron"].point_group == ("Oh", "m-3m")
    assert ccds["octahedron"].labels[4:7] == ("Eg", "Eg", "T2g")


@pytest.mark.parametrize("name", SHAPES)
def test_matrix_is_a_rotation_and_representations_are_block_diagonal(ccds, name):
    ccd = ccds[name]
    np.testing.assert_allclose(ccd.matrix @ ccd.matrix.T, np.eye(ccd.n_ccds), atol=1e-13)
    blocks = np.zeros((ccd.n_ccds, ccd.n_ccds), bool)
    for _, block in ccd.irreps:
        blocks[block, block] = True
    np.testing.assert_allclose(ccd.representations[:, ~blocks], 0, atol=1e-13)
    assert len(ccd.matrix) == len(ccd.distances) == ccd.irreps[-1][1].stop


@pytest.mark.parametrize("name", SHAPES)
def test_equivalent_subspaces_transform_by_the_same_matrices(ccds, name):
    first = {}
    for label, block in ccds[name].irreps:
        own = ccds[name].representations[:, block, block]
        np.testing.assert_allclose(own, first.setdefault(label, own), atol=1e-12)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("metric", METRICS)
def test_representations_say_how_deformations_transform(name, metric):
    positions, permutations, rotations = cluster(name)
    ccd = CCD.of_cluster(positions, permutations, rotations, metric)
    centre = positions.mean(axis=0)
    deformed = positions + np.random.default_rng(1).normal(0, 0.2, positions.shape)
    assert np.abs(ccd.evaluate(positions)).max() < 1e-12
    for permutation, rotation, matrix in list(zip(permutations, rotations, ccd.representations, strict=True))[::5]:
        moved = np.empty_like(deformed)
        moved[permutation] = (deformed - centre) @ rotation.T + centre
        np.testing.assert_allclose(ccd.evaluate(moved), matrix @ ccd.evaluate(deformed), atol=1e-12)


def test_ccds_are_invariant_to_rigid_motions(ccds):
    ccd, rotation = ccds["octahedron"], ortho_group.rvs(3, random_state=0)
    deformed = ccd.positions + np.random.default_rng(2).normal(0, 0.3, (4, 6, 3))
    np.testing.assert_allclose(ccd.evaluate(deformed @ rotation.T + 1.7), ccd.evaluate(deformed), atol=1e-12)


@pytest.mark.parametrize("metric", METRICS)
def test_jacobian_is_the_derivative_of_evaluate(metric):
    ccd = CCD.of_cluster(*cluster("tetrahedron"), metric)
    steps = 1e-5 * np.eye(12).reshape(12, 4, 3)
    numeric = (ccd.evaluate(ccd.positions + steps) - ccd.evaluate(ccd.positions - steps)) / 2e-5
    np.testing.assert_allclose(ccd.jacobian().reshape(6, 12), numeric.T, atol=1e-8)


@pytest.mark.parametrize("metric", METRICS)
def test_hessians_are_second_derivatives(metric):
    ccd = CCD.of_cluster(*cluster("triangle"), metric)
    expected = np.einsum("kp,pab->kab", ccd.matrix, pair_hessians(ccd.positions, ccd.pairs, metric))
    steps = 1e-3 * np.eye(9).reshape(9, 3, 3)
    plus, minus = (ccd.positions + sign * (steps[:, None] + steps[None]) for sign in (1, -1))
    mixed = (ccd.positions + sign * (steps[:, None] - steps[None]) for sign in (1, -1))
    numeric = sum(map(ccd.evaluate, (plus, minus))) - sum(map(ccd.evaluate, mixed))
    np.testing.assert_allclose(np.moveaxis(numeric, -1, 0) / 4e-6, expected, atol=1e-5)


@pytest.mark.parametrize("metric, sigma", [("quadratic", 0.25), ("linear", 0.03), ("inverse", 0.02)])
def test_correlations_against_monte_carlo(metric, sigma):
    """Exact for the quadratic metric at any spread; for the others as the spread goes to zero."""
    positions = SHAPES["triangle"][0]
    pairs = np.array(list(combinations(range(3), 2)))
    spread = sigma * np.linalg.norm(positions[0] - positions[1])
    sampled = positions + np.random.default_rng(0).normal(0, spread, (400_000, 3, 3))
    squares = ((sampled[:, pairs[:, 0]] - sampled[:, pairs[:, 1]]) ** 2).sum(-1)
    metrics = METRICS[metric](squares / ((positions[pairs[:, 0]] - positions[pairs[:, 1]]) ** 2).sum(-1))
    expected = correlation_matrix(positions, pairs, metric, spread)
    np.testing.assert_allclose(metrics.T @ metrics / len(metrics), expected, atol=0.01 * expected.max())


def test_scales_give_unit_variance_in_descending_order(ccds):
    ccd = ccds["octahedron"]
    correlations = correlation_matrix(ccd.positions, ccd.pairs, "quadratic", ccd.sigma * ccd.distances.min())
    scaled = ccd.scales[:, None] * ccd.matrix
    np.testing.assert_allclose(scaled @ correlations @ scaled.T, np.eye(15), atol=1e-10)
    assert (np.diff(ccd.scales) > -1e-9).all()


def test_reduction_keeps_the_degrees_of_freedom_and_whole_subspaces():
    assert CCD.of_cluster(*cluster("octahedron"), reduce=True).labels[-1] == "T2u"
    sizes = {name: CCD.of_cluster(*cluster(name), reduce=True).n_ccds for name in SHAPES}
    assert sizes == dict(pair=1, triplet=3, triangle=3, square=6, tetrahedron=6, octahedron=12, cuboctahedron=30)
    jacobian = CCD.of_cluster(*cluster("octahedron"), reduce=True).jacobian().reshape(12, 18)
    assert np.linalg.matrix_rank(jacobian) == 12


@pytest.mark.parametrize("name", SHAPES)
def test_noise_of_the_input_does_not_turn_the_basis(ccds, name):
    """Signs and orientations come from rules: the last digits, which decide in LAPACK, do not matter."""
    positions, permutations, rotations = cluster(name)
    for seed in range(3):
        noise = np.random.default_rng(seed).normal(0, 1e-11, positions.shape)
        other = CCD.of_cluster(positions + noise, permutations, rotations)
        np.testing.assert_allclose(other.matrix, ccds[name].matrix, atol=1e-7)
        assert other.subspaces == ccds[name].subspaces


def test_order_of_operations_does_not_matter(ccds):
    positions, permutations, rotations = cluster("octahedron")
    order = np.random.default_rng(3).permutation(len(rotations))
    other = CCD.of_cluster(positions, permutations[order], rotations[order])
    np.testing.assert_allclose(other.matrix, ccds["octahedron"].matrix, atol=1e-12)
    np.testing.assert_allclose(other.representations, ccds["octahedron"].representations[order], atol=1e-12)


@pytest.mark.parametrize("name", SHAPES)
def test_order_of_sites_leaves_the_subspaces(ccds, name):
    ccd, order = ccds[name], np.random.default_rng(5).permutation(len(SHAPES[name][0]))
    positions, species = SHAPES[name]
    other = CCD.of_cluster(*operations(positions[order], np.array(species)[order], cluster(name)[2]))
    deformed = positions + np.random.default_rng(6).normal(0, 0.2, (50, *positions.shape))
    q, moved = ccd.evaluate(deformed), other.evaluate(deformed[:, order])
    assert other.subspaces == ccd.subspaces
    for _, block in ccd.irreps:
        np.testing.assert_allclose((q[:, block] ** 2).sum(-1), (moved[:, block] ** 2).sum(-1), atol=1e-12)


def test_accidental_degeneracies_are_separated_by_symmetry():
    """An octahedron in a crystal of orthorhombic symmetry: equal variances, inequivalent irreps."""
    positions, permutations, rotations = cluster("octahedron")
    keep = [np.count_nonzero(r) == np.count_nonzero(np.diag(r)) for r in rotations]
    ccd = CCD.of_cluster(positions, permutations[keep], rotations[keep])
    assert ccd.point_group[0] == "D2h"
    assert [block.stop - block.start for _, block in ccd.irreps] == [1] * 15
    off_diagonal = ccd.representations[:, ~np.eye(15, dtype=bool)]
    np.testing.assert_allclose(off_diagonal, 0, atol=1e-13)


def test_no_symmetry_at_all_gives_one_dimensional_subspaces():
    positions = SHAPES["octahedron"][0]
    ccd = CCD.of_cluster(positions, [range(6)], [np.eye(3)])
    assert ccd.labels == ("A",) * 15
    np.testing.assert_allclose(ccd.matrix @ ccd.matrix.T, np.eye(15), atol=1e-13)
    other = CCD.of_cluster(positions + np.random.default_rng(0).normal(0, 1e-12, (6, 3)), [range(6)], [np.eye(3)])
    np.testing.assert_allclose(other.matrix, ccd.matrix, atol=1e-6)


def test_complex_irreps_stay_real_pairs():
    """C4 on a square: the conjugate pair is one subspace "E"."""
    positions, permutations, rotations = cluster("square")
    keep = [r[2, 2] == 1 and np.isclose(np.linalg.det(r), 1) for r in rotations]
    ccd = CCD.of_cluster(positions, permutations[keep], rotations[keep])
    assert ccd.point_group == ("C4", "4")
    assert sorted(label for label, _ in ccd.irreps) == ["A", "A", "B", "B", "E"]


def test_bad_clusters_are_refused():
    positions, permutations, rotations = cluster("octahedron")
    with pytest.raises(AnharmonicError, match="at least two sites"):
        CCD.of_cluster(positions[:1], [[0]], [np.eye(3)])
    with pytest.raises(AnharmonicError, match="misses a site"):
        CCD.of_cluster(positions, permutations[::-1], rotations)
    with pytest.raises(AnharmonicError, match="do not fit together"):
        CCD.of_cluster(positions, permutations[:3], rotations)
    with pytest.raises(AnharmonicError, match="metric"):
        CCD.of_cluster(positions, permutations, rotations, "cubic")


@pytest.mark.parametrize("name", ["pair", "triplet", "tetrahedron"])
def test_every_mode_gets_a_panel(ccds, tmp_path, name):
    figure = draw_modes(*SHAPES[name], ccds[name], tmp_path / "modes.png")
    titles = [[text.get_text() for text in axes.texts] for axes in figure.axes]
    assert [title[0] for title in titles] == [f"$q_{{{k + 1}}}$" for k in range(ccds[name].n_ccds)]
    assert [re.sub(r"[$_{}]", "", title[1]) for title in titles] == list(ccds[name].labels)
    assert len({axes.get_xlim() + axes.get_ylim() for axes in figure.axes}) == 1
    assert (tmp_path / "modes.png").stat().st_size > 10_000
