"""Observables against finite differences, exact sums, and known states."""

import builders
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anharmonic.analysis import TiltModes
from anharmonic.analysis.order_parameters import observed_modes, split_modes
from anharmonic.analysis.tilt_correlations import local_tilts, staggered_octahedra
from anharmonic.analysis.tilts import TWICE_Q
from anharmonic.conventions import KINETIC, VOIGT
from anharmonic.crystal import Supercell
from anharmonic.evaluation import Evaluator
from anharmonic.potential.potential import precision
from anharmonic.sampling.observables import (
    Correlation,
    KineticStress,
    ModeAmplitudes,
    Observer,
    PotentialStress,
    axis_offsets,
)
from anharmonic.sampling.site_moments import SiteMoments
from anharmonic.sweep.samplers import layer_rotations


class State(eqx.Module):
    displacements: jax.Array
    deformation: jax.Array
    momenta: jax.Array


@pytest.fixture(scope="module")
def state(springs):
    found = builders.distorted(springs.crystal, [2, 2, 2], 3)
    momenta = np.random.default_rng(1).normal(size=found.displacements.shape)
    return State(found.displacements, found.deformation, momenta)


def test_potential_stress_is_the_slope_of_the_energy(springs, state):
    """dU/dE along six strains on top of F: r' = (1 + e) F (R + u) changes U by V sigma : e."""
    with precision("float64"):
        model = Evaluator.create(springs, Supercell.from_matrix([2, 2, 2]), "float64")
        state = jax.tree.map(jnp.asarray, state)
        stress, energy = np.asarray(PotentialStress()(state, model)), eqx.filter_jit(model.energy)
        volume = model.volume * np.linalg.det(state.deformation)
        for i in range(3):
            for j in range(i, 3):
                e = np.zeros((3, 3))
                e[i, j] += 0.5e-5
                e[j, i] += 0.5e-5
                up, down = (energy(state.displacements, (np.eye(3) + s * e) @ state.deformation) for s in (1, -1))
                np.testing.assert_allclose((up - down) / 2e-5 / volume, stress[i, j], rtol=1e-5, atol=1e-9)


def test_kinetic_stress_is_a_sum_over_atoms(springs, state):
    """-sum m v v^T / V of the velocities of r = F (R + u): v = F^-T p_s / m."""
    with precision("float64"):
        model = Evaluator.create(springs, Supercell.from_matrix([2, 2, 2]), "float64")
        found = KineticStress.of_crystal(springs.crystal, "float64")(state, model)
        expected, masses = np.zeros((3, 3)), KINETIC * springs.crystal.masses
        inverse = np.linalg.inv(state.deformation).T
        for s in range(5):
            for n in range(8):
                velocity = inverse @ state.momenta[s, :, n] / masses[s]
                expected -= masses[s] * np.outer(velocity, velocity)
        expected /= float(model.volume) * np.linalg.det(state.deformation)
        np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("matrix", [[4, 4, 4], builders.MATRICES["untidy"]], ids=["4x4x4", "untidy"])
def test_correlation(springs, matrix):
    """By the definition, and its sum over all offsets: the square of the order parameter."""
    supercell = Supercell.from_matrix(matrix)
    rng, n = np.random.default_rng(4), supercell.n_cells
    weights, u = rng.normal(size=(2, 5, 3, n)), rng.normal(size=(5, 3, n))
    offsets = supercell.cells
    with precision("float64"):
        correlation = Correlation.of_projections(weights, supercell, offsets, "float64")
        found = np.asarray(correlation(State(u, np.eye(3), u), None))
    local = n * np.einsum("pscn,scn->pn", weights, u)
    for k in (0, 1, n - 1):
        image = [supercell.index(cell + offsets[k]) for cell in supercell.cells]
        np.testing.assert_allclose(found[:, k], (local * local[:, image]).mean(1), rtol=1e-10)
    np.testing.assert_allclose(found.mean(1), np.tensordot(weights, u, 3) ** 2, rtol=1e-9)


def test_correlation_of_a_tilted_crystal(springs):
    """A crystal in one tilt pattern is fully correlated at all distances; one with a wall is not."""
    supercell = Supercell.from_matrix([8, 2, 2])
    modes = TiltModes.of_crystal(springs.crystal)
    u = modes.displacements([0, 0, 5], [0, 0, 0], supercell)
    offsets = axis_offsets(supercell)
    np.testing.assert_array_equal(offsets[:5, 0], [0, 1, 2, 3, 4])
    assert offsets.shape == (7, 3)
    correlation = Correlation.of_projections(modes.projection(supercell), supercell)
    tangent = np.tan(np.radians(5)) ** 2
    np.testing.assert_allclose(correlation(State(u, np.eye(3), u), None)[2], tangent, rtol=1e-4)
    half = np.where(supercell.cells[:, 0] < 4, 1.0, -1.0)
    found = np.asarray(correlation(State(u * half, np.eye(3), u), None))[2]
    np.testing.assert_allclose(found / tangent, [1, 0.5, 0, -0.5, -1, 1, 1], atol=1e-4)


