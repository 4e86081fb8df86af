"""Colours of parallel Monte Carlo: complete, disjoint, equal, few, and never two of one colour in a cluster."""

from itertools import combinations, product

import builders
import numpy as np
import pytest

from anharmonic.clusters import ClusterBasis
from anharmonic.crystal import Supercell
from anharmonic.errors import AnharmonicError
from anharmonic.evaluation import conflicts
from anharmonic.sampling import MonteCarlo, strain_modes
from anharmonic.sampling.monte_carlo.colouring import colour_cells

SKEWED = [
    [[2, 2, 0], [0, 2, 2], [2, 0, 0]],
    [[4, 1, 0], [-1, 4, 0], [0, 0, 4]],
    [[5, 2, 1], [0, 6, 1], [0, 0, 7]],
    [[3, 1, 2], [0, 2, 1], [0, 0, 5]],
    [[3, 1, 0], [0, 3, 1], [1, 0, 3]],
    builders.MATRICES["untidy"],
    builders.MATRICES["left-handed"],
]
EVEN = [[2, 2, 2], [4, 4, 2], [4, 4, 4], [4, 6, 10], [14, 2, 4]]
SUPERCELLS = [*EVEN, [3, 3, 3], [5, 4, 6], [7, 7, 7], [11, 11, 11], [7, 8, 9], [13, 2, 2], *SKEWED]


def colours_of_cells(supercell, groups):
    """The colour of every cell; each is in one group."""
    assert sorted(groups.ravel()) == list(range(supercell.n_cells))
    colour = np.empty(supercell.n_cells, int)
    for number, cells in enumerate(groups):
        colour[cells] = number
    return colour


def clashes(basis, supercell, groups):
    """Walk through all clusters of the supercell: pairs of members on equal sites, and how many have one colour."""
    colour, seen, clashing = colours_of_cells(supercell, groups), 0, 0
    for orbit in basis.orbits:
        for sites, offsets in zip(orbit.sites, orbit.offsets, strict=True):
            cells = supercell.index(supercell.cells[:, None] + offsets)
            for a, b in combinations(range(orbit.n_points), 2):
                if sites[a] == sites[b]:
                    seen += 1
                    clashing += np.count_nonzero(colour[cells[:, a]] == colour[cells[:, b]])
    return seen, clashing


@pytest.mark.parametrize("matrix", SUPERCELLS, ids=str)
def test_no_cluster_holds_two_of_one_colour(rich_basis, matrix):
    supercell = Supercell.from_matrix(matrix)
    seen, clashing = clashes(rich_basis, supercell, colour_cells(supercell, conflicts(rich_basis)))
    assert seen > 5
    assert clashing == 0


def test_clashes_are_seen(rich_basis):
    """A control: one colour for all, and two colours on a grid of odd length."""
    for size, groups in ((2, np.arange(8).reshape(1, 8)), (3, np.arange(27)[:26].reshape(2, 13))):
        supercell = Supercell.from_matrix([size] * 3)
        if size == 3:
            with pytest.raises(AssertionError):
                colours_of_cells(supercell, groups)
            groups = np.argsort(supercell.cells.sum(axis=1) % 2, kind="stable")[None]
        assert clashes(rich_basis, supercell, groups)[1] > 0


@pytest.mark.parametrize("matrix", SUPERCELLS, ids=str)
def test_colours_are_equal_classes(rich_basis, matrix):
    """All colours are one sublattice, shifted: equally many cells, at the same distances from each other."""
    supercell = Supercell.from_matrix(matrix)
    groups = colour_cells(supercell, conflicts(rich_basis))
    assert groups.size == supercell.n_cells and groups.shape[0] > 1
    distances = {
        frozenset(supercell.index(supercell.cells[cells] - supercell.cells[cell]).tolist())
        for cells in groups
        for cell in cells[:5]
    }
    assert len(distances) == 1
    assert len(distances.pop()) == groups.shape[1]


