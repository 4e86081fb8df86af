from pathlib import Path

import numpy as np
import pytest
from ase.io import iread, read
from scipy.spatial.transform import Rotation

from anharmonic.crystal import Configuration, Crystal, Supercell, map_atoms
from anharmonic.errors import AnharmonicError, MappingError

DATA = Path(__file__).parents[2].parent / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"no public data at {DATA}")

MATRICES = {
    "1x1x1": np.eye(3, dtype=int),
    "2x2x2": 2 * np.eye(3, dtype=int),
    "root two": np.array([[1, -1, 0], [1, 1, 0], [0, 0, 2]]),
    "skewed": np.array([[5, 1, -3], [2, 1, 0], [-4, 1, 2]]),
    "left-handed": np.array([[0, 2, 0], [2, 1, 0], [-3, 5, 2]]),
    "long": np.array([[1, 0, 0], [0, 1, 0], [3, -2, 12]]),
}
CRYSTALS = [
    ("perovskite", True),
    ("bcc", True),
    ("bcc", False),
    ("hcp", True),
    ("diamond", True),
    ("rocksalt", True),
    ("rocksalt", False),
    ("fluorite", True),
    ("fluorite", False),
    ("orthorhombic", True),
]


def distorted(crystal, matrix, rng, strain=0.03, displacement=0.06, whole_turn=True):
    """A strained, displaced, turned supercell, its F, and the displacements of its atoms in the laboratory."""
    supercell = Supercell.from_matrix(matrix)
    still = Configuration.reference(crystal, supercell)
    noise = rng.uniform(-strain, strain, (3, 3))
    deformation = np.eye(3) + (noise + noise.T) / 2
    if whole_turn:
        deformation = Rotation.random(random_state=rng).as_matrix() @ deformation
    u = displacement * crystal.nearest_distance() * rng.normal(size=still.displacements.shape)
    u -= u.mean((0, 2))[:, None]
    configuration = Configuration(crystal, supercell, deformation, u, still.order)
    return configuration.to_atoms(), deformation, configuration.to_atom_order(np.moveaxis(u, 1, 2)) @ deformation.T


def disorder(atoms, rng):
    """Shuffled, moved by lattice vectors, shifted as a whole; and the permutation."""
    order = rng.permutation(len(atoms))
    shuffled = atoms[order]
    shuffled.positions += rng.integers(-3, 4, (len(atoms), 3)) @ atoms.cell[:] + rng.normal(size=3) * 3
    return shuffled, order


def assert_same_structure(one, other, tolerance=1e-10):
    """Equal up to lattice vectors and a rigid translation."""
    assert list(one.numbers) == list(other.numbers)
    np.testing.assert_allclose(one.cell[:], other.cell[:], atol=tolerance)
    difference = one.positions - other.positions
    fractional = (difference - difference[0]) @ np.linalg.inv(one.cell[:])
    np.testing.assert_allclose((fractional - np.round(fractional)) @ one.cell[:], 0, atol=tolerance)


def strain(deformation):
    return (deformation.T @ deformation - np.eye(3)) / 2


def distances(configuration):
    return np.linalg.norm(configuration.displacements, axis=1)


@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize(("name", "primitive"), CRYSTALS)
def test_round_trip(reference, name, primitive, matrix):
    rng = np.random.default_rng(sum(map(ord, name + matrix)) + primitive)
    crystal = reference(name, primitive)
    atoms, deformation, moves = distorted(crystal, MATRICES[matrix], rng)
    shuffled, order = disorder(atoms, rng)
    mapped = map_atoms(crystal, shuffled)
    assert_same_structure(mapped.to_atoms(), shuffled)
    assert np.linalg.det(mapped.deformation) > 0
    np.testing.assert_allclose(mapped.displacements.mean((0, 2)), 0, atol=1e-12)
    assert np.array_equal(np.sort(mapped.order.ravel()), np.arange(len(atoms)))
    found = mapped.to_atom_order(np.moveaxis(mapped.displacements, 1, 2)) @ mapped.deformation.T
    np.testing.assert_allclose(found, moves[order], atol=1e-9)
    expected = np.linalg.eigvalsh(strain(deformation))
    np.testing.assert_allclose(np.linalg.eigvalsh(strain(mapped.deformation)), expected, atol=1e-10)


