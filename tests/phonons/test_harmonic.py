"""Harmonic phonons against phonopy's finite displacements, larger supercells, and closed forms."""

import builders
import numpy as np
import pytest
from phonon_crystals import finite_displacements, springs_of

from anharmonic.crystal import Configuration, Supercell
from anharmonic.phonons import harmonic_phonons
from anharmonic.phonons.cells import default_supercell, interaction_range, is_wide_enough, unit_state
from anharmonic.phonons.points import bands, frequencies_at, frequency_of, softest_modes, special_points
from anharmonic.potential import load
from anharmonic.sweep.start import relaxed_phases

POINTS = [[0, 0, 0], [0.5, 0, 0], [0.5, 0.5, 0], [0.5, 0.5, 0.5], [0.13, 0.21, 0.37]]
WITHIN = 0.01
"""THz."""


@pytest.fixture(scope="module")
def metal():
    """Body-centred iron of three kinds of springs."""
    return springs_of(builders.bcc(), (12.0, 8.0, 3.0))


def largest_difference(one, other, points=POINTS):
    return max(abs(frequencies_at(one, q) - frequencies_at(other, q)).max() for q in points)


@pytest.mark.parametrize("name", ["2x2x2", "untidy"])
def test_perovskite_equals_finite_displacements(springs, name):
    phonon = harmonic_phonons(springs, builders.MATRICES[name])
    assert largest_difference(phonon, finite_displacements(springs, phonon)) < WITHIN


def test_one_atom_equals_finite_displacements(metal):
    phonon = harmonic_phonons(metal, [3, 3, 3])
    assert len(phonon.primitive) == 1
    assert largest_difference(phonon, finite_displacements(metal, phonon)) < WITHIN


def test_strained_cells_equal_finite_displacements(springs):
    """A sheared crystal with a displaced site: the frame of the Hessian is that of the strained crystal."""
    deformation = np.array([[1.02, 0.01, 0], [0.01, 0.99, -0.02], [0, -0.02, 1.0]])
    displacements = 0.05 * np.random.default_rng(0).normal(size=(5, 3))
    state = unit_state(springs.crystal, deformation, displacements)
    phonon = harmonic_phonons(springs, [2, 2, 2], state)
    finite = finite_displacements(springs, phonon, 0.003)
    assert largest_difference(phonon, finite) < WITHIN
    assert largest_difference(phonon, harmonic_phonons(springs, [2, 2, 2])) > 10 * WITHIN


def test_a_chain_of_springs_has_its_closed_form():
    """Springs of k along the bonds of a simple cubic crystal: m w^2 = 2 k (1 - cos 2 pi q) for each direction."""
    crystal, weight = builders.simple_cubic(), 10.0
    basis = builders.ClusterBasis(crystal, pairs=1, order=2)
    phonon = harmonic_phonons(builders.polynomial(basis, [[0.0, weight]]), [4, 4, 4])
    stiffness = 2 * weight / 9.0  # E = weight e^2 with the strain e = du / 3 A of a bond
    q = np.array([0.1, 0.2, 0.45])
    squares = 2 * stiffness * (1 - np.cos(2 * np.pi * q)) / crystal.masses[0]
    expected = np.sort(np.sqrt(squares)) * phonon.unit_conversion_factor
    np.testing.assert_allclose(frequencies_at(phonon, q), expected, rtol=1e-6)


@pytest.mark.slow
def test_wide_supercells_interpolate(metal):
    """Between commensurate wave vectors the width of the supercell must not matter; one too small must."""
    assert default_supercell(metal) == [4, 4, 4] and is_wide_enough(metal, Supercell.from_matrix([4, 4, 4]))
    assert interaction_range(metal) == pytest.approx(2.87 * np.sqrt(2))
    assert not is_wide_enough(metal, Supercell.from_matrix([2, 2, 2]))
    wide = harmonic_phonons(metal, [6, 6, 6])
    assert largest_difference(harmonic_phonons(metal), wide) < 1e-6
    assert largest_difference(harmonic_phonons(metal, [2, 2, 2]), wide) > WITHIN


@pytest.mark.parametrize("strain", [0.0, 0.03], ids=["reference", "strained"])
def test_non_analytic_term(cspbbr3, strain):
    """Phonopy's term between commensurate wave vectors is the dipoles' own at those of a longer supercell."""
    dipoles = builders.dipolar_potential(cspbbr3)
    state = unit_state(cspbbr3, np.diag([1.0, 1.0, 1.0 + strain]))
    short, long = (harmonic_phonons(dipoles, [2, 2, n], state) for n in (4, 8))
    q = [0, 0, 0.125]
    assert largest_difference(short, long, [q]) < 0.002
    short.nac_params = None
    assert largest_difference(short, long, [q]) > 0.05


def test_relaxed_phases_fold_to_their_primitive_cell(springs):
    """A 2x2x2 state that is the reference crystal has the reference's phonons, at folded wave vectors."""
    state = Configuration.reference(springs.crystal, Supercell.from_matrix([2, 2, 2]))
    phonon = harmonic_phonons(springs, [4, 2, 2], state)
    assert len(phonon.unitcell) == 40 and len(phonon.primitive) == 5
    assert largest_difference(phonon, harmonic_phonons(springs, [4, 2, 2])) < 1e-6


def test_special_points_and_bands(metal):
    phonon = harmonic_phonons(metal)
    points = {point.label: point for point in special_points(phonon)}
    assert list(points)[0] == "G" and {label: len(p.arms) for label, p in points.items()} == {
        "G": 1, "H": 1, "N": 6, "P": 1,
    }  # fmt: skip
    for point in points.values():
        for arm in point.arms:
            np.testing.assert_allclose(frequencies_at(phonon, arm), frequencies_at(phonon, point.q), atol=1e-6)
    assert softest_modes(phonon, points["G"].q) is None
    soft = softest_modes(phonon, points["N"].q)
    assert frequency_of(phonon, points["N"].q, soft) == pytest.approx(frequencies_at(phonon, points["N"].q)[0])
    found = bands(phonon, 11)
    dos, segments = found["dos"], found["segments"]
    assert np.trapezoid(dos["density"], dos["frequency"]) == pytest.approx(3, rel=0.02)
    assert all(s["frequency"].shape == (11, 3) for s in segments)
    for before, after in zip(segments, segments[1:], strict=False):
        assert after["distance"][0] == before["distance"][-1]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["CsPbBr3", "SrTiO3"])
def test_shipped_potentials_equal_finite_displacements(name):
    """Saddle points too, and the ground state; steps of 0.003 A, which the quartic terms do not reach."""
    potential = load(name)
    reference = harmonic_phonons(potential)
    assert largest_difference(reference, finite_displacements(potential, reference, 0.003)) < WITHIN
    assert frequencies_at(reference, [0.5, 0.5, 0.5])[0] < -0.5
    if name == "SrTiO3":  # what it relaxes to is no minimum
        return
    state, _ = next(iter(relaxed_phases(potential).values()))
    ground = harmonic_phonons(potential, [4, 4, 4], state)
    assert min(frequencies_at(ground, q)[0] for q in POINTS) > -0.01
    assert largest_difference(ground, finite_displacements(potential, ground, 0.003)) < WITHIN