def test_correlation_of_octahedra(springs):
    """Of the tilts of whole octahedra with the signs of the modes; the mean over all offsets is the mode squared."""
    supercell, modes = Supercell.from_matrix([4, 2, 2]), TiltModes.of_crystal(springs.crystal)
    u = np.random.default_rng(3).normal(size=(5, 3, supercell.n_cells))
    octahedra = staggered_octahedra(modes, supercell)
    with precision("float64"):
        correlation = Correlation.of_places(*octahedra, supercell, supercell.cells, "float64")
        found = np.asarray(correlation(State(u, np.eye(3), u), None))
    signs = (-1.0) ** (TWICE_Q @ supercell.cells.T)
    local = np.tile(local_tilts(modes, supercell, u), (2, 1)) * signs
    np.testing.assert_allclose(found[:, 0], (local**2).mean(axis=1), rtol=1e-10)
    k = int(supercell.index(np.array([1, 0, 0])))
    image = supercell.index(supercell.cells + [1, 0, 0])
    np.testing.assert_allclose(found[:, k], (local * local[:, image]).mean(axis=1), rtol=1e-10)
    np.testing.assert_allclose(found.mean(axis=1), np.tensordot(modes.projection(supercell), u, 3) ** 2, rtol=1e-9)


def test_amplitudes_of_modes(springs):
    """Those of the patterns themselves, for waves with one phase and with two."""
    supercell = Supercell.from_matrix([4, 4, 2])
    u = 0.1 * np.random.default_rng(2).normal(size=(5, 3, supercell.n_cells))
    modes = observed_modes(springs.crystal, ["sites", "mode R T1g", "mode X", "mode 1/4 1/4 0 A1", "mode R"])
    with precision("float64"):
        found = np.asarray(ModeAmplitudes.of_modes(modes, supercell, "float64")(State(u, np.eye(3), u), None))
    series = split_modes(modes, found[None])
    assert list(series)[:2] == ["mode R T1g Br Eu", "mode X A1g Cs T1u"]
    for mode, values in zip(modes, series.values(), strict=True):
        expected = np.nan_to_num(mode.amplitudes(supercell, u)).reshape(1, -1)
        fits = np.repeat(mode.star.fits(supercell), mode.shape[1])
        np.testing.assert_allclose(values[:, fits], expected[:, fits], atol=1e-12)


def test_observer_takes_functions_of_ones_own(springs, state):
    model = Evaluator.create(springs, Supercell.from_matrix([2, 2, 2]))
    small = jax.tree.map(lambda x: jnp.asarray(x, "float32"), state)
    observer = Observer(
        np.zeros((0, 5, 3, 8), "float32"), {"largest": lambda state, model: abs(state.displacements).max()}
    )
    found = observer(small, model)
    graded = {"extrapolation", "extrapolation_mean", "extrapolation_share"}
    assert set(found) == {"deformation", "projections", "largest"} | graded
    assert found["largest"] == abs(small.displacements).max()


def test_moments_of_sites_are_averages_over_cells(springs):
    """Folded onto 2x2x2 of a 4x2x2 supercell: means of u and u u over the cells that a shift by two makes equal."""
    supercell = Supercell.from_matrix([4, 2, 2])
    u = np.random.default_rng(0).normal(size=(5, 3, 16))
    found = np.asarray(SiteMoments.of_supercell(supercell)(State(u, np.eye(3), None), None))
    folded = supercell.cells % 2
    for n, cell in enumerate(np.ndindex(2, 2, 2)):
        chosen = u[..., (folded == cell).all(axis=1)]
        assert chosen.shape[-1] == 2
        np.testing.assert_allclose(found[:, :3, n], chosen.mean(axis=-1), atol=1e-6)
        for k, (i, j) in enumerate(VOIGT):
            np.testing.assert_allclose(found[:, 3 + k, n], (chosen[:, i] * chosen[:, j]).mean(axis=-1), atol=1e-6)


def test_rotations_of_layers(springs):
    """Layers of a tilted crystal turn alike (in-phase) or in turns (anti-phase); one layer turned back shows."""
    supercell, modes = Supercell.from_matrix([2, 4, 2]), TiltModes.of_crystal(springs.crystal)
    rotations = layer_rotations(springs.crystal, supercell, "float64")
    u = modes.displacements((0, 6, 0), (4, 0, 0), supercell)
    angles = np.degrees(np.arctan(rotations(State(u, np.eye(3), None), None)))
    np.testing.assert_allclose(angles[1], [6, 6, 6, 6], atol=1e-4)
    np.testing.assert_allclose(abs(angles[0]), [4, 4, 0, 0], atol=1e-4)
    assert angles[0, 0] == pytest.approx(-angles[0, 1], abs=1e-4) and abs(angles[2]).max() < 1e-4
    u[..., supercell.cells[:, 1] == 2] *= -1
    angles = np.degrees(np.arctan(rotations(State(u, np.eye(3), None), None)))
    np.testing.assert_allclose(angles[1], [6, 6, -6, 6], atol=1e-4)
    assert layer_rotations(springs.crystal, Supercell.from_matrix([[2, 2, 0], [-2, 2, 0], [0, 0, 2]])) is None
