"""Closed forms of the earth mover's distance against solvers; the nearest of many; what the distances order."""

from pathlib import Path

import crystals
import numpy as np
import pytest
from crystals import perovskite, random_crystal, ruddlesden_popper
from scipy.spatial.distance import cdist
from scipy.stats import wasserstein_distance

from anharmonic.errors import AnharmonicError
from anharmonic.screening import Composition, GridSettings, Metric, describe, emd, grid, grid_emd
from anharmonic.screening.composition import fractions, statistics
from anharmonic.screening.descriptors.grid import quantiles, radial_distribution
from anharmonic.screening.descriptors.neighbours import neighbour_distances
from anharmonic.screening.distances import nearest as search
from anharmonic.screening.distances.emd import cosine_dissimilarity, euclidean_distance, quantile_emd
from anharmonic.screening.distances.nearest import distance_matrix, nearest
from anharmonic.screening.elements import element_table
from anharmonic.screening.entries import Entry

SETTINGS = GridSettings()


@pytest.fixture
def histograms():
    return crystals.histograms()


def test_scipy_gives_the_same(histograms):
    centres, (one, other) = 0.1 * np.arange(50), histograms
    expected = [wasserstein_distance(centres, centres, a, b) for a, b in zip(one, other, strict=True)]
    np.testing.assert_allclose(emd(one, other, 0.1), expected, atol=1e-10, rtol=0)
    np.testing.assert_allclose(grid_emd(one, other, 0.1), np.mean(expected), atol=1e-10, rtol=0)


def test_a_solver_gives_the_same(histograms):
    """The transport problem as a linear program."""
    from scipy.optimize import linprog

    one, other = (h[0, :25] / h[0, :25].sum() for h in histograms)
    cost = 0.1 * abs(np.subtract.outer(np.arange(25), np.arange(25)))
    rows, columns = np.kron(np.eye(25), np.ones(25)), np.kron(np.ones(25), np.eye(25))
    best = linprog(cost.ravel(), A_eq=np.vstack([rows, columns]), b_eq=np.concatenate([one, other]), method="highs")
    assert emd(one, other, 0.1) == pytest.approx(best.fun, abs=1e-10)


def test_pot_gives_the_same(histograms):
    """As written down by make_peers.py."""
    with np.load(Path(__file__).with_name("peers.npz")) as peers:
        np.testing.assert_allclose(emd(*histograms, 0.1), peers["pot"], atol=1e-10, rtol=0)


def test_the_examples_of_the_report():
    """Euclid does not see how far things are moved once they do not overlap; the mover does."""
    start, near, far = np.array([[0, 1, 1, 0, 0, 0], [1, 0, 1, 0, 0, 0], [0, 0, 0, 0, 1, 1.0]])
    assert emd(start, near) == 1 and emd(start, far) == 6
    assert euclidean_distance(start, near) == pytest.approx(2**0.5)
    assert euclidean_distance(near, far) == euclidean_distance(start, far) == 2


@pytest.mark.parametrize("wrong", [[1, 1], [2, -1], [np.nan, 1]])
def test_bad_histograms_are_refused(wrong):
    with pytest.raises(AnharmonicError, match="histogram"):
        emd([1.0, 0.0], wrong)


def test_quantiles_are_exact_for_few_sites():
    """The distance without bins equals scipy's for the distances themselves."""
    found = [neighbour_distances(random_crystal(seed, n), 25) for seed, n in ((1, 3), (2, 4), (3, 6), (4, 2))]
    for one in found:
        for other in found:
            expected = np.mean([
                wasserstein_distance(a, b, one[1], other[1]) for a, b in zip(one[0].T, other[0].T, strict=True)
            ])  # fmt: skip
            ours = quantile_emd(quantiles(*one, 12), quantiles(*other, 12))
            assert ours == pytest.approx(expected, abs=1e-10)


def test_quantiles_and_bins_agree():
    """Within a bin; quantiles of many sites never exceed the distance of the distributions."""
    crystals = [random_crystal(seed, n) for seed, n in ((5, 7), (6, 5), (7, 8))]
    fine = GridSettings(groups=40, cutoff=12.0, width=0.005, smearing=0.0)
    grids = [grid(atoms, fine) for atoms in crystals]
    parts = [quantiles(*neighbour_distances(atoms, 40), 12) for atoms in crystals]
    for k in range(3):
        binned, free = grid_emd(grids[k], grids[k - 1], fine.width), quantile_emd(parts[k], parts[k - 1])
        assert binned - 0.06 * binned - 0.005 < free < binned + 0.005


def test_composition_against_scipy():
    """The mean over the scales of one-dimensional distances between elements."""
    table = {name: (v[1:] - v[1:].mean()) / v[1:].std() for name, v in element_table().items()}
    shares = np.array([fractions([11, 17]), fractions([38, 22, 8, 8, 8]), fractions([26])])
    rows = Composition().rows(shares)
    for i in range(3):
        for j in range(3):
            expected = np.mean([
                wasserstein_distance(table[s], table[s], shares[i, 1:], shares[j, 1:]) for s in Composition().scales
            ])  # fmt: skip
            assert abs(rows[i] - rows[j]).sum() == pytest.approx(expected, abs=1e-10)
    with pytest.raises(AnharmonicError, match="scales"):
        Composition(("colour",))


