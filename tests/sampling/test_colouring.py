"""Colours of parallel Monte Carlo: complete, disjoint, and never two of one colour in a cluster."""

from itertools import combinations

import builders
import numpy as np
import pytest

from anharmonic.clusters import ClusterBasis
from anharmonic.crystal import Supercell
from anharmonic.errors import AnharmonicError
from anharmonic.potential.local import conflicts
from anharmonic.sampling import MonteCarlo, strain_modes
from anharmonic.sampling.colouring import colour_cells

SUPERCELLS = [
    [2, 2, 2],
    [3, 3, 3],
    [4, 4, 2],
    [5, 4, 6],
    [[2, 2, 0], [0, 2, 2], [2, 0, 0]],
    [[4, 1, 0], [-1, 4, 0], [0, 0, 4]],
]


@pytest.mark.parametrize("matrix", SUPERCELLS)
def test_no_cluster_holds_two_of_one_colour(rich_basis, matrix):
    """Walk through all clusters of the supercell."""
    supercell = Supercell.from_matrix(matrix)
    colour_of = []
    for forbidden in conflicts(rich_basis):
        colours = colour_cells(supercell, forbidden)
        assert sorted(colours.ravel()) == list(range(supercell.n_cells))
        colour_of.append(np.empty(supercell.n_cells, int))
        for colour, cells in enumerate(colours):
            colour_of[-1][cells] = colour
    seen = 0
    for orbit in rich_basis.orbits:
        for sites, offsets in zip(orbit.sites, orbit.offsets, strict=True):
            cells = supercell.index(supercell.cells[:, None] + offsets)
            for a, b in combinations(range(orbit.n_points), 2):
                if sites[a] == sites[b]:
                    colour = colour_of[sites[a]]
                    assert (colour[cells[:, a]] != colour[cells[:, b]]).all()
                    seen += 1
    assert seen > 5


def test_few_colours_where_few_are_needed(rich_basis):
    """Lead conflicts along three axes, bromine along one; two colours do."""
    counts = [len(colour_cells(Supercell.from_matrix([4, 4, 4]), c)) for c in conflicts(rich_basis)]
    by_species = dict(zip(rich_basis.crystal.species, counts, strict=True))
    assert by_species["Cs"] == 1
    assert by_species["Br"] == 2
    assert 2 <= by_species["Pb"] <= 8


@pytest.mark.parametrize("matrix", [[1, 1, 1], [4, 4, 1], [[1, 1, 0], [-1, 1, 0], [0, 0, 1]]])
def test_supercells_too_small(potentials, matrix):
    """An atom and its own image in one cluster cannot be moved as one."""
    with pytest.raises(AnharmonicError, match="too small for parallel Monte Carlo.*Use a larger supercell"):
        MonteCarlo.create(potentials["polynomial"], Supercell.from_matrix(matrix), strain_modes("full"))


def test_no_conflicts_need_one_colour():
    """Pairs of unlike atoms only: a single cell can be sampled, and all cells move at once."""
    basis = ClusterBasis(builders.cesium_chloride(), pairs=1)
    assert all(len(c) == 0 for c in conflicts(basis))
    for matrix in ([1, 1, 1], [3, 2, 1]):
        assert len(colour_cells(Supercell.from_matrix(matrix), conflicts(basis)[0])) == 1
