"""Effective force constants of samples whose answer is known, motion at wave vectors, and plans."""

import builders
import equinox as eqx
import jax
import numpy as np
import pytest
from phonopy.harmonic.force_constants import compact_fc_to_full_fc

from anharmonic.conventions import KINETIC
from anharmonic.crystal import Supercell
from anharmonic.errors import AnharmonicError
from anharmonic.phonons.cells import repeated, unit_state
from anharmonic.phonons.effective import ForceConstantFit, residual
from anharmonic.phonons.harmonic import hessian, phonon_cells
from anharmonic.phonons.plan import PhononPlan
from anharmonic.phonons.points import commensurate_points, frequencies_at, modes_at
from anharmonic.phonons.sampling import mean_positions
from anharmonic.phonons.waves import WaveVelocities, wave_amplitudes

POINT = [0.5, 0.5, 0.5]


@pytest.fixture(scope="module")
def cells(springs):
    return phonon_cells(springs, [2, 2, 2])


@pytest.fixture(scope="module")
def exact(springs, cells):
    return np.array(hessian(springs, cells))


@pytest.fixture(scope="module")
def fit(cells):
    return ForceConstantFit(cells)


def harmonic_sample(cells, force_constants, n_samples, noise=0.0, seed=0):
    """Random displacements and their forces (n_samples, n_atoms, 3), with noise on the forces (eV/A)."""
    rng = np.random.default_rng(seed)
    displacements = 0.1 * rng.normal(size=(n_samples, len(cells.sites), 3))
    full = compact_fc_to_full_fc(cells.phonon.primitive, force_constants)
    forces = -np.einsum("ijab,njb->nia", full, displacements)
    return displacements, forces + noise * rng.normal(size=forces.shape)


def _kind(cells, site):
    return int(np.flatnonzero(cells.sites[cells.representatives] == site)[0])


def test_harmonic_forces_give_their_force_constants(cells, exact, fit):
    displacements, forces = harmonic_sample(cells, exact, 12)
    found = fit(displacements, forces, np.repeat([0, 1, 2], 4))
    np.testing.assert_allclose(found.force_constants, exact, atol=1e-8)
    assert found.explained == pytest.approx(1) and found.residual < 1e-8 and found.n_samples == 12
    assert residual(cells, 0 * exact, displacements, forces) == pytest.approx(np.sqrt((forces**2).mean()))


def test_conventional_cells_have_primitive_phonons():
    """A reference cell of two iron atoms: phonopy's primitive cell has one, and fits give the same force constants."""
    crystal = builders.Crystal.from_atoms(builders.bulk("Fe", "bcc", a=2.87, cubic=True), primitive=False)
    basis = builders.ClusterBasis(crystal, pairs=2, order=2)
    potential = builders.polynomial(basis, [[0.0, 12.0], [0.0, 8.0]])
    cells = phonon_cells(potential, [2, 2, 2])
    exact = np.array(hessian(potential, cells))
    assert exact.shape == (1, 16, 3, 3) and cells.n_primitive == 16
    assert {point.label: len(point.arms) for point in commensurate_points(cells)}["N"] == 6
    full = compact_fc_to_full_fc(cells.phonon.primitive, exact)
    displacements = np.random.default_rng(0).normal(size=(9, 16, 3))
    forces = -np.einsum("ijab,njb->nia", full, displacements)
    found = ForceConstantFit(cells)(displacements, forces, np.repeat([0, 1, 2], 3))
    np.testing.assert_allclose(found.force_constants, exact, atol=1e-9)


def test_errors_are_those_of_noise(cells, exact, fit):
    """Noise of known size on the forces: it is the residual, and frequencies scatter by their error bars."""
    blocks, pulls = np.repeat(np.arange(6), 2), []
    wanted = frequencies_at(cells.with_force_constants(exact), POINT)
    for seed in range(8):
        found = fit(*harmonic_sample(cells, exact, 12, 0.2, seed), blocks)
        assert found.residual == pytest.approx(0.2, rel=0.1)
        value, error = found.with_error(lambda phonon: frequencies_at(phonon, POINT))
        pulls.append(((value - wanted) / error)[[0, 5, 14]])
    assert 0.5 < np.std(pulls) < 2.0


def test_samples_that_are_too_small_are_refused(cells, exact, fit):
    displacements, forces = harmonic_sample(cells, exact, 4)
    with pytest.raises(AnharmonicError, match="in 2 blocks are too few"):
        fit(displacements, forces, np.array([0, 0, 1, 1]))


class State(eqx.Module):
    displacements: jax.Array
    deformation: jax.Array
    momenta: jax.Array


