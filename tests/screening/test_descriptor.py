"""The generator's descriptor: exact round trips, direct sums, what symmetry says, and what decoding refuses."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.io import read
from crystals import other_cells, perovskite

from anharmonic.errors import AnharmonicError
from anharmonic.screening import Entry
from anharmonic.screening.generator import layout
from anharmonic.screening.generator.decoding import decode
from anharmonic.screening.generator.descriptor import encode, encode_all
from anharmonic.screening.generator.fourier import READINGS, fourier_sums, reciprocal_lattice
from anharmonic.screening.generator.properties import BINS, property_bins, property_table, property_vectors
from anharmonic.screening.generator.standard import standard_setting
from anharmonic.screening.reading import read_entries

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
PARTS = layout.part_masks()


@cache
def tilted(seed=0, scale=0.4):
    """Ten atoms of ABX3 without any symmetry, in a skew cell."""
    rng = np.random.default_rng(seed)
    atoms = perovskite(4.1, "CsPbBr3").repeat((1, 1, 2))
    atoms.set_cell(atoms.cell.array + rng.uniform(-0.3, 0.3, (3, 3)), scale_atoms=True)
    atoms.positions += rng.uniform(-scale, scale, atoms.positions.shape)
    return atoms


def alike(first, second, tolerance=1e-9):
    """Whether two structures are the same, atom by atom, up to whole lattice vectors."""
    shift = first.get_scaled_positions(wrap=False) - second.get_scaled_positions(wrap=False)
    return (
        np.array_equal(first.numbers, second.numbers)
        and np.allclose(first.cell.array, second.cell.array, atol=tolerance)
        and np.allclose(shift, np.rint(shift), atol=tolerance)
    )


def test_the_layout_fills_the_image():
    """264 rows and 60 columns, no entry in two parts; an image and its array are one another."""
    sizes = {name: rows.stop - rows.start for name, rows in layout.ROWS.items()}
    assert sizes["elements"] == len(property_table()[0]) and sizes["properties"] == sum(BINS.values()) == 130
    assert sum(sizes.values()) == layout.SHAPE[1] * layout.SHAPE[2] == 264
    assert sum(PARTS.values()).max() == 1
    assert PARTS["sums"].sum() == 130 * 57 and PARTS["vectors"].sum() == 9
    array = np.arange(264 * 60.0).reshape(264, 60)
    image = layout.image(array)
    assert image.shape == (60, 88, 3)
    np.testing.assert_array_equal(image[7, 5], array[15:18, 7])
    np.testing.assert_array_equal(layout.array(image), array)
    np.testing.assert_array_equal(layout.array(np.stack([image, image])), [array, array])


def test_there_are_57_planes():
    """As in the paper: indices to 2, sums to 3; with indices to 3 there would be six more."""
    planes = {tuple(p) for p in layout.PLANES.tolist()}
    assert len(planes) == 57 and layout.PLANES[0].tolist() == [0, 0, 0]
    assert all(tuple(-index for index in p) in planes for p in planes)
    wider = np.stack(np.meshgrid(*[range(-3, 4)] * 3), axis=-1).reshape(-1, 3)
    assert (abs(wider).sum(axis=1) <= 3).sum() == 63


def test_the_thirteen_properties():
    """Every known value has one bin, gaps have none; bins tell most elements apart, and all with group and row."""
    numbers, table = property_table()
    assert len(BINS) == 13 and len(numbers) == 89 and set(range(1, 95)) - set(numbers) == {84, 85, 86, 87, 88}
    vectors = property_vectors()
    assert set(vectors.sum(axis=1)) == {11, 12, 13}
    assert sum(np.isnan(values).sum() for values in table.values()) == 18 == 89 * 13 - vectors.sum()
    assert all(bins.max() == BINS[name] - 1 for name, bins in property_bins().items())
    assert len(np.unique(vectors, axis=0)) == 89
    oxygen, cerium = numbers.tolist().index(8), numbers.tolist().index(58)
    assert [int(property_bins()[n][oxygen]) + 1 for n in ("group", "row", "valence")] == [16, 2, 6]
    assert [int(property_bins()[n][cerium]) + 1 for n in ("group", "row")] == [4, 8]


@pytest.mark.parametrize("reading", READINGS)
def test_fourier_sums_are_direct_sums(reading):
    """Loops over atoms and planes, with the logarithm of numpy."""
    atoms = tilted()
    coordinates = atoms.get_scaled_positions(wrap=False)
    vectors = np.random.default_rng(1).normal(size=(len(atoms), 4))
    expected = np.zeros((4, 57))
    for number, plane in enumerate(layout.PLANES):
        total = np.zeros(4, complex)
        for vector, place in zip(vectors, coordinates, strict=True):
            phase = 2j * np.pi * (plane @ place)
            terms = np.exp(phase), -0.5j * np.log(np.exp(phase)), -0.5j * phase
            total += vector * dict(zip(READINGS, terms, strict=True))[reading]
        first = next((index > 0 for index in plane if index), True)
        expected[:, number] = total.real if reading != "structure_factor" or first else total.imag
    np.testing.assert_allclose(fourier_sums(vectors, coordinates, reading), expected, atol=1e-12)


def test_the_readings_differ_as_stated():
    """(2, 1, 0) at (1/2, 1/4, 0): 3.927 and 0.785. Whole steps change the linear one; the principal jumps at 1/2."""
    plane = layout.PLANES.tolist().index([2, 1, 0])
    one, place = np.ones((1, 1)), np.array([[0.5, 0.25, 0.0]])
    assert fourier_sums(one, place, "linear")[0, plane] == pytest.approx(1.25 * np.pi)
    assert fourier_sums(one, place, "principal")[0, plane] == pytest.approx(0.25 * np.pi)
    moved = place + [1, -2, 3]
    changes = {r: abs(fourier_sums(one, moved, r) - fourier_sums(one, place, r)).max() for r in READINGS}
    assert changes["linear"] > 1 and changes["principal"] < 1e-12 and changes["structure_factor"] < 1e-12
    near = [[[0.5 - 1e-6, 0, 0]], [[0.5 + 1e-6, 0, 0]]]
    jumps = {r: abs(np.subtract(*(fourier_sums(one, p, r) for p in near))).max() for r in READINGS}
    assert jumps["principal"] == pytest.approx(np.pi, rel=1e-4) and jumps["structure_factor"] < 1e-4
    with pytest.raises(AnharmonicError, match="structure_factor, principal, linear"):
        fourier_sums(one, place, "logarithm")


def test_planes_of_skew_cells():
    """b_i a_j = 2 pi; distances are those of the lattice, also where axes are not at right angles."""
    cell = tilted().cell.array
    vectors, lengths, distances = reciprocal_lattice(cell)
    np.testing.assert_allclose(cell @ vectors.T, 2 * np.pi * np.eye(3), atol=1e-12)
    metric = np.linalg.inv(cell @ cell.T)
    expected = [(p @ metric @ p) ** -0.5 for p in layout.PLANES[1:]]
    np.testing.assert_allclose(distances[1:], expected)
    assert distances[0] == lengths[0] == 0


def test_cubic_perovskites_obey_their_extinctions():
    """The sum of the group vectors over B at 0, A at (1/2, 1/2, 1/2), X at face centres, by hand."""
    atoms = perovskite(3.905, "SrTiO3")
    array = layout.array(encode(atoms))
    sums = array[layout.ROWS["properties"], layout.RECIPROCAL]
    for plane, column in zip(layout.PLANES, sums.T, strict=True):
        first = next((index > 0 for index in plane if index), True)
        signs = (-1.0) ** plane.sum(), 1.0, ((-1.0) ** plane).sum()
        expected = dict(zip((2, 4, 16), signs, strict=True)) if first else dict.fromkeys((2, 4, 16), 0.0)
        assert [column[group - 1] for group in expected] == pytest.approx(list(expected.values()), abs=1e-9)


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("standard", [True, False])
def test_round_trips_are_exact(reading, standard):
    """Cell, elements and coordinates to rounding; and the descriptor agrees with itself."""
    atoms = tilted()
    found = decode(encode(atoms, reading, standard), reading)
    expected = standard_setting(atoms) if standard else atoms[[0, 5, 1, 6, 2, 3, 4, 7, 8, 9]]
    assert found.valid and found.elements == ("Cs", "Pb", "Br")
    assert alike(found.atoms, expected, 1e-12)
    assert found.properties == 1 and found.reciprocal < 1e-12


def test_the_standard_setting_is_the_same_crystal():
    """Its volume and distances are those given, its handedness too, and it is its own standard setting."""
    atoms = tilted()
    found = standard_setting(atoms)
    assert found.get_volume() == pytest.approx(atoms.get_volume())
    first, second = (np.sort(a.get_all_distances(mic=True), axis=None) for a in (atoms, found))
    np.testing.assert_allclose(first, second, atol=1e-6)
    assert np.linalg.det(found.cell.array) > 0
    assert abs(np.triu(found.cell.array, 1)).max() < 1e-12 and not found.get_scaled_positions(wrap=False)[2].any()
    assert alike(standard_setting(found), found, 1e-6)
    mirrored = atoms.copy()
    mirrored.set_cell(atoms.cell.array * [1, 1, -1], scale_atoms=True)
    assert not alike(standard_setting(mirrored), found, 1e-3)


@pytest.mark.parametrize("atoms", [perovskite(3.905, "SrTiO3", 0.1), perovskite(4.0, "KNbO3"), tilted()])
def test_descriptors_know_no_setting(atoms):
    """Supercells, other bases, rotations, translations and orders of the atoms give the same array."""
    own = encode(atoms)
    for other in other_cells(atoms):
        np.testing.assert_allclose(encode(other), own, atol=2e-4)


def test_what_cannot_be_described():
    """The reason is told; nothing else of a table is lost."""
    large = tilted(3).repeat((1, 1, 3))
    large.positions += np.random.default_rng(0).uniform(-0.1, 0.1, large.positions.shape)
    entries = [
        Entry("large", large), Entry("good", perovskite()), Entry("other", Atoms("NaCl", cell=[3, 3, 6], pbc=True)),
        Entry("rare", perovskite(symbols="RaTiO3")),
    ]  # fmt: skip
    images, taken, refused = encode_all(entries)
    assert images.shape == (1, 60, 88, 3) and [e.name for e in taken] == ["good"]
    reasons = {r.name: r.reason for r in refused}
    assert "this one has 30" in reasons["large"] and "Z = 88" in reasons["rare"] and "ABX3" in reasons["other"]


def part(array, name):
    """Entries of a part of direct space, to be changed."""
    return array[layout.ROWS[name], layout.DIRECT]


def _same_element(array):
    for name in ("elements", "properties"):
        part(array, name)[:, 0] = part(array, name)[:, 1]


def _missing_site(array):
    part(array, "sites")[4] = 0


def _other_role(array):
    part(array, "sites")[4] = [1, 0, 0]


def _other_count(array):
    part(array, "count")[0, 0] = 1


def _overlap(array):
    part(array, "coordinates")[1] = part(array, "coordinates")[0] + 0.01


def _outside(array):
    part(array, "coordinates")[3, 1] = 1.4


def _flat(array):
    part(array, "lattice")[2] = 0.99 * part(array, "lattice")[1]


def _small(array):
    part(array, "lattice")[:] *= 0.2


def _angle(array):
    part(array, "angles")[0, 1] = 110


def _not_finite(array):
    array[200, 30] = np.nan


FAULTS = {
    _same_element: "three elements", _missing_site: "4 sites are occupied where 5", _other_role: "2 : 1 : 2",
    _other_count: "where 10 atoms", _overlap: "apart", _outside: "between 0 and 1", _flat: "flat", _small: "lengths",
    _angle: "20.0 degrees", _not_finite: "finite",
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_decoding_names_what_is_wrong(fault):
    array = layout.array(encode(perovskite())).copy()
    assert decode(layout.image(array)).valid
    fault(array)
    assert any(FAULTS[fault] in problem for problem in decode(layout.image(array)).problems)


def test_decoding_measures_disagreement():
    """Some properties and all Fourier sums of another compound: the elements are those that most of it speaks for."""
    array = layout.array(encode(perovskite())).copy()
    other = layout.array(encode(perovskite(symbols="CaTiO3")))
    part(array, "elements")[:] = part(other, "elements")
    part(array, "properties")[:46] = part(other, "properties")[:46]
    array[layout.RECIPROCAL_ROWS["sums"], layout.RECIPROCAL] = other[layout.RECIPROCAL_ROWS["sums"], layout.RECIPROCAL]
    found = decode(layout.image(array))
    assert found.elements == ("Sr", "Ti", "O") and found.valid
    assert 0.8 < found.properties < 1 and found.reciprocal > 0.05
    part(array, "properties")[:] = part(other, "properties")
    assert decode(layout.image(array)).elements == ("Ca", "Ti", "O")


def shared(*names):
    """Files of the shared data; skips without them."""
    paths = [SHARED / name for name in names]
    if not all(path.exists() for path in paths):
        pytest.skip("the shared structures are not here")
    return paths


def test_the_four_compounds_of_the_paper():
    """They pass through the descriptor in their own cells and in the standard setting: ten atoms, no problem."""
    (folder,) = shared("structures/tlvae")
    for number, elements in enumerate(({"Al", "Pt", "S"}, {"Al", "Pt", "O"}, {"Ga", "O", "Pd"}, {"Ga", "Pd", "O"}), 1):
        atoms = read(folder / f"CIF_{number}.cif")
        for standard in (True, False):
            found = decode(encode(atoms, standard=standard))
            assert found.valid and set(found.elements) == elements and len(found.atoms) == 10
            assert found.properties == 1 and found.reciprocal < 1e-12
            assert found.atoms.get_volume() == pytest.approx(atoms.get_volume(), rel=1e-5)


def test_shared_structures_return():
    """Some of OQMD and of the Materials Project: what is described returns to rounding and is valid."""
    names = "perovskites/oqmd_structures.jsonl.gz", "perovskites/mp_structures.jsonl.gz"
    tables = [read_entries([path])[0] for path in shared(*names)]
    entries = tables[0][::90] + tables[1][::50]
    images, taken, refused = encode_all(entries)
    assert len(taken) > 120 and all("atoms" in r.reason or "ABX3" in r.reason for r in refused)
    for image, entry in zip(images, taken, strict=True):
        found = decode(image)
        assert found.valid, (entry.name, found.problems)
        assert alike(found.atoms, standard_setting(entry.atoms), 2e-5), entry.name
        assert found.properties == 1 and found.reciprocal < 1e-5
