"""Reference crystals: closed forms against matrices, and frequencies."""

import builders
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from known_crystals import masses

from anharmonic.conventions import BOLTZMANN, GPA, HBAR, KINETIC
from anharmonic.crystal import Configuration, Supercell
from anharmonic.errors import AnharmonicError
from anharmonic.evaluation.hessian import second_derivatives
from anharmonic.free_energy.exact import kinetic_free_energy, reference_free_energy
from anharmonic.free_energy.references import Einstein, Harmonic
from anharmonic.potential import precision
from anharmonic.sampling import Conditions, strain_modes

TEMPERATURE = 250.0
CONDITIONS = Conditions.of(TEMPERATURE, 0.5 * GPA, dtype="float64")


@pytest.fixture(scope="module")
def state(springs):
    """Springs at rest."""
    return Configuration.reference(springs.crystal, Supercell.from_matrix([2, 2, 2]))


@pytest.fixture(scope="module")
def second(springs, state):
    """Second derivatives by u and all strains; the energy there is zero."""
    found, _, minimum = second_derivatives(springs, state, strain_modes("full"))
    assert minimum == 0
    return found


def einstein(seed=0, shape=(2, 3, 4), cell="full"):
    """Random springs and a random well."""
    rng, modes = np.random.default_rng(seed), strain_modes(cell)
    root = rng.normal(size=(shape[0], shape[2], 3, 3))
    springs = np.moveaxis(root @ np.swapaxes(root, -1, -2) + 0.5 * np.eye(3), 1, 3)
    well = rng.normal(size=(len(modes), len(modes)))
    arrays = rng.normal(size=shape), springs, np.eye(3), modes, well @ well.T + np.eye(len(modes))
    return Einstein.create(*arrays, CONDITIONS, 100.0, "float64")


def flat(reference):
    """The energy as a function of u and the amounts of the strain modes in one vector."""
    shape, n = reference.centres.shape, reference.centres.size

    def energy(x):
        deformation = reference.deformation + jnp.tensordot(x[n:], reference.modes, 1)
        return reference.energy(x[:n].reshape(shape), deformation) - reference.measure.energy(deformation)

    return energy


@pytest.mark.parametrize("cell", ["fixed", "full"])
def test_determinant_of_springs(cell):
    """That of all second derivatives but three, which are zero."""
    with precision("float64"):
        reference = einstein(cell=cell)
        second = np.asarray(jax.jit(jax.hessian(flat(reference)))(np.zeros(24 + len(reference.modes))))
    values = np.sort(np.linalg.eigvalsh(second))
    assert abs(values[:3]).max() < 1e-10 and values[3] > 1e-3
    assert reference.logarithm() == pytest.approx(np.log(values[3:]).sum(), abs=1e-9)
    assert abs(reference.logarithm() - 3 * np.log(8) - np.log(values[3:]).sum()) > 1  # without the N of translations


def test_derivatives_are_those_of_the_energy():
    with precision("float64"):
        reference = einstein(1)
        rng = np.random.default_rng(2)
        u, f = rng.normal(size=(2, 3, 4)), np.eye(3) + 0.02 * np.diag([1.0, -1, 2])
        energy, (by_u, by_f) = jax.jit(jax.value_and_grad(lambda *x: reference.energy(*x), argnums=(0, 1)))(u, f)
        found = jax.jit(lambda *x: reference.derivatives(*x))(u, f)
        shifted = jax.jit(lambda *x: reference.energy(*x))(u + np.array([0.3, -1.0, 2.0])[:, None], f)
        np.testing.assert_allclose(found[0], by_u, atol=1e-10)
        modes = strain_modes("full")
        np.testing.assert_allclose(np.tensordot(modes, found[1], 2), np.tensordot(modes, by_f, 2), atol=1e-9)
        assert float(shifted) == pytest.approx(float(energy), abs=1e-9)


def harmonic(state, second, modes, minimum=0.0):
    """The harmonic crystal about a state."""
    where = state.displacements, state.deformation
    return Harmonic.create(*where, modes, second, minimum, CONDITIONS, state.volume, "float64")


def test_harmonic_crystal_has_the_free_energy_of_its_frequencies(springs, state, second):
    """Fixed cell: ``kT sum log(hbar w / kT)``; a mass too much is noticed."""
    supercell, second, minimum = state.supercell, second[:120, :120], -0.25
    reference = harmonic(state, second, strain_modes("fixed"), minimum)
    weights = np.repeat(springs.crystal.masses, 3 * supercell.n_cells) * KINETIC
    squares = np.sort(np.linalg.eigvalsh(second / np.sqrt(np.outer(weights, weights))))
    assert abs(squares[:3]).max() < 1e-9 * squares[-1]
    kt = BOLTZMANN * TEMPERATURE
    expected = minimum + kt * np.log(HBAR * np.sqrt(squares[3:]) / kt).sum()
    found = reference_free_energy(reference, masses(springs, supercell), TEMPERATURE)
    assert found == pytest.approx(expected, abs=1e-7)
    heavier = masses(springs, supercell) * np.where(np.arange(40) == 7, 1.1, 1.0)
    assert abs(reference_free_energy(reference, heavier, TEMPERATURE) - expected) > 1e-4


def test_strains_are_part_of_the_harmonic_crystal(springs, state, second):
    """The energy near the minimum, with displacements and strain coupled."""
    modes = strain_modes("full")
    reference, rng = harmonic(state, second, modes), np.random.default_rng(0)
    u, amounts = 1e-3 * rng.normal(size=state.displacements.shape), 1e-4 * rng.normal(size=6)
    off = builders.changed(state, u, state.deformation + np.tensordot(amounts, modes, 1))
    with precision("float64"):
        quadratic = reference.energy(u, off.deformation) - reference.measure.energy(off.deformation)
    assert float(quadratic) == pytest.approx(springs.evaluate(off)["energy"], rel=1e-2)
    uncoupled = 0.5 * u.ravel() @ second[:120, :120] @ u.ravel()
    assert abs(uncoupled / float(quadratic) - 1) > 0.02


def test_unstable_crystals_are_refused(state, second):
    none = strain_modes("fixed")
    with pytest.raises(AnharmonicError, match="no minimum"):
        harmonic(state, second[:120, :120] - 50 * np.eye(120), none)
    with pytest.raises(AnharmonicError, match="positive definite"):
        Einstein.create(np.zeros((1, 3, 1)), -np.eye(3)[None, :, :, None], np.eye(3), none, [], CONDITIONS, 1.0)


def test_motion_depends_on_mass_and_temperature():
    """A second atom of mass m against a first: the reduced mass; energy as derivative."""
    kt = BOLTZMANN * TEMPERATURE
    reduced = KINETIC * 2.0 * 6.0 / 8.0
    # the coordinate without translations is the distance over the square root of 2
    expected = -1.5 * kt * np.log(2 * reduced * kt / (2 * np.pi * HBAR**2))
    assert kinetic_free_energy([2.0, 6.0], TEMPERATURE) == pytest.approx(expected, abs=1e-12)


def test_records_are_arguments():
    """Numbers of a reference are leaves: another reference needs no compilation."""
    traced = []

    @eqx.filter_jit
    def energy(reference):
        traced.append(1)
        return reference.energy(reference.centres, reference.deformation)

    with precision("float64"):
        assert float(energy(einstein(1))) == pytest.approx(float(energy(einstein(2))), abs=1e-9)
    assert len(traced) == 1
