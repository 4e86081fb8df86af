"""Steps of Monte Carlo: the energy they keep, what they move, and with which probability."""

import builders
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from builders import MATRICES, distorted

from anharmonic.conventions import BOLTZMANN
from anharmonic.evaluation import Evaluator
from anharmonic.potential import precision
from anharmonic.sampling import Conditions, MonteCarlo, strain_modes

SUPERCELLS = {
    "2x2x2": MATRICES["2x2x2"],
    "untidy": MATRICES["untidy"],
    "odd": np.diag([3, 3, 3]),
    "sheared": np.array([[3, 1, 2], [0, 2, 1], [0, 0, 5]]),
}


@eqx.filter_jit
def advance(sampler, key, state, conditions, model):
    return sampler.step(key, state, conditions, model)


def passes(potential, start, cell, temperature, dtype, count=3, width=0.05):
    """States before and after each of a few passes from a configuration."""
    with precision(dtype):
        sampler = MonteCarlo.create(potential, start.supercell, strain_modes(cell), dtype=dtype)
        model, conditions = Evaluator.create(potential, start.supercell, dtype), Conditions.of(temperature, dtype=dtype)
        arrays = [jnp.asarray(x, dtype) for x in (start.displacements, start.deformation)]
        state = sampler.init(jax.random.key(1), *arrays, conditions, model)
        states = [eqx.tree_at(lambda s: s.widths[0], state, jnp.full_like(state.widths[0], width))]
        for k in range(count):
            states.append(advance(sampler, jax.random.key(k), states[-1], conditions, model))
        return [jax.tree.map(np.asarray, s) for s in states]


@pytest.mark.parametrize(
    "matrix, cell",
    [("untidy", "fixed"), pytest.param("sheared", "fixed", marks=pytest.mark.slow), ("2x2x2", "full")],
)
def test_energies_are_those_of_the_states(potentials, matrix, cell):
    """The energy of a state is that of its configuration, by the plain path."""
    potential = potentials["cluster"]
    start = distorted(potential.crystal, SUPERCELLS[matrix], 3, strain=0.01, displacement=0.05)
    states = passes(potential, start, cell, 30000.0, "float64", count=5)
    with precision("float64"):
        translations = potential.lattice.topology.translations(start.supercell)
        plain = eqx.filter_jit(potential.lattice.energy)
        energies = [float(plain(s.displacements, s.deformation, translations)) for s in states]
    np.testing.assert_allclose([s.energy for s in states], energies, rtol=0, atol=1e-9)
    assert abs(np.diff(energies)).min() > 1e-3
    assert all((s.acceptance[0] > 0).all() for s in states[1:])
    still = [(s.deformation == start.deformation).all() for s in states]
    assert all(still) if cell == "fixed" else not still[-1]


@pytest.mark.parametrize("matrix", SUPERCELLS)
def test_one_trial_for_every_site(springs, matrix):
    """Where every trial is accepted, every atom has moved once, by steps of the given width, independently."""
    start = distorted(springs.crystal, SUPERCELLS[matrix], 4, strain=0.01, displacement=0.02)
    first, last = passes(springs, start, "fixed", 1e12, "float32", count=1, width=0.03)
    moved = last.displacements - first.displacements
    assert (last.acceptance[0] == 1).all()
    assert (abs(moved).max(axis=1) > 0).all()
    assert len(np.unique(moved)) > 0.9 * moved.size
    assert abs(moved.std() / 0.03 - 1) < 5 / np.sqrt(2 * moved.size)
    assert abs(moved.mean()) < 5 * 0.03 / np.sqrt(moved.size)


def test_acceptance_is_the_share_of_moved_atoms(springs):
    """By site; some are accepted, and atoms whose trials are rejected stay where they are."""
    start = distorted(springs.crystal, SUPERCELLS["sheared"], 5, strain=0.0, displacement=0.02)
    states = passes(springs, start, "fixed", 300.0, "float32", width=0.15)
    for before, after in zip(states, states[1:], strict=False):
        moved = (after.displacements != before.displacements).any(axis=1)
        np.testing.assert_allclose(after.acceptance[0], moved.mean(axis=1), atol=1e-6)
        assert 0 < moved.mean() < 1


def test_only_downhill_at_zero_temperature(springs):
    start = distorted(springs.crystal, SUPERCELLS["2x2x2"], 6, strain=0.01, displacement=0.1)
    states = passes(springs, start, "full", 1e-6, "float64", count=10)
    energies = [float(s.energy) for s in states]
    assert all(b < a for a, b in zip(energies, energies[1:], strict=False))
    assert energies[-1] < 0.9 * energies[0]


def test_probability_of_acceptance(springs):
    """From the reference crystal, the share accepted by the first site is the mean of min(1, exp(-dE/kT)).

    The mean is over steps drawn here and energies of the plain path; one site at a time, all others at rest.
    """
    supercell, width, temperature = np.diag([2, 2, 2]), 0.15, 300.0
    start = builders.changed(distorted(springs.crystal, supercell, 0, strain=0.0), displacements=np.zeros((5, 3, 8)))
    with precision("float64"):
        steps = width * np.random.default_rng(7).normal(size=(20000, 3))
        translations = springs.lattice.topology.translations(start.supercell)

        def energy(step):
            return springs.lattice.energy(jnp.zeros((5, 3, 8)).at[0, :, 0].add(step), jnp.eye(3), translations)

        energies = np.asarray(jax.jit(lambda x: jax.lax.map(energy, x, batch_size=500))(jnp.asarray(steps)))
    expected = np.minimum(1, np.exp(-energies / (BOLTZMANN * temperature)))
    sampler = MonteCarlo.create(springs, start.supercell, strain_modes("fixed"))
    model, conditions = Evaluator.create(springs, start.supercell), Conditions.of(temperature)
    state = sampler.init(jax.random.key(1), jnp.zeros((5, 3, 8)), jnp.eye(3), conditions, model)
    state = eqx.tree_at(lambda s: s.widths[0], state, jnp.full_like(state.widths[0], width))
    keys = jax.random.split(jax.random.key(8), 4000)
    accepted = eqx.filter_vmap(lambda key: sampler.step(key, state, conditions, model).acceptance[0][0])
    shares = np.asarray(eqx.filter_jit(accepted)(keys))
    error = np.hypot(shares.std() / np.sqrt(len(shares)), expected.std() / np.sqrt(len(expected)))
    assert abs(shares.mean() - expected.mean()) < 4 * error
    wrong = np.minimum(1, np.exp(-energies / (BOLTZMANN * 1.2 * temperature))).mean()
    assert abs(shares.mean() - wrong) > 4 * error
    assert 0.1 < expected.mean() < 0.9