@pytest.mark.parametrize("size", [(4, 4, 2), (8, 8, 8)])
def test_large_supercell_with_untidy_vectors(reference, size):
    rng = np.random.default_rng(11)
    crystal = reference("perovskite")
    matrix = np.array([[1, 4, -2], [0, 1, 3], [0, 0, 1]]) @ np.diag(size)
    atoms, _, _ = distorted(crystal, matrix, rng, strain=0.05, displacement=0.08)
    atoms, _ = disorder(atoms, rng)
    mapped = map_atoms(crystal, atoms)
    assert_same_structure(mapped.to_atoms(), atoms)
    assert distances(mapped).max() < 1.2


def test_strong_strain_without_turn_keeps_the_matrix(reference):
    rng = np.random.default_rng(12)
    crystal = reference("perovskite")
    for _ in range(5):
        atoms, deformation, _ = distorted(crystal, (3, 2, 2), rng, strain=0.1, displacement=0.05, whole_turn=False)
        mapped = map_atoms(crystal, atoms)
        assert np.array_equal(mapped.supercell.matrix, np.diag((3, 2, 2)))
        np.testing.assert_allclose(mapped.deformation, deformation, atol=1e-10)


def test_given_matrix_is_used(reference):
    rng = np.random.default_rng(13)
    crystal = reference("perovskite")
    atoms, _, _ = distorted(crystal, (2, 2, 2), rng, whole_turn=False)
    turned = np.array([[0, 2, 0], [-2, 0, 0], [0, 0, 2]])
    assert np.array_equal(map_atoms(crystal, atoms).supercell.matrix, 2 * np.eye(3))
    mapped = map_atoms(crystal, atoms, matrix=turned)
    assert np.array_equal(mapped.supercell.matrix, turned)
    assert_same_structure(mapped.to_atoms(), atoms)


def test_crystal_with_less_symmetry_than_its_lattice(polar):
    """All ways to lay the cubic cell onto the polar crystal have the same strain: displacements decide."""
    rng = np.random.default_rng(14)
    turns = [[0, 0, 2], [2, 0, 0], [0, 2, 0]], [[0, 2, 0], [0, 0, 1], [1, 0, 0]], [[-1, 0, 0], [0, 1, 0], [0, 0, -3]]
    for turn in turns:
        atoms, _, _ = distorted(polar, turn, rng, strain=0, displacement=0)
        mapped = map_atoms(polar, disorder(atoms, rng)[0])
        assert distances(mapped).max() < 1e-9
        atoms, _, _ = distorted(polar, turn, rng, strain=0.02, displacement=0.01)
        assert distances(map_atoms(polar, atoms)).max() < 0.15


def test_pseudocubic_crystal_prefers_small_displacements_to_small_strain(reference):
    """Strain that makes b longer than a by as much as it was shorter must not turn the crystal."""
    crystal = reference("orthorhombic")
    a, b, _ = np.diag(crystal.cell)[:3]
    deformation = np.diag([b / a, a / b, 1])
    atoms = Configuration.reference(crystal, Supercell.from_matrix((1, 1, 1)), deformation).to_atoms()
    mapped = map_atoms(crystal, atoms)
    np.testing.assert_allclose(strain(mapped.deformation), strain(deformation), atol=1e-10)
    assert distances(mapped).max() < 1e-9


def test_origin_on_another_site(reference):
    """The same crystal with lead at the origin."""
    crystal = reference("perovskite")
    atoms = crystal.to_atoms()
    atoms.set_scaled_positions(atoms.get_scaled_positions() + [0.5, 0.5, 0.5])
    assert distances(map_atoms(crystal, atoms)).max() < 1e-9