@pytest.mark.parametrize(
    "size, n_colours", [([11, 11, 11], 11), ([7, 8, 9], 42), ([7, 7, 7], 7), ([13, 2, 2], 26)], ids=str
)
def test_awkward_sizes_are_not_refused(rich_basis, size, n_colours):
    """Lengths without common factors: more colours, but far fewer than cells."""
    supercell = Supercell.from_matrix(size)
    groups = colour_cells(supercell, conflicts(rich_basis))
    assert groups.shape == (n_colours, supercell.n_cells / n_colours)


@pytest.mark.parametrize("matrix", EVEN, ids=str)
def test_two_colours_for_even_perovskites(rich_basis, matrix):
    """Lead conflicts along three axes, bromine along one; a checkerboard does for all sites."""
    assert {tuple(abs(c)) for c in conflicts(rich_basis)} == {(1, 0, 0), (0, 1, 0), (0, 0, 1)}
    supercell = Supercell.from_matrix(matrix)
    colour = colours_of_cells(supercell, colour_cells(supercell, conflicts(rich_basis)))
    np.testing.assert_array_equal(colour, supercell.cells.sum(axis=1) % 2)


@pytest.mark.parametrize("matrix", [[3, 3, 3], [5, 4, 6], [4, 3, 2], [5, 5, 5], *SKEWED], ids=str)
def test_no_linear_colouring_needs_fewer(rich_basis, matrix):
    """Try all vectors c with fewer colours, on the cells themselves."""
    supercell, forbidden = Supercell.from_matrix(matrix), conflicts(rich_basis)
    steps = [supercell.translations([v])[0] for v in np.eye(3, dtype=int)]
    neighbours = supercell.translations(forbidden)
    for q in range(1, len(colour_cells(supercell, forbidden))):
        for c in product(range(q), repeat=3):
            colour = supercell.cells @ c % q
            periodic = all((colour[step] == (colour + x) % q).all() for step, x in zip(steps, c, strict=True))
            assert not (periodic and (colour[neighbours] != colour).all()), (q, c)


@pytest.mark.parametrize(
    "matrix", [[1, 1, 1], [4, 4, 1], [[1, 1, 0], [-1, 1, 0], [0, 0, 1]], [[1, 0, 0], [3, 1, 0], [0, 0, 8]]]
)
def test_supercells_too_small(potentials, matrix):
    """An atom and its own image in one cluster cannot be moved as one."""
    with pytest.raises(AnharmonicError, match="too small for parallel Monte Carlo.*Use a larger supercell"):
        MonteCarlo.create(potentials["polynomial"], Supercell.from_matrix(matrix), strain_modes("full"))


@pytest.mark.parametrize("matrix", [[101, 2, 2], [2, 103, 4]])
def test_impossible_colourings_are_refused(rich_basis, matrix):
    """A prime length above the largest number of colours leaves no period along that axis."""
    with pytest.raises(AnharmonicError, match="no colouring of the supercell.*at most 100 colours.*small factors"):
        colour_cells(Supercell.from_matrix(matrix), conflicts(rich_basis))


def test_no_conflicts_need_one_colour():
    """Pairs of unlike atoms only: a single cell can be sampled, and all cells move at once."""
    basis = ClusterBasis(builders.cesium_chloride(), pairs=1)
    assert conflicts(basis).shape == (0, 3)
    for matrix in ([1, 1, 1], [3, 2, 1], [101, 1, 1]):
        supercell = Supercell.from_matrix(matrix)
        np.testing.assert_array_equal(colour_cells(supercell, conflicts(basis)), [np.arange(supercell.n_cells)])


def test_conflicts_are_those_of_all_sites(rich_basis):
    """Brute force over all clusters and their members; nothing else, and each once."""
    expected = set()
    for orbit in rich_basis.orbits:
        for sites, offsets in zip(orbit.sites, orbit.offsets, strict=True):
            for a, b in product(range(orbit.n_points), repeat=2):
                if a != b and sites[a] == sites[b]:
                    expected.add(tuple((offsets[b] - offsets[a]).tolist()))
    found = [tuple(c) for c in conflicts(rich_basis).tolist()]
    assert len(found) == len(set(found))
    assert set(found) | {tuple(-x for x in c) for c in found} == expected
