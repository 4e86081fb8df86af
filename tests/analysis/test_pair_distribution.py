"""Pair distributions against ASE's distances, neighbour counts, and an exact limit."""

import builders
import numpy as np
import pytest

from anharmonic.analysis.pair_distribution import BIN, pair_distribution
from anharmonic.errors import AnharmonicError


def states(count=6, matrix=(3, 3, 3), **size):
    crystal = builders.perovskite()
    return [
        builders.distorted(crystal, matrix, seed, **({"strain": 0.02, "displacement": 0.1} | size))
        for seed in range(count)
    ]


def test_against_the_distances_of_ase():
    """Every bin of every pair of species, counted from minimum images in a skewed cell."""
    chosen = states(2, [[3, 0, 0], [1, 3, 0], [0, 1, 3]])
    found = pair_distribution(chosen, farthest=7.0)
    edges = np.r_[found.distances - BIN / 2, found.distances[-1] + BIN / 2]
    for name, function in found.functions.items():
        expected = []
        for state in chosen:
            atoms = state.to_atoms()
            symbols, (a, b) = np.array(atoms.get_chemical_symbols()), name.split("-")
            distances = atoms.get_all_distances(mic=True)[np.ix_(symbols == a, symbols == b)]
            counts = np.histogram(distances[distances > 1e-6], edges)[0]
            shells = 4 / 3 * np.pi * np.diff(edges**3)
            expected.append(counts * state.volume / ((symbols == a).sum() * (symbols == b).sum() * shells))
        np.testing.assert_allclose(function.mean, np.mean(expected, axis=0), atol=1e-9)


def test_coordination_numbers():
    """Six halides around the metal, eight cages' corners; the default reaches half the cell."""
    found = pair_distribution(states())
    assert found.coordination("Pb-Br", 4.2) == pytest.approx(6, rel=5e-3)
    assert found.coordination("Cs-Pb", 6.3) == pytest.approx(8, rel=5e-3)
    assert set(found.functions) == {"Cs-Cs", "Cs-Pb", "Cs-Br", "Pb-Pb", "Pb-Br", "Br-Br"}
    assert 7.5 < found.distances[-1] < 9.0
    assert (found.functions["Pb-Br"].error >= 0).all() and found.functions["Pb-Br"].error.max() > 0


def test_one_snapshot_has_no_error():
    with pytest.raises(AnharmonicError, match="2 snapshots"):
        pair_distribution(states(1))