def test_forces_are_those_of_the_same_atoms(reference):
    rng = np.random.default_rng(15)
    crystal = reference("fluorite")
    atoms, _, moves = distorted(crystal, MATRICES["skewed"], rng)
    shuffled, order = disorder(atoms, rng)
    mapped = map_atoms(crystal, shuffled)
    springs = np.array([{"Ca": 2.0, "F": 1.0}[s] for s in crystal.species])[:, None, None]
    in_frame = np.moveaxis(mapped.displacements, 1, 2)
    gradient = springs * (in_frame @ (mapped.deformation.T @ mapped.deformation))  # of the energy k |F u|^2 / 2
    forces = -mapped.to_atom_order(gradient) @ np.linalg.inv(mapped.deformation)
    expected = -np.where(shuffled.symbols == "Ca", 2.0, 1.0)[:, None] * moves[order]
    np.testing.assert_allclose(forces, expected, atol=1e-9)


def refuse(crystal, atoms, *words, **options):
    with pytest.raises(MappingError) as caught:
        map_atoms(crystal, atoms, **options)
    for word in words:
        assert word in str(caught.value), f"{word!r} not in {caught.value}"


@pytest.fixture
def cell_of_eight(reference):
    crystal = reference("perovskite")
    return crystal, Configuration.reference(crystal, Supercell.from_matrix((2, 2, 2))).to_atoms()


def test_other_composition_is_refused(cell_of_eight):
    crystal, atoms = cell_of_eight
    swapped = atoms.copy()
    swapped.symbols[0] = "Rb"
    refuse(crystal, swapped, "Rb", "CsPb", "40 atoms", "5 atoms")
    refuse(crystal, atoms[1:], "39 atoms", "defect")
    refuse(crystal, atoms[:3], "3 atoms", "smaller than the reference cell")


def test_structure_without_lattice_is_refused(cell_of_eight):
    crystal, atoms = cell_of_eight
    molecule = atoms.copy()
    molecule.pbc = [True, True, False]
    refuse(crystal, molecule, "periodic in three directions", "[True, True, False]")
    molecule = atoms.copy()
    molecule.cell[:] = 0
    refuse(crystal, molecule, "without its lattice")
    broken = atoms.copy()
    broken.positions[3, 1] = np.nan
    refuse(crystal, broken, "not finite")


def test_too_much_strain_is_refused(cell_of_eight):
    crystal, atoms = cell_of_eight
    atoms.set_cell(atoms.cell[:] @ np.diag([1.2, 1, 1]), scale_atoms=True)
    assert strain(map_atoms(crystal, atoms).deformation)[0, 0] == pytest.approx(0.22)
    refuse(crystal, atoms, "smallest strain found is 0.220", "max_strain = 0.1", "A^3", max_strain=0.1)
    atoms.set_cell(atoms.cell[:] * 2, scale_atoms=True)
    refuse(crystal, atoms, "no supercell matrix of 8 cells", "A^3")


def test_atom_that_left_its_site_is_refused(cell_of_eight):
    crystal, atoms = cell_of_eight
    moved = int(np.flatnonzero(atoms.symbols == "Br")[7])
    atoms.positions[moved] += [0, 0, 1.6]
    mapped = map_atoms(crystal, atoms)
    assert_same_structure(mapped.to_atoms(), atoms)
    assert distances(mapped).max() == pytest.approx(1.6 * 39 / 40)
    refuse(crystal, atoms, f"atom {moved} (Br) is 1.56 A", "limit of 1.20 A", "max_displacement", max_displacement=1.2)


def test_two_atoms_on_one_site_are_refused(cell_of_eight):
    crystal, atoms = cell_of_eight
    one, other = (int(i) for i in np.flatnonzero(atoms.symbols == "Br")[:2])
    atoms.positions[one] = atoms.positions[other] + [0.4, 0.4, 0.4]
    refuse(crystal, atoms, f"atoms {one} and {other} (Br)", "another site is empty")


