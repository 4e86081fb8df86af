from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import read
from series import perovskite

from anharmonic.analysis import TiltModes, angles, lattice_angles, lattice_parameters
from anharmonic.crystal import Configuration, Crystal, Supercell
from anharmonic.crystal.mapping import map_atoms
from anharmonic.errors import AnharmonicError

EXPERIMENTAL = Path(__file__).parents[2].parent / "shared" / "data" / "structures" / "experimental"
UNTIDY = [[2, 2, 0], [0, 2, 2], [4, 0, 2]]
needs_data = pytest.mark.skipif(not EXPERIMENTAL.is_dir(), reason="shared data not present")


@pytest.fixture(scope="module")
def modes():
    return TiltModes.of_crystal(perovskite())


def measured(modes, supercell, displacements):
    return angles((modes.projection(supercell) * displacements).sum((1, 2, 3)))


def rotated_octahedra(crystal, supercell, axis, tangent, wave):
    """Bonds (centre, vertex) turned one by one, without any of the module's tables: u by the position of the centre."""
    state = Configuration.reference(crystal, supercell)
    positions = np.moveaxis(state.reference_positions(), 1, 2)
    displacements = np.zeros((5, 3, supercell.n_cells))
    a = crystal.cell[0, 0]
    for i in range(3):
        vertex = next(s for s in range(2, 5) if abs(crystal.positions[s, i] - crystal.positions[1, i]) > 0.4)
        for cell, position in enumerate(positions[vertex]):
            centre = position - a / 2 * np.eye(3)[i]
            n = np.round((centre - crystal.cartesian[1]) / a)
            arm = a / 2 * np.eye(3)[i]
            displacements[vertex, :, cell] = tangent * np.cos(2 * np.pi * wave @ n) * np.cross(np.eye(3)[axis], arm)
    return displacements


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("kind", [0, 1])
@pytest.mark.parametrize("matrix", [(2, 2, 2), (4, 2, 6), UNTIDY])
def test_single_tilt_is_recovered(modes, axis, kind, matrix):
    supercell = Supercell.from_matrix(matrix)
    wave = np.full(3, 0.5)
    wave[axis] = 0.5 * kind
    displacements = rotated_octahedra(modes.crystal, supercell, axis, np.tan(np.radians(7.0)), wave)
    expected = np.zeros(6)
    expected[axis + 3 * kind] = 7.0
    assert np.allclose(measured(modes, supercell, displacements), expected, atol=1e-10)


@pytest.mark.parametrize("shift", [(0, 0, 0), (0.5, 0.5, 0.5), (0.13, -0.4, 1.7)])
def test_independent_of_the_cell_that_holds_a_site(shift):
    other = TiltModes.of_crystal(perovskite(shift))
    supercell = Supercell.from_matrix((4, 2, 2))
    wanted = np.array([5.0, -3, 2, 1, 0.5, -4])
    displacements = other.displacements(wanted[:3], wanted[3:], supercell)
    assert np.allclose(measured(other, supercell, displacements), wanted, atol=1e-10)


def test_translation_changes_signs_only(modes):
    supercell = Supercell.from_matrix(UNTIDY)
    rng = np.random.default_rng(1)
    displacements = rng.normal(scale=0.2, size=(5, 3, supercell.n_cells))
    before = measured(modes, supercell, displacements)
    for _ in range(5):
        moved = displacements[:, :, supercell.translations([rng.integers(-5, 5, 3)])[0]]
        assert np.allclose(np.abs(measured(modes, supercell, moved)), np.abs(before), atol=1e-10)


def test_rigid_translation_and_centre_are_no_tilt(modes):
    supercell = Supercell.from_matrix((2, 2, 2))
    displacements = np.full((5, 3, 8), 0.3)
    displacements[:2] += np.random.default_rng(0).normal(size=(2, 3, 8))
    assert np.allclose(measured(modes, supercell, displacements), 0, atol=1e-10)


def test_rotated_cell_keeps_its_own_axes():
    turn = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    turned = TiltModes.of_crystal(perovskite(rotation=turn.T * np.sign(np.linalg.det(turn))))
    supercell = Supercell.from_matrix((2, 2, 2))
    displacements = turned.displacements([0, 4, 0], [6, 0, 0], supercell)
    assert np.allclose(measured(turned, supercell, displacements), [0, 4, 0, 6, 0, 0], atol=1e-10)


