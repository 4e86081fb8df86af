"""Named choices of clusters: what they are for a perovskite, and that they mean as much for other crystals."""

import numpy as np
import pytest

from anharmonic.clusters import ClusterBasis
from anharmonic.clusters.presets import PRESETS
from anharmonic.crystal import Crystal
from anharmonic.errors import AnharmonicError

CLUSTERS = {"paper": (7, 1, 1), "fast": (9, 1, 1), "balanced": (9, 12, 0), "accurate": (19, 20, 0)}
ROCK_SALT = [[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]], [[0, 0, 0], [0.5, 0.5, 0.5]], ["Na", "Cl"]


def sizes(basis):
    points = [orbit.n_points for orbit in basis.orbits]
    return tuple(points.count(n) for n in (2, 3, 6))


def test_all_presets_are_known():
    assert set(CLUSTERS) == set(PRESETS)


@pytest.mark.parametrize("name", PRESETS)
def test_clusters_of_a_perovskite(name, cspbbr3):
    """Of any size: cutoffs scale with the crystal."""
    basis = ClusterBasis.from_preset(cspbbr3, name)
    larger = Crystal.from_sites(1.3 * cspbbr3.cell, cspbbr3.positions, cspbbr3.species)
    assert sizes(basis) == CLUSTERS[name] == sizes(ClusterBasis.from_preset(larger, name))
    assert [c for c in basis.labels if c.startswith("triplet Pb-Br-Pb")]


def test_changes_replace_parts(cspbbr3):
    basis = ClusterBasis.from_preset(cspbbr3, "balanced", order=2, metric="linear")
    assert sizes(basis) == CLUSTERS["balanced"] and basis.metric == "linear"
    assert max(max(i.degrees) for i in basis.invariants) == 2


@pytest.mark.parametrize("name", ["balanced", "accurate"])
def test_another_crystal(name):
    """Rock salt, whose length is half its lattice parameter: pairs and triplets, and no B-X-B is looked for."""
    cell, positions, species = ROCK_SALT
    basis = ClusterBasis.from_preset(Crystal.from_sites(5.6 * np.array(cell), positions, species), name)
    longest = max(np.linalg.norm(basis.bonds.vectors, axis=1))
    assert longest == pytest.approx(2.8 * {"balanced": 3**0.5, "accurate": 6**0.5}[name], rel=1e-6)
    assert sizes(basis)[0] > 2 and sizes(basis)[1] > 2


def test_unknown_names_are_refused(cspbbr3):
    with pytest.raises(AnharmonicError, match="paper, fast, balanced, accurate; found 'best'"):
        ClusterBasis.from_preset(cspbbr3, "best")
