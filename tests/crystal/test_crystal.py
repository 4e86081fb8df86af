import numpy as np
import pytest
from ase import Atoms
from scipy.spatial.transform import Rotation

from anharmonic.crystal import Crystal
from anharmonic.errors import AnharmonicError

COUNTS = [  # name, primitive, sites, operations (with centring translations), space group
    ("perovskite", True, 5, 48, 221),
    ("bcc", True, 1, 48, 229),
    ("bcc", False, 2, 96, 229),
    ("hcp", True, 2, 24, 194),
    ("diamond", True, 2, 48, 227),
    ("rocksalt", True, 2, 48, 225),
    ("rocksalt", False, 8, 192, 225),
    ("fluorite", True, 3, 48, 225),
    ("fluorite", False, 12, 192, 225),
]
NAMES = sorted({(name, primitive) for name, primitive, *_ in COUNTS})


@pytest.mark.parametrize(("name", "primitive", "n_sites", "n_operations", "number"), COUNTS)
def test_sites_and_operations(reference, name, primitive, n_sites, n_operations, number):
    crystal = reference(name, primitive)
    assert crystal.n_sites == len(crystal.masses) == n_sites
    assert len(crystal.space_group) == n_operations
    assert crystal.space_group.number == number


@pytest.mark.parametrize(("name", "primitive"), NAMES)
def test_apply_maps_positions_onto_sites(reference, name, primitive):
    crystal = reference(name, primitive)
    group = crystal.space_group
    rng = np.random.default_rng(0)
    sites = [(int(s), tuple(rng.integers(-3, 4, 3))) for s in rng.integers(0, crystal.n_sites, 6)]
    before = np.array([crystal.positions[s] + o for s, o in sites])
    for k in range(len(group)):
        images, offsets = group.apply(k, sites)
        expected = before @ group.rotations[k].T + group.translations[k]
        np.testing.assert_allclose(crystal.positions[images] + offsets, expected, atol=1e-9)
        assert [crystal.species[i] for i in images] == [crystal.species[s] for s, _ in sites]


@pytest.mark.parametrize(("name", "primitive"), NAMES)
def test_operations_permute_sites_and_turn_vectors(reference, name, primitive):
    crystal = reference(name, primitive)
    group = crystal.space_group
    np.testing.assert_array_equal(np.sort(group.site_map, axis=1), np.tile(np.arange(crystal.n_sites), (len(group), 1)))
    turns = group.cartesian_rotations(crystal.cell)
    np.testing.assert_allclose(turns @ np.swapaxes(turns, 1, 2), np.tile(np.eye(3), (len(group), 1, 1)), atol=1e-9)
    for k in range(0, len(group), 5):
        (i, j), (a, b) = group.apply(k, [(0, (0, 0, 0)), (crystal.n_sites - 1, (1, -2, 3))])
        before = crystal.vector(0, crystal.n_sites - 1, (1, -2, 3))
        np.testing.assert_allclose(crystal.vector(i, j, b - a), turns[k] @ before, atol=1e-9)


def test_orientation_and_origin_of_the_input_do_not_matter(structure):
    atoms = structure("fluorite")
    turned = atoms.copy()
    turned.set_cell(atoms.cell[:] @ Rotation.random(random_state=1).as_matrix().T, scale_atoms=True)
    one, other = Crystal.from_atoms(atoms), Crystal.from_atoms(turned)
    np.testing.assert_allclose(one.cell, other.cell, atol=1e-9)
    np.testing.assert_allclose(one.positions, other.positions, atol=1e-9)


@pytest.mark.parametrize(
    ("name", "distance"), [("rocksalt", 5.64 / 2), ("fluorite", 5.46 * 3**0.5 / 4), ("bcc", 2.87 * 3**0.5 / 2)]
)
def test_nearest_distance(reference, name, distance):
    for primitive in (True, False):
        assert reference(name, primitive).nearest_distance() == pytest.approx(distance, abs=1e-9)


def test_nearest_distance_with_skewed_cell_and_sites_in_other_cells():
    skew = np.array([[1, 0, 0], [7, 1, 0], [-4, 6, 1]])
    positions = (np.array([[0, 0, 0], [2.5, 0.5, -3.5]]) @ np.linalg.inv(skew)).tolist()
    crystal = Crystal.from_sites(4.12 * skew, positions, ["Cs", "Cl"])
    assert crystal.nearest_distance() == pytest.approx(4.12 * 3**0.5 / 2, abs=1e-9)
    assert len(crystal.space_group) == 48


def test_reference_cell_as_atoms(reference):
    crystal = reference("perovskite")
    atoms = crystal.to_atoms()
    np.testing.assert_allclose(atoms.positions, crystal.cartesian, atol=1e-12)
    assert atoms.get_volume() == pytest.approx(crystal.volume) == pytest.approx(5.87**3)
    assert atoms.get_chemical_formula(mode="metal") == crystal.formula


def test_refusals(tmp_path):
    with pytest.raises(AnharmonicError, match="no structure file at"):
        Crystal.from_file(tmp_path / "absent.cif")
    (tmp_path / "POSCAR").write_text("not a structure\n")
    with pytest.raises(AnharmonicError, match="reads no structure"):
        Crystal.from_file(tmp_path / "POSCAR")
    with pytest.raises(AnharmonicError, match="periodic in three directions"):
        Crystal.from_atoms(Atoms("Fe", cell=[3, 3, 3], pbc=[True, True, False]))


@pytest.mark.parametrize("old", ["0", "1"])
@pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING")
def test_overlapping_atoms_are_refused_whatever_spglib_does_on_failure(monkeypatch, old):
    monkeypatch.setenv("SPGLIB_OLD_ERROR_HANDLING", old)
    cell, positions = 3 * np.eye(3), [[0, 0, 0], [0, 0, 1e-6]]
    with pytest.raises(AnharmonicError, match="spglib fails on a cell of 2 atoms"):
        Crystal.from_atoms(Atoms("Fe2", scaled_positions=positions, cell=cell, pbc=True))
    with pytest.raises(AnharmonicError, match="spglib fails on a cell of 2 atoms"):
        Crystal.from_sites(cell, positions, ["Fe", "Fe"])