def test_incommensurate_components_are_nan_and_named(modes):
    supercell = Supercell.from_matrix([[1, 1, 0], [1, -1, 0], [0, 0, 2]])
    found = measured(modes, supercell, np.zeros((5, 3, supercell.n_cells)))
    assert np.isnan(found).tolist() == [True, True, False, False, False, False]
    message = modes.missing(supercell)
    assert "in-phase tilt about x" in message and "in-phase tilt about z" not in message
    assert modes.missing(Supercell.from_matrix((2, 4, 2))) is None
    assert np.isfinite(modes.displacements([0, 0, 4], [0, 0, 5], supercell)).all()
    with pytest.raises(AnharmonicError, match="in-phase tilt about x"):
        modes.displacements([1, 0, 0], [0, 0, 0], supercell)


def test_detected_from_structure_not_from_names():
    anti = Crystal.from_sites(np.eye(3) * 4.0, perovskite().positions, ["O", "Na", "Li", "Li", "Li"])
    assert TiltModes.of_crystal(anti).centre == 1
    a_centred = Crystal.from_sites(np.eye(3) * 4.0, perovskite((0.5, 0.5, 0.5)).positions, ["K", "Mg", "F", "F", "F"])
    assert TiltModes.of_crystal(a_centred).centre == 1


def test_other_crystals_have_no_tilts():
    assert TiltModes.of_crystal(Crystal.from_atoms(bulk("Fe"))) is None
    assert TiltModes.of_crystal(Crystal.from_atoms(bulk("CaF2", "fluorite", a=5.46))) is None
    tetragonal = Crystal.from_sites(np.diag([4, 4, 4.2]), perovskite().positions, ["Pb", "Ti", "O", "O", "O"])
    assert TiltModes.of_crystal(tetragonal) is None
    rhenium_oxide = Atoms("ReO3", scaled_positions=[[0, 0, 0], [0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5]], cell=[3.75] * 3)
    rhenium_oxide.pbc = True
    assert TiltModes.of_crystal(Crystal.from_atoms(rhenium_oxide)) is None


@needs_data
@pytest.mark.parametrize("origin", [(0, 0, 0), (0.31, 0.77, 0.12)])
def test_experimental_phases_of_cspbbr3(origin):
    crystal = Crystal.from_file(EXPERIMENTAL / "CsPbBr3_Pm-3m_425K.cif")
    modes = TiltModes.of_crystal(crystal)
    found = {}
    for phase, repeats in (("Pbnm_RT", (2, 2, 1)), ("P4mbm_373K", (2, 2, 2))):
        atoms = read(EXPERIMENTAL / f"CsPbBr3_{phase}.cif") * repeats
        atoms.positions += np.array(origin) * 5.87
        atoms = atoms[np.random.default_rng(0).permutation(len(atoms))]
        state = map_atoms(crystal, atoms)
        assert modes.missing(state.supercell) is None
        found[phase] = measured(modes, state.supercell, state.displacements)
    in_phase, anti_phase = np.abs(found["Pbnm_RT"]).reshape(2, 3)
    unique = in_phase.argmax()
    # Br at (0.707, 0.705): 0.043 and 0.045 of the cell from (3/4, 3/4)
    assert in_phase[unique] == pytest.approx(np.degrees(np.arctan(2 * (0.043 + 0.045))), abs=0.05)
    assert anti_phase[unique] == pytest.approx(0, abs=1e-6)
    assert np.delete(in_phase, unique) == pytest.approx([0, 0], abs=1e-6)
    assert np.ptp(np.delete(anti_phase, unique)) == pytest.approx(0, abs=1e-6)
    assert 5 < np.delete(anti_phase, unique)[0] < 9
    assert np.sort(np.abs(found["P4mbm_373K"])) == pytest.approx(
        [0] * 5 + [np.degrees(np.arctan(4 * 0.0219))], abs=1e-6
    )


def test_lattice_parameters_of_any_reference():
    crystal = perovskite()
    deformation = np.array([np.eye(3), np.diag([1.01, 1, 0.98]), [[1, 0.1, 0], [0, 1, 0], [0, 0, 1]]])
    lengths, corners = lattice_parameters(crystal, deformation), lattice_angles(crystal, deformation)
    assert lengths[1] == pytest.approx(5.868 * np.array([1.01, 1, 0.98]))
    assert lengths[2] == pytest.approx(5.868 * np.array([1, np.sqrt(1.01), 1]))
    assert corners[:2] == pytest.approx(np.full((2, 3), 90.0))
    assert corners[2] == pytest.approx([90, 90, np.degrees(np.arctan2(1, 0.1))])
    assert lattice_angles(Crystal.from_atoms(bulk("Fe")), np.eye(3)) == pytest.approx([109.4712206] * 3)
