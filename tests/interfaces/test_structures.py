"""Single structures for other programs: the same crystal comes back, in whatever frame the format wants it."""

from dataclasses import replace

import ase.io
import builders
import numpy as np
import pytest
from ase import units

import anharmonic as ah
from anharmonic.errors import AnharmonicError
from anharmonic.interfaces.structures import FILE_NAMES, WRITERS, write_structure
from anharmonic.interfaces.structures.lammps import triangular

READ = {
    "lammps": {"format": "lammps-data", "units": "metal", "atom_style": "atomic", "sort_by_id": True},
    "gpumd": {"format": "extxyz"},
    "vasp": {"format": "vasp"},
}


def structure(matrix, seed=1):
    """A strained, displaced supercell with atoms in an order of their own, and velocities."""
    state = builders.distorted(builders.perovskite(), matrix, seed, strain=0.05)
    order = np.random.default_rng(seed).permutation(state.n_atoms).reshape(state.order.shape)
    atoms = replace(state, order=order).to_atoms()
    atoms.set_velocities(np.random.default_rng(seed).normal(size=(len(atoms), 3)))
    return atoms


def read_back(atoms, format, folder):
    write_structure(folder / FILE_NAMES[format], atoms, format, "a title")
    return ase.io.read(folder / FILE_NAMES[format], **READ[format])


def howto_triclinic(cell, vectors):
    """Box and vectors by the trigonometric formulas of LAMMPS's manual (Howto_triclinic), of a right-handed cell."""
    a, b, c = np.linalg.norm(cell, axis=1)
    cos_bc, cos_ac, cos_ab = (cell[i] @ cell[j] / (n * m) for i, j, n, m in ((1, 2, b, c), (0, 2, a, c), (0, 1, a, b)))
    xy, xz = b * cos_ab, c * cos_ac
    ly = np.sqrt(b**2 - xy**2)
    yz = (b * c * cos_bc - xy * xz) / ly
    box = np.array([[a, 0, 0], [xy, ly, 0], [xz, yz, np.sqrt(c**2 - xz**2 - yz**2)]])
    x = cell[0] / a
    z = np.cross(cell[0], cell[1]) / np.linalg.norm(np.cross(cell[0], cell[1]))
    return box, vectors @ np.array([x, np.cross(z, x), z]).T


@pytest.mark.parametrize("matrix", builders.MATRICES.values(), ids=builders.MATRICES)
def test_lammps_turns_the_crystal(matrix, tmp_path):
    """Box, positions and velocities are those of the manual's formulas; the box may be the same lattice less skewed."""
    atoms = structure(matrix)
    found = read_back(atoms, "lammps", tmp_path)
    cell = atoms.cell.array * np.sign(np.linalg.det(atoms.cell.array))
    box, positions = howto_triclinic(cell, atoms.positions)
    whole = found.cell.array @ np.linalg.inv(box)
    np.testing.assert_allclose(whole, whole.round(), atol=1e-9)
    assert np.linalg.det(whole) == pytest.approx(1)
    np.testing.assert_allclose(found.positions, positions, atol=1e-9)
    np.testing.assert_allclose(found.get_velocities(), howto_triclinic(cell, atoms.get_velocities())[1], atol=1e-9)
    assert found.get_chemical_symbols() == atoms.get_chemical_symbols()
    np.testing.assert_allclose(found.get_masses(), atoms.get_masses())


@pytest.mark.parametrize("matrix", builders.MATRICES.values(), ids=builders.MATRICES)
def test_boxes_are_what_lammps_takes(matrix):
    """Lower triangular, positive, tilts at most half of an edge; the turn is proper."""
    cell = structure(matrix).cell.array
    box, turn = triangular(cell)
    assert not np.triu(box, 1).any() and (np.diag(box) > 0).all()
    assert all(abs(box[i, j]) <= (0.5 + 1e-9) * box[j, j] for i, j in ((1, 0), (2, 0), (2, 1)))
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(turn) == pytest.approx(1)


def test_wrong_turns_are_seen(tmp_path):
    """Control: positions that are not turned with the cell have other distances."""
    atoms = structure(builders.MATRICES["untidy"])
    atoms.rotate(40, (1, 2, 3), rotate_cell=True)
    found = read_back(atoms, "lammps", tmp_path)
    expected = atoms.get_all_distances(mic=True)
    np.testing.assert_allclose(found.get_all_distances(mic=True), expected, atol=1e-8)
    found.positions = atoms.positions
    assert abs(found.get_all_distances(mic=True) - expected).max() > 0.1


def test_lines_of_a_data_file(tmp_path):
    """Orthogonal cells have no tilts; types follow the elements' first appearance; isotopes are types of their own."""
    atoms = builders.perovskite().to_atoms().repeat((2, 1, 1))
    masses = atoms.get_masses()
    masses[7] = 81.0
    atoms.set_masses(masses)
    write_structure(tmp_path / "a", atoms, "lammps", "CsPbBr3, step 5")
    lines = (tmp_path / "a").read_text().splitlines()
    assert lines[0] == "CsPbBr3, step 5; units metal; types 1 Cs, 2 Pb, 3 Br, 4 Br"
    assert lines[2:8] == ["10 atoms", "4 atom types", "", "0 11.74 xlo xhi", "0 5.87 ylo yhi", "0 5.87 zlo zhi"]
    assert lines[11:15] == ["1 132.905452 # Cs", "2 207.2 # Pb", "3 79.904 # Br", "4 81 # Br"]
    assert lines[16] == "Atoms # atomic" and [line.split()[1] for line in lines[18:]] == list("1233312433")
    assert "Velocities" not in lines and "xy xz yz" not in "".join(lines)


