"""Fourier descriptors: form factors, structure factors by hand, and what the cell may change."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from crystals import other_cells, perovskite, random_crystal

from anharmonic.errors import AnharmonicError
from anharmonic.screening.descriptors import powder as powder_module
from anharmonic.screening.descriptors.powder import PowderSettings, powder
from anharmonic.screening.descriptors.reflections import form_factors, niggli, reflections, structure_factors


def test_form_factors_are_known_numbers():
    """The number of electrons forward; values of the International Tables, volume C, table 6.1.1.1."""
    assert form_factors([1, 6, 26, 82], [0.0])[0] == pytest.approx([1, 6, 26, 82], abs=0.05)
    assert form_factors([6], [0.4, 1.0])[:, 0] == pytest.approx([3.58, 1.69], abs=0.03)
    assert form_factors([26], [0.8])[0, 0] == pytest.approx(13.84, abs=0.03)


def test_structure_factors_of_rock_salt():
    """f(Na) + f(Cl) where h, k, l are even, f(Na) - f(Cl) where they are odd, nothing where they are mixed."""
    atoms = bulk("NaCl", "rocksalt", a=5.64, cubic=True)
    indices = np.array([[2, 0, 0], [1, 1, 1], [1, 0, 0], [2, 2, 0], [2, 1, 0]])
    factors, lengths = structure_factors(atoms, indices)
    na, cl = form_factors([11, 17], lengths).T
    assert lengths == pytest.approx(np.linalg.norm(indices, axis=1) / 5.64)
    np.testing.assert_allclose(abs(factors), 4 * abs(np.array([na + cl, na - cl, 0 * na, na + cl, 0 * na]))
                               [[0, 1, 2, 3, 4], [0, 1, 2, 3, 4]], atol=1e-9)  # fmt: skip


def test_reflections_of_the_primitive_cell():
    """Neither the supercell nor the origin nor the orientation matter; the first is the density of electrons."""
    atoms = perovskite()
    found = reflections(atoms)
    assert found.shape == (365,)
    assert found[0] == pytest.approx(atoms.numbers.sum() / atoms.get_volume(), rel=1e-3)
    for other in other_cells(atoms):
        np.testing.assert_allclose(reflections(other), found, atol=1e-6)
    assert len(niggli(atoms.repeat((1, 1, 2)))) == 5


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_powder_patterns_know_no_cell(seed):
    """Supercells, other cells, turns, shifts and the order of the atoms."""
    atoms = random_crystal(seed)
    expected = powder(atoms)
    for other in other_cells(atoms):
        np.testing.assert_allclose(powder(other), expected, atol=1e-9 * expected.max())


def test_powder_pattern_of_copper():
    """Peaks at the reflections allowed in fcc, with their multiplicities."""
    atoms, settings = bulk("Cu", a=3.61), PowderSettings(longest=1.0, width=0.002, smearing=0.004)
    centres = settings.width * (np.arange(settings.bins) + 0.5)
    total = powder(atoms, settings) * 4 * np.pi * centres**2 * settings.width * atoms.get_volume() * 29
    for indices, multiplicity in (((1, 1, 1), 8), ((2, 0, 0), 6), ((2, 2, 0), 12), ((3, 1, 1), 24), ((2, 2, 2), 8)):
        length = np.linalg.norm(indices) / 3.61
        peak = total[abs(centres - length) < 6 * settings.smearing].sum()
        assert peak == pytest.approx(multiplicity * form_factors([29], [length])[0, 0] ** 2, rel=0.01)


def sheared(angle):
    """A cell whose reduced form changes near 90 degrees."""
    cell = [[4.0, 0, 0], [4.001 * np.cos(np.radians(angle)), 4.001 * np.sin(np.radians(angle)), 0], [0, 0, 4.3]]
    return Atoms("CsCl", cell=cell, scaled_positions=[[0, 0, 0], [0.4, 0.45, 0.5]], pbc=True)


def test_small_strains_change_powder_patterns_a_little():
    """A shear through 90 degrees: the Niggli descriptor jumps where the cell is chosen anew, the powder pattern not."""
    angles = np.linspace(89.5, 90.5, 41)
    crystals = [sheared(angle) for angle in angles]

    def jump(descriptor):
        values = np.array([descriptor(atoms) for atoms in crystals])
        steps = np.linalg.norm(np.diff(values, axis=0), axis=1)
        return steps.max() / np.median(steps)

    assert jump(powder) < 3
    assert jump(reflections) > 30


def test_refusals(monkeypatch):
    with pytest.raises(AnharmonicError, match="periodic"):
        powder(Atoms("Cu"))
    with pytest.raises(AnharmonicError, match="no atoms"):
        reflections(Atoms(cell=[3] * 3, pbc=True))
    with pytest.raises(AnharmonicError, match="above 0"):
        PowderSettings(width=0.0)
    with pytest.raises(AnharmonicError, match="form factors"):
        PowderSettings(longest=50.0)
    monkeypatch.setattr(powder_module, "MOST", 10)
    with pytest.raises(AnharmonicError, match="shorter range"):
        powder(bulk("Cu"))