def test_given_matrix_that_does_not_fit_is_refused(cell_of_eight):
    crystal, atoms = cell_of_eight
    refuse(crystal, atoms, "determinant 12", "needs 8", matrix=(2, 2, 3))
    refuse(crystal, atoms, "determinant -8", "needs 8", matrix=(2, 2, -2))
    refuse(crystal, atoms, "needs a strain of", "max_strain = 0.25", matrix=(1, 2, 4))
    with pytest.raises(AnharmonicError, match="3x3 integer matrix"):
        map_atoms(crystal, atoms, matrix=(2, 2))
    atoms.set_cell(atoms.cell[[1, 0, 2]])
    refuse(crystal, atoms, "determinant 8", "needs -8", matrix=(2, 2, 2))
    assert map_atoms(crystal, atoms).supercell.n_cells == 8


@needs_data
@pytest.mark.parametrize(("name", "count", "largest"), [("labels", 47, 1.34), ("queue", 154, 1.34)])
def test_cesium_lead_bromide_frames(name, count, largest):
    crystal = Crystal.from_file(DATA / "structures/experimental/CsPbBr3_Pm-3m_425K.cif")
    frames = read(DATA / f"cspbbr3_pbesol/{name}.extxyz", ":")
    assert len(frames) >= count
    for atoms in frames:
        mapped = map_atoms(crystal, atoms)
        assert_same_structure(mapped.to_atoms(), atoms)
        assert distances(mapped).max() < largest
        assert np.linalg.norm(strain(mapped.deformation)) < 0.07


@needs_data
@pytest.mark.parametrize(("phase", "n_cells"), [("P4mbm_373K", 2), ("Pbnm_RT", 4), ("Pm-3m_425K", 1)])
def test_experimental_phases(phase, n_cells):
    crystal = Crystal.from_file(DATA / "structures/experimental/CsPbBr3_Pm-3m_425K.cif")
    atoms = read(DATA / f"structures/experimental/CsPbBr3_{phase}.cif")
    mapped = map_atoms(crystal, atoms)
    assert_same_structure(mapped.to_atoms(), atoms)
    assert mapped.supercell.n_cells == n_cells
    assert distances(mapped).max() < 0.6
    assert np.linalg.norm(strain(mapped.deformation)) < 0.02


@needs_data
def test_cesium_lead_iodide_phases():
    """Delta is no perovskite; two strained frames of 160 atoms have left it too (lead 4 A from its site)."""
    crystal = Crystal.from_file(DATA / "peer_potentials/CsPbI3-cubic-Pm-3m.xyz")
    mapped, refused = [], []
    for i, atoms in enumerate(iread(DATA / "cspbi3_dft/train.xyz", ":")):
        try:
            configuration = map_atoms(crystal, atoms)
        except MappingError as error:
            refused.append((i, atoms.info["config_type"], str(error)))
        else:
            assert_same_structure(configuration.to_atoms(), atoms)
            mapped.append(atoms.info["config_type"])
    assert not [c for c in mapped if "delta" in c]
    assert len(mapped) == 168
    others = [(c, message) for _, c, message in refused if "delta" not in c]
    assert len(refused) - len(others) == 44
    assert [c for c, _ in others] == ["160_strain_alpha"] * 2
    assert all("atom 75 (Pb)" in message for _, message in others)


@needs_data
def test_strontium_titanate_frames():
    crystal = Crystal.from_file(DATA / "structures/mp_standards/SrTiO3_mp-5229.cif")
    frames = read(DATA / "srtio3_dft/train.extxyz", ":")
    assert len(frames) == 270
    for atoms in frames:
        mapped = map_atoms(crystal, atoms)
        assert np.array_equal(mapped.supercell.matrix, 2 * np.eye(3))
        assert_same_structure(mapped.to_atoms(), atoms)
        assert distances(mapped).max() < 0.4


@needs_data
def test_displaced_calcium_titanate_runs():
    crystal = Crystal.from_file(DATA / "structures/mp_standards/CaTiO3_mp-5827.cif")
    for k in range(1, 5):
        atoms = read(DATA / f"vasp_outputs/good/CaTiO3_Pnma40_vasp5.2.12_disp{k}.vasprun.xml")
        mapped = map_atoms(crystal, atoms)
        assert_same_structure(mapped.to_atoms(), atoms)
        assert 0.009 < distances(mapped).max() < 0.011
