"""GRID: against a loop over image cells, gridrdf where it is installed, and what must not change it."""

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, make_supercell
from crystals import other_cells, perovskite, random_crystal

from anharmonic.errors import AnharmonicError
from anharmonic.screening import GridSettings, grid, grid_emd, grid_of_distances
from anharmonic.screening.descriptors import neighbours
from anharmonic.screening.descriptors.grid import quantiles, radial_distribution
from anharmonic.screening.descriptors.neighbours import neighbour_distances
from anharmonic.screening.descriptors.powder import powder

SHARP = GridSettings(groups=30, cutoff=8.0, smearing=0.0)


def all_distances(atoms, radius):
    """Sorted distances of every site to all others within `radius`, by loops over image cells."""
    reach = np.ceil(radius * np.linalg.norm(np.linalg.inv(atoms.cell.array), axis=0)).astype(int) + 1
    images = np.array(list(np.ndindex(*(2 * reach + 1)))) - reach
    found = []
    for site in atoms.positions:
        d = np.linalg.norm(atoms.positions[None] + (images @ atoms.cell.array)[:, None] - site, axis=-1).ravel()
        found.append(np.sort(d[(d > 1e-8) & (d < radius)]))
    return found


@pytest.mark.parametrize("seed", range(6))
def test_neighbours_against_a_loop(seed):
    """Every site of crystals without symmetry; the weights count sites."""
    atoms = random_crystal(seed)
    expected = np.array([d[:40] for d in all_distances(atoms, 12.0)])
    distances, weights = neighbour_distances(atoms, 40)
    assert weights.sum() == pytest.approx(1)
    assert len(distances) == len(np.unique(expected.round(6), axis=0))
    np.testing.assert_allclose(weights @ distances, expected.mean(0), atol=1e-9)
    assert (np.diff(distances, axis=1) >= 0).all()


def test_equivalent_sites_are_one_kind():
    """Three kinds in SrTiO3, one in silicon, whatever the cell."""
    for atoms, kinds in ((perovskite(), [1, 1, 3]), (bulk("Si", cubic=True), [1]), (perovskite().repeat(2), [1, 1, 3])):
        distances, weights = neighbour_distances(atoms, 20)
        assert sorted(weights) == pytest.approx(sorted(np.array(kinds) / sum(kinds)))
        assert len(distances) == len(kinds)


def test_groups_of_perovskite():
    """Figure 1 of the report: distances of rank 1 and 13 of each site, by hand."""
    a, found = 4.0, grid(perovskite(4.0), SHARP)
    by_site = {"A": [a / 2**0.5] * 12, "B": [a / 2] * 6 + [a * 3**0.5 / 2] * 8, "X": [a / 2] * 2 + [a / 2**0.5] * 8}
    assert found.sum(axis=1) == pytest.approx(1)
    for group in range(10):
        expected = np.zeros(SHARP.bins)
        for site, share in (("A", 0.2), ("B", 0.2), ("X", 0.6)):
            expected[int(by_site[site][group] / 0.1 + 1e-9)] += share
        np.testing.assert_allclose(found[group], expected, atol=1e-12)


@pytest.mark.parametrize("smearing", [0.0, 0.1])
def test_the_cell_does_not_matter(smearing):
    """Supercells, other cells, turns, shifts and the order of atoms."""
    settings, atoms = GridSettings(groups=60, smearing=smearing), random_crystal(11, 5)
    expected = grid(atoms, settings)
    for other in other_cells(atoms):
        found = neighbour_distances(other, 60)
        np.testing.assert_allclose(grid_of_distances(*found, settings), expected, atol=1e-6 if smearing else 1e-9)
        ours = quantiles(*neighbour_distances(atoms, 60), 12)
        np.testing.assert_allclose(quantiles(*found, 12), ours, atol=1e-6)


def test_the_sum_is_the_radial_distribution():
    """Mean number of neighbours in every bin, counted from all distances; up to where all groups reach."""
    atoms, settings = random_crystal(3, 4), GridSettings(groups=80, cutoff=7.0, smearing=0.0)
    last = neighbour_distances(atoms, 80)[0][:, -1].min()
    expected = np.histogram(np.concatenate(all_distances(atoms, 9.0)), settings.edges)[0] / len(atoms)
    full = settings.edges[1:] < last
    np.testing.assert_allclose(radial_distribution(grid(atoms, settings))[full], expected[full], atol=1e-12)


def test_smearing_keeps_mass_and_mean():
    """Each distance becomes a Gaussian of unit mass about itself, of the given width."""
    settings = GridSettings(groups=5, cutoff=10.0, width=0.02, smearing=0.15)
    found = grid_of_distances(np.array([[2.0, 3.01, 4.5, 5.0, 6.0]]), np.ones(1), settings)
    centres = settings.edges[:-1] + 0.01
    assert found.sum(1) == pytest.approx(1, abs=1e-8)
    np.testing.assert_allclose(found @ centres, [2.0, 3.01, 4.5, 5.0, 6.0], atol=1e-6)
    spread = np.sqrt(found @ centres**2 - (found @ centres) ** 2)
    np.testing.assert_allclose(spread, np.sqrt(0.15**2 + 0.02**2 / 12), rtol=1e-4)


