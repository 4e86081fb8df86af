"""Newton's equations in float32 conserve the energy over 100 ps."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anharmonic.crystal import Supercell
from anharmonic.evaluation import Evaluator
from anharmonic.sampling import Conditions, Langevin, MolecularDynamics, strain_modes

N_ATOMS = 5 * 8**3
TIMESTEP = 4.0
SAMPLES, STRIDE = 500, 50


@eqx.filter_jit
def run(dynamics, model, state, conditions, first, n_samples):
    """Observed samples, one every STRIDE steps, and the last state."""

    def sample(state, k):
        def step(i, state):
            key = jax.random.fold_in(jax.random.key(0), first + k * STRIDE + i)
            return dynamics.step(key, state, conditions, model)

        state = jax.lax.fori_loop(0, STRIDE, step, state)
        return state, dynamics.observe(state, conditions, model)

    return jax.lax.scan(sample, state, jnp.arange(n_samples))


@pytest.mark.slow
def test_no_drift_in_single_precision(springs):
    """8 x 8 x 8 cells at 400 K, 4 fs: below 1e-6 eV per atom and ps; energies are sums in float32, heat is compensated.

    A smooth potential: walls, whose second derivative jumps, cost more energy than rounding does.
    """
    supercell, conditions = Supercell.from_matrix([8] * 3), Conditions.of(400.0)
    model, modes = Evaluator.create(springs, supercell), strain_modes("fixed")
    warm, free = (
        MolecularDynamics.create(springs.crystal, supercell, modes, TIMESTEP, bath) for bath in (Langevin(5e-3), None)
    )
    start = jax.random.key(0), jnp.zeros((5, 3, 512)), 1.004 * jnp.eye(3), conditions, model
    state, _ = run(warm, model, eqx.filter_jit(warm.init)(*start), conditions, 0, 100)
    _, samples = run(free, model, state, conditions, 10**6, SAMPLES)
    time = 1e-3 * TIMESTEP * STRIDE * np.arange(SAMPLES)
    energy = np.asarray(samples["conserved"], float) / N_ATOMS
    assert abs(np.mean(samples["kinetic_temperature"]) - 400) < 30
    assert abs(np.polyfit(time, energy, 1)[0]) < 1e-6
    heated, _ = run(warm, model, state, conditions, 10**7, 50)
    assert abs(float(heated.heat[0])) / N_ATOMS > 1e-5
