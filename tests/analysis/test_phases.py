import numpy as np
import pytest
import spglib
from ase.build import bulk
from series import autoregressive, perovskite

from anharmonic.analysis import TiltModes, name_phase, tilt_estimate
from anharmonic.analysis.glazer import TILT_SYSTEMS, tilt_system
from anharmonic.analysis.metric import crystal_system
from anharmonic.conventions import from_voigt
from anharmonic.crystal import Configuration, Crystal, Supercell

TILTS = {
    "a0a0a0": ([0, 0, 0], [0, 0, 0]),
    "a0a0c+": ([0, 6, 0], [0, 0, 0]),
    "a0b+b+": ([6, 0, -6], [0, 0, 0]),
    "a+a+a+": ([6, 6, 6], [0, 0, 0]),
    "a+b+c+": ([4, 6, 5], [0, 0, 0]),
    "a0a0c-": ([0, 0, 0], [6, 0, 0]),
    "a0b-b-": ([0, 0, 0], [-6, 0, 6]),
    "a-a-a-": ([0, 0, 0], [6, 6, -6]),
    "a0b-c-": ([0, 0, 0], [6, 0, 5]),
    "a-b-b-": ([0, 0, 0], [6, 5, 6]),
    "a-b-c-": ([0, 0, 0], [6, 5, 4]),
    "a0b+c-": ([5, 0, 0], [0, 5, 0]),
    "a-a-c+": ([0, -7, 0], [6, 0, 6]),
    "a+b-c-": ([0, 7, 0], [6, 0, 5]),
    "a+a+c-": ([6, 0, 6], [0, 6, 0]),
    "a0b+c+": ([6, 0, 5], [0, 0, 0]),
    "a+a+c+": ([6, 5, 6], [0, 0, 0]),
    "a+b+c-": ([6, 0, 5], [0, 6, 0]),
}
REFERENCE = perovskite()


def tilted_series(means, n_samples=600, spread=1.5, memory=0.9, seed=0):
    """Signed tangents that fluctuate about given angles (degrees) with a spread (degrees)."""
    noise = autoregressive(memory, n_samples, 6, seed)
    return np.tan(np.radians(np.asarray(means, float) + spread * noise))


def strained_series(strain=(0, 0, 0, 0, 0, 0), n_samples=600, spread=0.002, seed=0):
    """Series of symmetric F with a mean strain (Voigt) and thermal noise."""
    noise = spread * autoregressive(0.9, n_samples, 6, seed)
    return np.eye(3) + from_voigt(np.asarray(strain) + noise)


@pytest.mark.parametrize("system", TILT_SYSTEMS.values(), ids=lambda s: s.glazer)
def test_space_group_of_every_tilt_system(system):
    """The table against the symmetry that spglib finds in the tilted crystal."""
    modes, supercell = TiltModes.of_crystal(REFERENCE), Supercell.from_matrix((2, 2, 2))
    in_phase, anti_phase = TILTS[system.glazer]
    reference = Configuration.reference(REFERENCE, supercell)
    displacements = modes.displacements(in_phase, anti_phase, supercell)
    atoms = Configuration(REFERENCE, supercell, np.eye(3), displacements, reference.order).to_atoms()
    data = spglib.get_symmetry_dataset((atoms.cell[:], atoms.get_scaled_positions(), atoms.numbers), symprec=1e-3)
    assert data.international == system.space_group
    amplitudes = np.concatenate([in_phase, anti_phase])
    assert tilt_system(amplitudes, np.zeros(6), amplitudes != 0) == system


@pytest.mark.parametrize("glazer", TILTS)
def test_phase_of_noisy_series(glazer):
    tangents = tilted_series(np.concatenate(TILTS[glazer]), n_samples=4000, spread=1.0)
    phase = name_phase(REFERENCE, strained_series(n_samples=4000), tangents)
    expected = next(s for s in TILT_SYSTEMS.values() if s.glazer == glazer)
    assert (phase.glazer, phase.space_group, phase.name) == expected
    assert phase.ordered == tuple(np.concatenate(TILTS[glazer]) != 0)


def test_disorder_is_rarely_taken_for_order():
    named = [
        name_phase(REFERENCE, strained_series(n_samples=400, seed=s), tilted_series([0] * 6, 400, spread=4, seed=s))
        for s in range(200)
    ]
    # 21 independent samples each
    assert sum(p.glazer != "a0a0a0" for p in named) == 0
    assert np.mean([p.doubtful for p in named]) < 0.1


def test_flips_between_domains_are_order():
    sign = np.sign(np.sin(np.arange(600) / 70 + 0.3))
    tangents = tilted_series([0] * 6, spread=1.2)
    tangents[:, 2] += sign * np.tan(np.radians(7))
    assert abs(np.degrees(tangents[:, 2].mean())) < 2
    phase = name_phase(REFERENCE, strained_series(), tangents)
    assert (phase.glazer, phase.space_group) == ("a0a0c+", "P4/mbm")
    assert not any(phase.doubtful)
    degrees = tilt_estimate(tangents)
    assert abs(degrees.mean[2]) == pytest.approx(7, abs=0.3)
    assert np.abs(degrees.mean[[0, 1, 3, 4, 5]]).max() < 5 * degrees.error[0]


