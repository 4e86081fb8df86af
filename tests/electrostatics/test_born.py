"""Born charges: symmetry, sum rule, files of VASP and phonopy, refusals."""

import builders
import numpy as np
import pytest
from ase.build import make_supercell
from scipy.spatial.transform import Rotation

from anharmonic.electrostatics import BornCharges, charge_modes
from anharmonic.errors import AnharmonicError

EPSILON = 4.5


@pytest.fixture(scope="module")
def born(cspbbr3):
    return builders.dipolar_potential(cspbbr3).born


def vasprun(atoms, charges, epsilon):
    """The parts of a vasprun.xml with LEPSILON that hold the structure and its charges."""

    def rows(values):
        return "".join("<v>" + " ".join(f"{x:.10f}" for x in row) + "</v>" for row in values)

    names = "".join(f"<rc><c>{s}</c><c>{k + 1}</c></rc>" for k, s in enumerate(atoms.get_chemical_symbols()))
    structure = (
        f'<structure><crystal><varray name="basis">{rows(atoms.cell)}</varray></crystal>'
        f'<varray name="positions">{rows(atoms.get_scaled_positions())}</varray></structure>'
    )
    tensors = "".join(f"<set>{rows(z)}</set>" for z in charges)
    return (
        f'<?xml version="1.0"?><modeling><atominfo><array name="atoms"><set>{names}</set></array></atominfo>'
        f'<calculation>{structure}<varray name="epsilon">{rows(epsilon)}</varray>'
        f'<array name="born_charges">{tensors}</array></calculation></modeling>'
    )


@pytest.mark.parametrize("crystal, n", [("perovskite", 3), ("cesium_chloride", 1), ("bcc", 0), ("fluorite", 1)])
def test_charges_that_symmetry_leaves_free(crystal, n):
    """Perovskite: A, B, and X along and across its bond, less one for neutrality."""
    crystal = getattr(builders, crystal)()
    modes = charge_modes(crystal)
    assert len(modes) == n
    np.testing.assert_allclose(modes.sum(axis=1), 0, atol=1e-12)


def test_sum_rule_and_symmetry(cspbbr3, born):
    noisy = born.charges + 0.05 * np.random.default_rng(1).normal(size=(5, 3, 3))
    found = BornCharges.of_crystal(cspbbr3, noisy, EPSILON)
    np.testing.assert_allclose(found.charges.sum(0), 0, atol=1e-12)
    assert abs(found.charges - born.charges).max() < 0.1
    again = BornCharges.of_crystal(cspbbr3, found.charges, found.dielectric)
    np.testing.assert_allclose(again.charges, found.charges, atol=1e-12)


def test_vasprun_of_a_turned_supercell(cspbbr3, born, tmp_path):
    """Atoms in another order, two cells, another orientation: tensors turn with them."""
    turn = Rotation.random(random_state=3).as_matrix()
    unit = builders.Configuration.reference(cspbbr3, builders.Supercell.from_matrix([1, 1, 1])).to_atoms()
    unit.set_array("site", np.arange(5))
    atoms = make_supercell(unit, [[1, 1, 0], [-1, 1, 0], [0, 0, 1]])[np.random.default_rng(4).permutation(10)]
    charges = turn @ born.charges[atoms.arrays["site"]] @ turn.T
    atoms.set_cell(atoms.cell[:] @ turn.T, scale_atoms=True)
    path = tmp_path / "vasprun.xml"
    path.write_text(vasprun(atoms, charges, turn @ born.dielectric @ turn.T))
    found = BornCharges.from_file(cspbbr3, path)
    np.testing.assert_allclose(found.charges, born.charges, atol=1e-6)
    np.testing.assert_allclose(found.dielectric, born.dielectric, atol=1e-6)


def test_file_of_phonopy(cspbbr3, born, tmp_path):
    """One line for epsilon, one for each atom that symmetry leaves."""
    first = [cspbbr3.species.index(s) for s in dict.fromkeys(cspbbr3.species)]
    rows = [born.dielectric, *born.charges[first]]
    (tmp_path / "BORN").write_text("14.400\n" + "\n".join(" ".join(f"{x:.10f}" for x in r.ravel()) for r in rows))
    found = BornCharges.from_file(cspbbr3, tmp_path / "BORN")
    np.testing.assert_allclose(found.charges, born.charges, atol=1e-8)


@pytest.mark.parametrize(
    "charges, dielectric, words",
    [
        ([1, 2, -1, -1], 2.0, "each of the 5 sites"),
        ([1, 2, -1, -1, -1], [1.0, 2.0], "number or 3x3"),
        ([1, 4, -1, -1, -1], 2.0, "add up to"),
        ([1, 2, -1, -1, -1], 0.5, "1 or more along every axis"),
        ([1, 2, -1, -1, np.eye(3)[:2]], 2.0, "a number or 3x3 numbers"),
        ([1, 2, -1, -1, "-1"], 2.0, "a number or 3x3 numbers"),
        ([np.nan, 2, -1, -1, -1], 2.0, "finite numbers"),
        ([1, 2, -1, -1, -1], np.inf, "finite numbers"),
        ([-1, -1, -1, 2, 1], 2.0, "order Cs Pb Br Br Br"),
    ],
)
def test_refusals(cspbbr3, charges, dielectric, words):
    with pytest.raises(AnharmonicError, match=words):
        BornCharges.of_crystal(cspbbr3, charges, dielectric)


@pytest.mark.parametrize("content", ["", "<modeling>", "<modeling></modeling>"])
def test_files_without_charges(cspbbr3, content, tmp_path):
    (tmp_path / "vasprun.xml").write_text(content)
    with pytest.raises(AnharmonicError, match="vasprun.xml"):
        BornCharges.from_file(cspbbr3, tmp_path / "vasprun.xml")
    with pytest.raises(AnharmonicError, match="no file with Born charges"):
        BornCharges.from_file(cspbbr3, tmp_path / "nothing")
