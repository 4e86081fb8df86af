"""Independent draws from ensembles that are known exactly, and what a step of Monte Carlo does to them."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from ensembles import thermal
from scipy.stats import chi2

from anharmonic.evaluation import Evaluator


def draw_image_springs(system, temperature, conditions, modes, count, seed=0):
    """``(u, F)`` of `ImageSprings`: (count, 1, 3, 8), (count, 3, 3); `conditions` are pressure and tension.

    F by rejection, and F u is a normal field: 0.5 eV/A^2 for each bond between neighbours.
    """
    rng, kt = np.random.default_rng(seed), thermal(temperature)

    def logarithm(amounts):
        return -system.enthalpy(np.eye(3) + np.tensordot(amounts, modes, 1), *conditions) / kt

    deformation = np.eye(3) + np.tensordot(_rejection(rng, logarithm, len(modes), count), modes, 1)
    cells = system.supercell.cells
    stiffness = 4.0 * cells.sum(1)
    waves = (-1.0) ** (cells @ cells.T) / np.sqrt(8)
    amplitudes = rng.normal(size=(count, 3, 8)) * np.sqrt(kt / np.where(stiffness, stiffness, np.inf))
    return np.linalg.solve(deformation, amplitudes @ waves)[:, None], deformation


def _rejection(rng, logarithm, dimensions, count, freedom=6):
    """Draws (count, dimensions) of a density, from Student's t with the moments of the density, found in rounds."""
    middle, spread = np.zeros(dimensions), 0.06 * np.eye(dimensions)
    for size in (50_000, 50_000, 50_000, 10 * count):
        unit = rng.normal(size=(size, dimensions)) * np.sqrt(freedom / rng.chisquare(freedom, size=(size, 1)))
        drawn = middle + unit @ spread.T
        weights = 0.5 * (freedom + dimensions) * np.log1p((unit**2).sum(1) / freedom) + logarithm(drawn)
        weights = np.exp(weights - weights.max())
        middle = weights @ drawn / weights.sum()
        spread = np.linalg.cholesky((drawn - middle).T @ ((drawn - middle) * weights[:, None]) / weights.sum())
    chosen = drawn[rng.uniform(size=size) < weights][:count]
    assert len(chosen) == count, "too few draws survive"
    return chosen


def draw_two_atoms(system, temperature, count, seed=0):
    """``(u, F)`` of `TwoAtoms` in an isotropic cell: (count, 2, 3, 1), (count, 3, 3)."""
    kt, half = thermal(temperature), system.crystal.cell[0, 0] / 2
    corners = half * (2 * np.array(list(np.ndindex(2, 2, 2))) - 1)

    def logarithm(drawn):
        stretch, energy = 1 + drawn[:, 3], 0.0
        for corner in corners:
            strain = (stretch**2 * ((drawn[:, :3] + corner) ** 2).sum(1) / (3 * half**2) - 1) / 2
            energy = energy + sum(c * strain ** (k + 1) for k, c in enumerate(system.COEFFICIENTS))
        enthalpy = energy + system.PRESSURE * system.crystal.volume * stretch**3
        return 3 * np.log(np.maximum(stretch, 1e-3)) - enthalpy / kt

    drawn = _rejection(np.random.default_rng(seed), logarithm, 4, count)
    u = np.zeros((count, 2, 3, 1))
    u[:, 0, :, 0] = drawn[:, :3]
    return u, (1 + drawn[:, 3, None, None]) * np.eye(3)


def steps(sampler, potential, supercell, start, conditions, widths, count=1, seed=1):
    """States of many replicas after `count` steps from their `start` (u, F), with given widths."""
    keys = jax.random.split(jax.random.key(seed), len(start[0]))
    arrays = [jnp.asarray(x, "float32") for x in start]
    model = Evaluator.create(potential, supercell)
    found = _steps(sampler, model, conditions, keys, *arrays, tuple(map(jnp.asarray, widths)), count)
    return jax.tree.map(lambda x: np.asarray(x, float), found)


@eqx.filter_jit
def _steps(sampler, model, conditions, keys, u, deformation, widths, count):
    def one(start):
        key, u, deformation = start
        state = sampler.init(key, u, deformation, conditions, model)
        given = tuple(jnp.broadcast_to(w, x.shape).astype(x.dtype) for w, x in zip(widths, state.widths, strict=True))
        state = eqx.tree_at(lambda s: s.widths, state, given)

        def advance(k, state):
            return sampler.step(jax.random.fold_in(key, k), state, conditions, model)

        return jax.lax.fori_loop(0, count, advance, state)

    return jax.lax.map(one, (keys, u, deformation), batch_size=2000)


def flux_level(before, after, n_bins=3):
    """Level at which detailed balance is refused: chi-square of n(i to j) against n(j to i) over all pairs of bins.

    Parameters
    ----------
    before, after : sequence of ndarray, shape (replicas,)
        Coordinates of equilibrium before and after a step; each is cut into bins of equal weight.
    """
    bins = np.zeros((2, len(before[0])), int)
    for old, new in zip(before, after, strict=True):
        edges = np.quantile(old, np.arange(1, n_bins) / n_bins)
        bins = n_bins * bins + [np.digitize(old, edges), np.digitize(new, edges)]
    n = n_bins ** len(before)
    counts = np.bincount(n * bins[0] + bins[1], minlength=n * n).reshape(n, n)
    there, back = (counts.T if swap else counts for swap in (False, True))
    pairs = np.triu(there + back, 1) >= 20
    assert pairs.sum() >= n - 1, "the step does not move between bins"
    squares = (there - back)[pairs] ** 2 / (there + back)[pairs]
    return chi2.sf(squares.sum(), pairs.sum())
