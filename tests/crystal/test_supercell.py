import numpy as np
import pytest
from ase.build import make_supercell
from ase.geometry import get_distances

from anharmonic.crystal import Configuration, Supercell
from anharmonic.errors import AnharmonicError


def random_matrices(n, largest=4):
    rng = np.random.default_rng(3)
    matrices = rng.integers(-largest, largest + 1, (n, 3, 3))
    return [m for m in matrices if round(np.linalg.det(m)) != 0]


def unimodular(rng):
    matrix = np.eye(3, dtype=int)[rng.permutation(3)]
    for _ in range(6):
        i, j = rng.choice(3, 2, replace=False)
        matrix[i] += rng.integers(-3, 4) * matrix[j]
    return matrix


def test_hermite_form():
    rng = np.random.default_rng(4)
    for matrix in random_matrices(60):
        hermite = Supercell.from_matrix(matrix).hermite
        assert np.array_equal(hermite, np.triu(hermite))
        assert (np.diag(hermite) > 0).all()
        assert all(0 <= hermite[i, j] < hermite[j, j] for i, j in ((0, 1), (0, 2), (1, 2)))
        change = hermite @ np.linalg.inv(matrix)
        np.testing.assert_allclose(change, np.round(change), atol=1e-9)
        assert abs(np.linalg.det(change)) == pytest.approx(1)
        same_lattice = Supercell.from_matrix(unimodular(rng) @ matrix)
        assert np.array_equal(same_lattice.hermite, hermite)
        assert same_lattice.n_cells == abs(round(np.linalg.det(matrix)))


def test_cells_are_one_of_each_class():
    rng = np.random.default_rng(5)
    for matrix in random_matrices(30):
        supercell = Supercell.from_matrix(matrix)
        assert np.array_equal(supercell.index(supercell.cells), np.arange(supercell.n_cells))
        cells = rng.integers(-20, 20, (40, 3))
        reduced = supercell.reduce(cells)
        assert ((reduced >= 0) & (reduced < supercell.shape)).all()
        moved = (cells - reduced) @ np.linalg.inv(matrix)
        np.testing.assert_allclose(moved, np.round(moved), atol=1e-9)
        assert np.array_equal(supercell.index(cells + rng.integers(-3, 4, (40, 3)) @ matrix), supercell.index(cells))


def test_translations_are_a_group_of_permutations():
    rng = np.random.default_rng(6)
    for matrix in random_matrices(30):
        supercell = Supercell.from_matrix(matrix)
        a, b = rng.integers(-5, 6, (2, 3))
        zero, one, two, both, back = supercell.translations([(0, 0, 0), a, b, a + b, -a])
        assert one.dtype == np.int32
        assert np.array_equal(zero, np.arange(supercell.n_cells))
        assert np.array_equal(np.sort(one), zero)
        assert np.array_equal(two[one], both)
        assert np.array_equal(back[one], zero)


def test_diagonal():
    supercell = Supercell.from_matrix((2, 3, 4))
    assert supercell.shape == (2, 3, 4)
    assert supercell.n_cells == 24
    assert supercell.index([1, 2, 3]) == 23
    assert supercell.index([[2, 3, -1]]) == [3]


@pytest.mark.parametrize("matrix", [(2, 2, 0), [[1, 0, 0], [0, 1, 0], [1, 1, 0]]])
def test_singular_matrix_is_refused(matrix):
    with pytest.raises(AnharmonicError, match="has no volume"):
        Supercell.from_matrix(matrix)


@pytest.mark.parametrize("matrix", [(2, 2), 3, np.eye(3) * 1.5, np.full((3, 3), np.nan)])
def test_what_is_no_integer_matrix_is_refused(matrix):
    with pytest.raises(AnharmonicError, match="3x3 integer matrix, found"):
        Supercell.from_matrix(matrix)


@pytest.mark.parametrize("matrix", [(2, 1, 3), [[1, -1, 0], [1, 1, 0], [0, 0, 2]], [[0, 2, 1], [1, 0, 1], [-1, 1, 3]]])
def test_reference_configuration(reference, matrix):
    crystal, supercell = reference("perovskite"), Supercell.from_matrix(matrix)
    stretch = np.diag([1.01, 0.99, 1.02])
    configuration = Configuration.reference(crystal, supercell, stretch)
    atoms, expected = configuration.to_atoms(), make_supercell(crystal.to_atoms(), supercell.matrix)
    expected.set_cell(expected.cell[:] @ stretch, scale_atoms=True)
    np.testing.assert_allclose(atoms.cell[:], expected.cell[:], atol=1e-12)
    assert configuration.volume == pytest.approx(atoms.get_volume())
    distances = get_distances(atoms.positions, expected.positions, cell=atoms.cell, pbc=True)[1]
    assert np.array_equal(np.sort(distances.argmin(1)), np.arange(configuration.n_atoms))
    assert distances.min(1).max() < 1e-9
    assert list(atoms.numbers) == list(expected.numbers[distances.argmin(1)])


def test_order_of_atoms_and_sites(reference):
    configuration = Configuration.reference(reference("fluorite"), Supercell.from_matrix((2, 1, 2)))
    values = np.random.default_rng(7).normal(size=(configuration.n_atoms, 3))
    on_sites = configuration.to_sites(values)
    assert on_sites.shape == (3, 4, 3)
    assert np.array_equal(configuration.to_atom_order(on_sites), values)
    positions = np.moveaxis(configuration.reference_positions(), 1, 2)
    np.testing.assert_allclose(configuration.to_atom_order(positions), configuration.to_atoms().positions, atol=1e-12)
