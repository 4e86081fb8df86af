"""Many independent replicas of a small system at once, exact ensembles to compare them with, and the comparison."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anharmonic.conventions import BOLTZMANN
from anharmonic.evaluation import Evaluator
from anharmonic.sampling import Conditions


def replicas(
    sampler,
    potential,
    supercell,
    temperature,
    pressure=0.0,
    tension=None,
    count=64,
    burn=400,
    samples=400,
    stride=5,
    seed=0,
    warm=None,
):
    """Observables (count, samples, ...) of independent runs from the reference crystal, after `burn` steps.

    Gives energy, deformation, all scalars of the sampler, and its momenta if it has any. With another sampler `warm`,
    the steps before are its own, and `sampler` begins with what they have reached.
    """
    model = Evaluator.create(potential, supercell)
    u = jnp.zeros((potential.crystal.n_sites, 3, supercell.n_cells), "float32")
    conditions = Conditions.of(temperature, pressure, tension)

    @eqx.filter_jit
    def run(sampler, warm, model, conditions, keys):
        def advance(k, state, sampler, key):
            return sampler.step(jax.random.fold_in(key, k), state, conditions, model)

        def one(key):
            def sample(state, k):
                state = jax.lax.fori_loop(k, k + stride, partial(advance, sampler=sampler, key=key), state)
                return state, sampler.observe(state, conditions, model) | everything(sampler, state)

            state = (warm or sampler).init(key, u, jnp.eye(3, dtype=u.dtype), conditions, model)
            state = jax.lax.fori_loop(0, burn, partial(advance, sampler=warm or adapting, key=key), state)
            if warm:
                begin = state.displacements, state.deformation
                state = sampler.init(jax.random.fold_in(key, burn), *begin, conditions, model)
            return jax.lax.scan(sample, state, burn + 1 + stride * jnp.arange(samples))[1]

        return jax.vmap(one)(keys)

    adapting = sampler.adapting() if hasattr(sampler, "adapting") else sampler
    keys = jax.random.split(jax.random.key(seed), count)
    found = run(sampler, warm, model, conditions, keys)
    return {name: np.asarray(x, float) for name, x in found.items()}


def everything(sampler, state):
    """What the tests look at besides the scalars."""
    found = {"deformation": state.deformation, "displacements": state.displacements}
    if hasattr(state, "momenta"):
        found |= {"kinetic": sampler.hamiltonian.kinetic_energy(state), "cell_momenta": state.cell_momenta}
    return found


def z_score(values, expected):
    """Deviation of the mean of values (replicas, samples) from `expected`, in standard errors over replicas."""
    means = np.asarray(values).mean(axis=1)
    return (means.mean() - expected) / (means.std(ddof=1) / np.sqrt(len(means)))


def density_scores(values, grid, density):
    """z-scores of the mean, of the variance, and of the cumulative distribution at its deciles.

    Parameters
    ----------
    values : ndarray, shape (replicas, samples)
    grid, density : ndarray, shape (m,)
        Expected density, not normalised, on equally spaced points.
    """
    weights = density / density.sum()
    mean = weights @ grid
    step = grid[1] - grid[0]
    cumulative = np.cumsum(weights)
    scores = [z_score(values, mean), z_score((values - mean) ** 2, weights @ (grid - mean) ** 2)]
    for level in np.arange(0.1, 0.95, 0.1):
        k = np.searchsorted(cumulative, level)
        scores.append(z_score(values < grid[k] + step / 2, cumulative[k]))
    return np.array(scores)


def thermal(temperature):
    """kT in eV."""
    return BOLTZMANN * temperature


def slow_but(quick, methods):
    """Parameters of a test, marked slow where they are not among the quick ones."""
    return [m if m in quick else pytest.param(m, marks=pytest.mark.slow) for m in methods]