def test_what_lies_beyond_the_cutoff_is_missing():
    """The area of a group is the share within."""
    found = grid(perovskite(4.0), GridSettings(groups=14, cutoff=3.0, smearing=0.0))
    assert found.sum(1)[[0, 5, 6, 11, 12, 13]] == pytest.approx([1, 1, 0.8, 0.8, 0.6, 0.6])


def test_quantiles_are_the_distribution():
    """Exact where sites come in twelfths; means over parts otherwise."""
    distances = np.array([[1.0, 5.0], [2.0, 4.0], [3.0, 6.0]])
    found = quantiles(distances, np.array([0.5, 0.25, 0.25]), 4)
    np.testing.assert_allclose(found, [[1, 1, 2, 3], [4, 5, 5, 6]])
    found = quantiles(distances, np.array([0.5, 0.25, 0.25]), 3)
    np.testing.assert_allclose(found[0], [1, (1 + 2) / 2, (2 * 0.25 + 3 * 0.75)], atol=1e-12)


def test_gridrdf_gives_the_same():
    """Fifty random crystals, as written down by make_peers.py: its densities are our shares per width of a bin."""
    with np.load(Path(__file__).with_name("peers.npz")) as peers:
        theirs = peers["gridrdf"]
    settings = GridSettings(groups=30, cutoff=12.0, smearing=0.0)
    for seed in range(50):
        np.testing.assert_allclose(grid(random_crystal(seed), settings), 0.1 * theirs[seed], atol=1e-6)


def test_gridrdf_smears_almost_alike():
    """It rounds distances down to a fifth of a bin: 0.01 A on average. Where it is installed."""
    gridrdf = pytest.importorskip("gridrdf")
    from pymatgen.io.ase import AseAtomsAdaptor

    settings = GridSettings(groups=30, cutoff=12.0, smearing=0.1)
    for seed in range(10):
        atoms = random_crystal(seed)
        structure = AseAtomsAdaptor.get_structure(atoms)
        found = gridrdf.extendRDF.get_pairwise_distances(structure, num_neighbours=30)
        smeared = gridrdf.extendRDF.calculate_rdf(structure, found, max_dist=12.0, bin_width=0.1, smearing=0.1)
        assert grid_emd(grid(atoms, settings), 0.1 * smeared[:, : settings.bins], 0.1) < 0.015


REFUSED = {
    "no atoms": (Atoms(cell=[3] * 3, pbc=True), "no atoms"),
    "a molecule": (Atoms("H2", positions=[[0, 0, 0], [0, 0, 0.74]]), "periodic"),
    "a slab": (Atoms("Cu", cell=[3, 3, 20], pbc=[True, True, False]), r"pbc = \[True, True, False\]"),
    "flat": (Atoms("Cu", cell=[[3, 0, 0], [0, 3, 0], [3, 3, 0]], pbc=True), "A\\^3 per atom"),
    "overlap": (Atoms("Cu2", positions=[[0, 0, 0], [0, 0, 0.1]], cell=[4] * 3, pbc=True), "0.100 A apart"),
    "not finite": (Atoms("Cu", positions=[[np.nan, 0, 0]], cell=[4] * 3, pbc=True), "finite"),
    "unknown": (Atoms("X", cell=[4] * 3, pbc=True), "unknown elements X"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name):
    atoms, message = REFUSED[name]
    with pytest.raises(AnharmonicError, match=message):
        grid(atoms)


def test_partial_occupancy_is_refused():
    atoms = bulk("Cu")
    atoms.info["occupancy"] = {"0": {"Cu": 0.6, "Ag": 0.4}}
    with pytest.raises(AnharmonicError, match="partly occupied .Cu 0.6, Ag 0.4."):
        grid(atoms)
    atoms.info["occupancy"] = {"0": {"Cu": 0.5}}
    with pytest.raises(AnharmonicError, match="partly occupied"):
        grid(atoms)


def test_skewed_cells_are_the_same_crystal():
    """A cell sheared by two hundred lattice vectors costs no more than another."""
    atoms = bulk("Cu")
    skewed = make_supercell(atoms, [[1, 0, 0], [200, 1, 0], [200, 200, 1]], wrap=False)
    np.testing.assert_allclose(grid(skewed, SHARP), grid(atoms, SHARP), atol=1e-9)
    np.testing.assert_allclose(powder(skewed), powder(atoms), rtol=1e-6, atol=1e-6)


def test_too_many_neighbours_are_refused(monkeypatch):
    """Before memory is asked for."""
    with pytest.raises(AnharmonicError, match="fewer neighbours"):
        neighbour_distances(bulk("Cu"), 100_000_000)
    with pytest.raises(AnharmonicError, match="fewer groups"):
        GridSettings(groups=100_000_000)
    monkeypatch.setattr(neighbours, "MOST_PAIRS", 100)
    with pytest.raises(AnharmonicError, match="memory"):
        grid(bulk("Cu"))


@pytest.mark.parametrize(
    "options", [{"groups": 0}, {"groups": 2.5}, {"cutoff": -1.0}, {"width": 0.3}, {"smearing": -0.1}, {"levels": 0}]
)
def test_settings_are_checked(options):
    with pytest.raises(AnharmonicError):
        GridSettings(**options)