def test_a_single_mode_is_seen_at_its_wave_vector_only(springs):
    """Velocities along a mode at R: its three degenerate vectors have all kinetic energy, in a strained cell too."""
    strain = np.diag([1.01, 1.01, 1.01])
    cells = phonon_cells(springs, [2, 2, 4], unit_state(springs.crystal, strain))
    phonon, points = cells.with_force_constants(hessian(springs, cells)), commensurate_points(cells)
    waves = np.concatenate([point.arms for point in points])
    where = int(np.flatnonzero(np.isclose(waves, POINT).all(1))[0])
    vectors = modes_at(phonon, waves[where])[1][:, :3]
    vector = vectors[:, 0].reshape(-1, 3)
    masses = KINETIC * springs.crystal.masses
    phase = np.exp(2j * np.pi * (cells.phonon.supercell.scaled_positions @ np.diag([2, 2, 4])) @ waves[where])
    kinds = [_kind(cells, s) for s in cells.sites]
    wave = vector[kinds] * phase[:, None]
    wave = wave * np.exp(-1j * np.angle(wave.flat[abs(wave).argmax()]))  # eigenvectors come with any phase
    velocity = wave.real / np.sqrt(masses[cells.sites])[:, None]
    momenta = np.zeros_like(cells.configuration.displacements)
    momenta[cells.sites, :, cells.cells] = masses[cells.sites][:, None] * velocity @ strain
    state = State(momenta, strain, momenta)
    found = np.asarray(WaveVelocities.of_cells(cells, waves)(state, None)).astype(float)
    found = (found[0] + 1j * found[1]).reshape(len(waves), -1)
    kinetic = (masses[cells.sites][:, None] * velocity**2).sum()
    power = (abs(found) ** 2).sum(1)
    assert power[where] == pytest.approx(kinetic, rel=1e-5)
    assert (abs(vectors.conj().T @ found[where]) ** 2).sum() == pytest.approx(kinetic, rel=1e-5)
    assert np.delete(power, where).max() < 1e-6 * kinetic
    moved = np.zeros_like(momenta)
    moved[cells.sites, :, cells.cells] = velocity * np.sqrt(KINETIC)
    amplitudes = wave_amplitudes(cells, waves, moved[None])[0].reshape(len(waves), -1)
    np.testing.assert_allclose(amplitudes, found, atol=1e-6)


def test_mean_positions_keep_the_symmetry():
    """Of fluorite all sites are fixed by symmetry; of a displaced reference nothing but the centre is lost."""
    crystal = builders.fluorite()
    noise = np.random.default_rng(0).normal(size=(10, 3, 3, 8))
    np.testing.assert_allclose(mean_positions(crystal, noise), 0, atol=1e-12)
    free = builders.Crystal.from_sites(np.diag([3.0, 3.1, 9.0]), [[0, 0, 0], [0, 0, 0.37]], ("Na", "Cl"))
    found = mean_positions(free, np.full((5, 2, 3, 8), 0.1) * np.array([1, 3])[:, None, None])
    np.testing.assert_allclose(found, [[0, 0, -0.1], [0, 0, 0.1]], atol=1e-12)


def test_cells_of_a_repeated_state(springs):
    """A displaced unit cell stands in every cell of the supercell, and phonopy's atoms are those of the grid."""
    displacements = 0.05 * np.random.default_rng(1).normal(size=(5, 3))
    state = unit_state(springs.crystal, np.diag([1.0, 1.02, 0.99]), displacements)
    cells = phonon_cells(springs, builders.MATRICES["untidy"], state)
    larger = repeated(state, Supercell.from_matrix(builders.MATRICES["untidy"]))
    positions = larger.deformation @ (larger.reference_positions() + larger.displacements).transpose(0, 2, 1)[..., None]
    found = positions[..., 0][cells.sites, cells.cells]
    difference = (found - cells.phonon.supercell.positions) @ np.linalg.inv(cells.phonon.supercell.cell)
    np.testing.assert_allclose(difference - np.round(difference), 0, atol=1e-9)


@pytest.mark.parametrize("wrong", [{"temperatures": (0.0,)}, {"temperatures": ()}, {"segments": 2}, {"timestep": -1.0},
                                   {"production": 0}])  # fmt: skip
def test_plans_refuse(wrong):
    options = {"supercell": ((2, 0, 0), (0, 2, 0), (0, 0, 2)), "temperatures": (300.0,)}
    with pytest.raises(AnharmonicError, match="found"):
        PhononPlan(**options | wrong)


def test_plans_resolve_the_fastest_mode():
    """Velocity Verlet and the spectra see every mode; temperatures have their own random numbers."""
    plan = PhononPlan(supercell=((2, 0, 0), (0, 2, 0), (0, 0, 2)), temperatures=(400.0, 300.0))
    slow, fast = (plan.motion(300.0, np.eye(3), [[0, 0, 0]], f) for f in (4.0, 25.0))
    assert slow.timestep == 5.0 and fast.timestep == 2.0
    for motion, fastest in ((slow, 4.0), (fast, 25.0)):
        assert motion.stride * motion.timestep * fastest <= 250
    assert plan.temperatures == (300.0, 400.0) and plan.seed_at(300.0) != plan.seed_at(400.0)
    assert len(slow.stages) == 8 and slow.stages[0].equilibration > slow.stages[1].equilibration
