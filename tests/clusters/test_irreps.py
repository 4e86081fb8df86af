import numpy as np
import pytest
from phonopy.phonon.character_table import character_table as phonopy_tables
from scipy.stats import ortho_group
from shapes import CUBIC, cluster

from anharmonic.clusters.irreps import SCHOENFLIES, character_table, point_group_symbol
from anharmonic.errors import AnharmonicError

GROUPS = [(symbol, k) for symbol, tables in phonopy_tables.items() for k in range(len(tables))]
VECTOR_IRREPS = {
    "1": "3A", "-1": "3Au", "2": "A 2B", "m": "2A' A''", "2/m": "Au 2Bu", "222": "B1 B2 B3", "mm2": "A1 B1 B2",
    "mmm": "B1u B2u B3u", "4": "A E", "-4": "B E", "4/m": "Au Eu", "422": "A2 E", "4mm": "A1 E", "-42m": "B2 E",
    "4/mmm": "A2u Eu", "3": "A E", "-3": "Au Eu", "32": "A2 E", "3m": "A1 E", "-3m": "A2u Eu", "6": "A E1",
    "-6": "E' A''", "6/m": "Au E1u", "622": "A2 E1", "6mm": "A1 E1", "-6m2": "E' A2''", "6/mmm": "A2u E1u",
    "23": "T", "m-3": "Tu", "432": "T1", "-43m": "T2", "m-3m": "T1u",
}  # fmt: skip


def rotated_group(symbol, k, seed):
    """The operations as orthogonal matrices, shuffled and in a random orientation."""
    integer = np.array([r for group in phonopy_tables[symbol][k]["mapping_table"].values() for r in group], float)
    metric = np.mean(integer.transpose(0, 2, 1) @ integer, axis=0)
    to_cartesian = ortho_group.rvs(3, random_state=seed) @ np.linalg.cholesky(metric).T
    rotations = to_cartesian @ integer @ np.linalg.inv(to_cartesian)
    return rotations[np.random.default_rng(seed).permutation(len(rotations))]


@pytest.mark.parametrize("symbol, k", GROUPS)
def test_all_point_groups_in_any_orientation(symbol, k):
    rotations = rotated_group(symbol, k, seed=4)
    table = character_table(rotations)
    assert table.symbol == point_group_symbol(rotations) == (SCHOENFLIES[symbol], symbol)
    gram = table.characters @ table.characters.T / len(rotations)
    np.testing.assert_allclose(gram, np.diag(table.norms), atol=1e-12)
    assert (table.dimensions**2 / table.norms).sum() == len(rotations)
    counts = table.multiplicities(np.trace(rotations, axis1=1, axis2=2))
    found = [f"{n if n > 1 else ''}{label}" for n, label in zip(counts, table.labels, strict=True) if n]
    assert sorted(found) == sorted(VECTOR_IRREPS[symbol].split())


@pytest.mark.parametrize("symbol", ["222", "mmm", "422", "4/mmm", "6mm", "6/mmm", "m-3m"])
def test_labels_do_not_depend_on_the_order_of_operations(symbol):
    rotations = rotated_group(symbol, 0, seed=1)
    order = np.random.default_rng(0).permutation(len(rotations))
    table, other = character_table(rotations), character_table(rotations[order])
    np.testing.assert_array_equal(table.characters[:, order], other.characters)


def test_projectors_resolve_the_identity_into_irreps():
    rotations = cluster("octahedron")[2]
    table = character_table(rotations)
    matrices = np.einsum("gij,gkl->gikjl", rotations, rotations).reshape(-1, 9, 9)
    projectors = table.projectors(matrices)
    np.testing.assert_allclose(projectors.sum(axis=0), np.eye(9), atol=1e-12)
    np.testing.assert_allclose(projectors @ projectors, projectors, atol=1e-12)
    dimensions = dict(zip(table.labels, np.round(np.trace(projectors, axis1=1, axis2=2)), strict=True))
    assert {label: n for label, n in dimensions.items() if n} == {"A1g": 1, "Eg": 2, "T1g": 3, "T2g": 3}


def character_of(table, label, operation, rotations):
    index = next(g for g, rotation in enumerate(rotations) if np.allclose(rotation, operation))
    return table.characters[table.labels.index(label), index]


def test_square_has_its_primed_axes_through_the_sites():
    """Mulliken: C2' passes through most sites, here the diagonals of the square; B1g is symmetric under it."""
    along_x, along_xy = np.diag([1.0, -1, -1]), np.array([[0, 1, 0], [1, 0, 0], [0, 0, -1.0]])
    rotations = np.array([r for r in CUBIC if abs(r[2, 2]) == 1])
    for corners, symmetric in (([[1, 0, 0], [0, 1, 0]], along_x), ([[1, 1, 0], [1, -1, 0]], along_xy)):
        sites = np.array(corners + (-np.array(corners)).tolist(), float)
        fixed = [sum(np.allclose(rotation @ s, s) for s in sites) for rotation in rotations]
        table = character_table(rotations, fixed)
        assert character_of(table, "B1g", symmetric, rotations) == 1
        assert character_of(table, "B2g", symmetric, rotations) == -1


def test_bent_molecule_lies_in_the_yz_plane():
    """Mulliken: in planar C2v the plane of the molecule is yz, and B2 is symmetric under it."""
    for normal in (0, 1):
        mirrors = [np.diag(np.where(np.arange(3) == k, -1.0, 1)) for k in (0, 1)]
        rotations = np.array([np.eye(3), *mirrors, np.diag([-1.0, -1, 1])])
        fixed = [3, *(3 if k == normal else 1 for k in (0, 1)), 1]
        assert character_of(character_table(rotations, fixed), "B2", mirrors[normal], rotations) == 1


def test_sets_that_are_no_point_group_are_refused():
    with pytest.raises(AnharmonicError, match="no crystallographic point group"):
        point_group_symbol(CUBIC[:5])
    half, c4 = np.diag([-1.0, -1, 1]), np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1.0]])
    with pytest.raises(AnharmonicError, match="do not form a group"):
        character_table([np.eye(3), half, c4, c4])