def test_short_or_wandering_series_are_doubtful():
    slow = tilted_series([0] * 6, n_samples=100, spread=4, memory=0.99, seed=3)
    assert any(name_phase(REFERENCE, strained_series(n_samples=100), slow).doubtful)
    wandering = tilted_series([0] * 6, n_samples=900, spread=0.8)
    for axis in range(3):
        wandering[300 * axis : 300 * (axis + 1), axis] += np.tan(np.radians(8))
    phase = name_phase(REFERENCE, strained_series(n_samples=900), wandering)
    assert phase.glazer == "a0a0a0" and phase.doubtful == (True, True, True, False, False, False)


def test_tilts_that_error_bars_do_not_tell_apart_are_doubtful():
    """A slow component between zero and an ordered one of its irrep: the other kind of tilt stays sure."""
    n_samples, slow = 3000, autoregressive(0.99, 3000, 1, 1)[:, 0]
    tangents = tilted_series([0, 0, 9, 4, 0, 0], n_samples, spread=0.6)
    strained = strained_series(n_samples=n_samples)
    sure, unsure = (np.tan(np.radians(mean + 2.2 * slow)) for mean in (0, 2.5))
    named = [name_phase(REFERENCE, strained, np.insert(np.delete(tangents, 4, 1), 4, t, 1)) for t in (sure, unsure)]
    assert [p.glazer for p in named] == ["a0b+c-", "a0b+c-"]
    assert not any(named[0].doubtful) and named[1].doubtful == (False, False, False, False, True, False)


def test_both_kinds_about_one_axis_are_mixed():
    phase = name_phase(REFERENCE, strained_series(), tilted_series([0, 0, 6, 0, 0, 6]))
    assert (phase.name, phase.glazer, phase.space_group) == ("mixed", None, None)


def test_incommensurate_components_are_doubtful_not_ordered():
    tangents = tilted_series([0, 0, 8, 0, 0, 0])
    tangents[:, [0, 1]] = np.nan
    phase = name_phase(REFERENCE, strained_series(), tangents)
    assert phase.glazer == "a0a0c+" and phase.doubtful[:2] == (True, True) and not any(phase.ordered[:2])
    assert np.isnan(tilt_estimate(tangents).mean[:2]).all()
    phase = name_phase(REFERENCE, strained_series(), np.full((600, 6), np.nan))
    assert phase.name == "cubic" and phase.glazer is None and all(phase.doubtful)


def test_strain_without_tilts_is_named_by_the_lattice():
    phase = name_phase(REFERENCE, strained_series([-0.003, -0.003, 0.007, 0, 0, 0]), tilted_series([0] * 6))
    assert (phase.name, phase.glazer, phase.space_group) == ("tetragonal", "a0a0a0", None)


@pytest.mark.parametrize(
    "strain, name",
    [
        ([0.01, 0.01, 0.01, 0, 0, 0], "cubic"),
        ([0, 0.01, 0, 0, 0, 0], "tetragonal"),
        ([0, 0, 0, 0.006, 0.006, 0.006], "rhombohedral"),
        ([0, 0, 0, -0.006, 0.006, 0.006], "rhombohedral"),
        ([-0.01, 0, 0.01, 0, 0, 0], "orthorhombic"),
        ([0, 0, 0.01, 0, 0, 0.01], "orthorhombic"),
        ([-0.01, 0, 0.01, 0, 0, 0.01], "monoclinic"),
        ([-0.01, 0, 0.01, 0.012, 0.02, 0.007], "triclinic"),
    ],
)
def test_crystal_system_of_a_mean_strain(strain, name):
    assert crystal_system(REFERENCE, strained_series(strain, n_samples=2000)) == name
    assert name_phase(REFERENCE, strained_series(strain, n_samples=2000)).glazer is None


def test_crystal_system_of_other_references():
    iron, titanium = Crystal.from_atoms(bulk("Fe")), Crystal.from_atoms(bulk("Ti"))
    assert crystal_system(iron, strained_series()) == "cubic"
    assert crystal_system(iron, strained_series([0, 0, 0.02, 0, 0, 0])) == "tetragonal"
    assert crystal_system(titanium, strained_series([0, 0, 0.02, 0, 0, 0])) == "hexagonal"
    assert crystal_system(titanium, strained_series([0.01, -0.01, 0, 0, 0, 0], n_samples=2000)) == "orthorhombic"


def test_rotation_is_no_strain():
    angle = 0.3
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    assert crystal_system(REFERENCE, turn @ strained_series([0, 0, 0.01, 0, 0, 0])) == "tetragonal"