def test_similar_elements_are_near():
    """Rb is nearer to K than to Cl; statistics of one element are its properties."""
    rows = Composition().rows(np.array([fractions([z]) for z in (19, 37, 17)]))
    assert abs(rows[0] - rows[1]).sum() < 0.3 * abs(rows[1] - rows[2]).sum()
    found = statistics(fractions([8, 8, 22])[None])[0].reshape(4, -1)
    table = np.array([[v[z] for v in element_table().values()] for z in (8, 22)])
    np.testing.assert_allclose(found[0], (2 * table[0] + table[1]) / 3)
    np.testing.assert_allclose(found[2:], [table.min(0), table.max(0)])


def test_the_element_table_is_that_of_mendeleev():
    pytest.importorskip("mendeleev")
    from mendeleev.fetch import fetch_table

    table = fetch_table("elements").set_index("atomic_number").loc[1:103]
    for ours, theirs in (("chemical_scale", "glawe_number"), ("radius", "atomic_radius_rahm")):
        known = table[theirs].notna().to_numpy()
        np.testing.assert_allclose(element_table()[ours][1:][known], table[theirs].to_numpy(float)[known], rtol=1e-5)


def test_blocks_are_the_whole_matrix(monkeypatch):
    """Block borders, padding, ties and `same` change nothing."""
    monkeypatch.setattr(search, "QUERIES", 16)
    monkeypatch.setattr(search, "ROWS", 32)
    rng, calls = np.random.default_rng(1), []
    rows, queries = rng.normal(size=(75, 7)).astype("f4"), rng.normal(size=(21, 7)).astype("f4")
    rows[70] = rows[3]
    expected = cdist(queries, rows, "cityblock")
    np.testing.assert_allclose(distance_matrix(queries, rows), expected, rtol=1e-5)
    np.testing.assert_allclose(distance_matrix(rows), cdist(rows, rows, "cityblock"), rtol=1e-5)
    indices, distances = nearest(queries, rows, 9, on_block=lambda *done: calls.append(done))
    np.testing.assert_array_equal(indices, np.argsort(expected, axis=1, kind="stable")[:, :9])
    np.testing.assert_allclose(distances, np.sort(expected, axis=1)[:, :9], rtol=1e-5)
    assert calls == [(16, 21), (21, 21)]
    indices, distances = nearest(rows, rows, 1, same=True)
    assert indices[3, 0] == 70 and indices[70, 0] == 3 and distances[3, 0] == 0
    assert (indices[:, 0] != np.arange(75)).all()
    assert nearest(rows[:4], rows[:4], 10, same=True)[0].shape == (4, 3)
    assert nearest(rows, rows, 2)[0][70].tolist() == [3, 70]


def library(*crystals):
    return describe([Entry(str(k), atoms) for k, atoms in enumerate(crystals)])


def test_the_metric_is_the_sum_of_both_distances():
    """Of GRID without bins and of the composition, with their weights."""
    described = library(perovskite(), perovskite(5.87, "CsPbBr3"), ruddlesden_popper(1))
    structure = [[quantile_emd(a, b) for a in described.quantiles] for b in described.quantiles]
    scales = Composition().rows(described.shares)
    composition = abs(scales[:, None] - scales).sum(-1)
    for weights in ((1, 1), (2, 0), (0, 3), (0.5, 2)):
        expected = weights[0] * np.array(structure) + weights[1] * composition
        np.testing.assert_allclose(distance_matrix(Metric(*weights).rows(described)), expected, atol=2e-6)
    for wrong in ((0, 0), (-1, 1)):
        with pytest.raises(AnharmonicError, match="weights"):
            Metric(*wrong)


def distances_to_the_last(crystals, smearing=0.1):
    """By GRID and EMD, and by the radial distribution and the cosine."""
    settings = GridSettings(smearing=smearing)
    grids = [grid(atoms, settings) for atoms in crystals]
    sums = [radial_distribution(g) for g in grids]
    return (np.array([grid_emd(g, grids[-1], settings.width) for g in grids]),
            np.array([cosine_dissimilarity(s, sums[-1]) for s in sums]))  # fmt: skip


def test_ruddlesden_popper_phases_are_in_order():
    """Figure 2a, b: SrO, n = 1, n = 2, SrTiO3; the cosine of the RDF hardly tells n = 2 from SrTiO3."""
    crystals = [*(ruddlesden_popper(n) for n in (0, 1, 2)), perovskite()]
    assert [a.get_chemical_formula(empirical=True) for a in crystals] == ["OSr", "O4Sr2Ti", "O7Sr3Ti2", "O3SrTi"]
    ours, cosine = distances_to_the_last(crystals)
    assert (np.diff(ours) < -0.1).all()
    np.testing.assert_allclose(ours[:3], [0.693, 0.255, 0.142], atol=0.002)
    assert cosine[2] / cosine[0] < 0.06 < 0.2 < ours[2] / ours[0]


def test_displacements_count_in_proportion():
    """Figure 2c, d: Ti in BaTiO3; the cosine grows with their square."""
    shifts = np.array([0.3, 0.2, 0.1, 0.05, 0.0])
    ours, cosine = distances_to_the_last([perovskite(4.0, "BaTiO3", shift) for shift in shifts])
    slopes = ours[:-1] / shifts[:-1]
    np.testing.assert_allclose(slopes, 0.149, rtol=0.02)
    assert cosine[0] / cosine[2] > 15


def test_expansion_counts_in_proportion():
    """Figure 2e, f: continuous and monotone; the cosine of the RDF goes up and down."""
    ours, cosine = distances_to_the_last([perovskite(a) for a in np.arange(4.2, 2.99, -0.05)])
    steps = -np.diff(ours)
    np.testing.assert_allclose(steps, steps.mean(), rtol=0.02)
    assert (np.diff(cosine) > 0.01).sum() >= 2 and (np.diff(cosine) < 0).sum() >= 10