@pytest.mark.parametrize("matrix", builders.MATRICES.values(), ids=builders.MATRICES)
def test_gpumd(matrix, tmp_path):
    """Any frame; masses (amu), velocities in A/fs under the names that GPUMD knows."""
    atoms = structure(matrix)
    found = read_back(atoms, "gpumd", tmp_path)
    np.testing.assert_allclose(found.cell.array, atoms.cell.array, atol=1e-9)
    np.testing.assert_allclose(found.positions, atoms.positions, atol=1e-9)
    assert found.get_chemical_symbols() == atoms.get_chemical_symbols() and found.pbc.all()
    np.testing.assert_allclose(found.arrays["vel"] / units.fs, atoms.get_velocities(), atol=1e-9)
    head = (tmp_path / "model.xyz").read_text().splitlines()[1]
    assert head.endswith("Properties=species:S:1:pos:R:3:mass:R:1:vel:R:3") and head.startswith('pbc="T T T" Lattice="')
    rows = np.loadtxt(tmp_path / "model.xyz", skiprows=2, usecols=4)
    np.testing.assert_allclose(rows, atoms.get_masses())


@pytest.mark.parametrize("matrix", builders.MATRICES.values(), ids=builders.MATRICES)
def test_vasp(matrix, tmp_path):
    """Right-handed, elements together, velocities with their atoms; the structure maps onto the reference."""
    atoms = structure(matrix)
    found = read_back(atoms, "vasp", tmp_path)
    order = np.concatenate([np.flatnonzero(atoms.symbols == s) for s in dict.fromkeys(atoms.symbols)])
    assert found.cell.handedness == 1 and (tmp_path / "POSCAR").read_text().count("Br") == 2
    assert found.get_chemical_symbols() == atoms[order].get_chemical_symbols()
    np.testing.assert_allclose(found.positions, atoms.positions[order], atol=1e-9)
    np.testing.assert_allclose(found.get_velocities(), atoms.get_velocities()[order], atol=1e-9)


@pytest.mark.parametrize("format", WRITERS)
def test_what_was_written_is_a_state_again(format, tmp_path):
    """Each file maps back onto the reference crystal with the strains and displacements that were written."""
    crystal = builders.perovskite()
    state = builders.distorted(crystal, builders.MATRICES["untidy"], 3)
    back = ah.map_atoms(crystal, read_back(state.to_atoms(), format, tmp_path))
    strain = [F.T @ F for F in (back.deformation, state.deformation)]
    np.testing.assert_allclose(np.linalg.eigvalsh(strain[0]), np.linalg.eigvalsh(strain[1]), atol=1e-8)
    lengths = [np.sort(np.linalg.norm(s.displacements, axis=1).ravel()) for s in (back, state)]
    np.testing.assert_allclose(*lengths, atol=1e-8)


def test_refusals(tmp_path):
    atoms = structure(builders.MATRICES["2x2x2"])
    with pytest.raises(AnharmonicError, match="lammps, gpumd, vasp; found 'xsf'"):
        write_structure(tmp_path / "a", atoms, "xsf")
    atoms.pbc = [True, True, False]
    with pytest.raises(AnharmonicError, match="periodic in three directions"):
        write_structure(tmp_path / "a", atoms, "lammps")
    assert not list(tmp_path.iterdir())


def assert_same_distances(found, expected):
    """Two states with atoms in the same order; the origin may be another."""
    distances = [state.to_atoms().get_all_distances(mic=True) for state in (found, expected)]
    np.testing.assert_allclose(*distances, atol=1e-8)


def test_pymatgen_and_back():
    """A structure of pymatgen gives the same reference crystal, and states go there and back."""
    structures = pytest.importorskip("pymatgen.core")
    crystal = builders.perovskite()
    state = builders.distorted(crystal, builders.MATRICES["untidy"], 2)
    there = structures.Structure.from_ase_atoms(state.to_atoms())
    assert there.composition.reduced_formula == "CsPbBr3" and there.volume == pytest.approx(state.volume)
    assert_same_distances(ah.map_atoms(crystal, there.to_ase_atoms()), state)
    cubic = structures.Structure.from_spacegroup(
        "Pm-3m", np.eye(3) * 5.87, ["Cs", "Pb", "Br"], [[0.5] * 3, [0] * 3, [0.5, 0, 0]]
    )
    found = ah.Crystal.from_atoms(cubic.to_ase_atoms())
    assert found.space_group.symbol == crystal.space_group.symbol and found.n_sites == 5
    assert found.volume == pytest.approx(crystal.volume)


def test_phonopy_and_back():
    """A PhonopyAtoms gives the same reference crystal, and states go there and back."""
    from phonopy.structure.atoms import PhonopyAtoms

    crystal = builders.perovskite()
    state = builders.distorted(crystal, builders.MATRICES["skewed"], 2)
    atoms = state.to_atoms()
    there = PhonopyAtoms(symbols=atoms.get_chemical_symbols(), cell=atoms.cell.array, positions=atoms.positions)
    back = ase.Atoms(there.symbols, cell=there.cell, positions=there.positions, pbc=True)
    assert_same_distances(ah.map_atoms(crystal, back), state)
