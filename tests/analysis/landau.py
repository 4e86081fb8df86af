"""Samples of a Landau free energy in a finite supercell: independent, from the exact density.

An order parameter m of n_cells cells has the density ``exp(-n_cells [a m^2 + (-a T0 m^2 + b m^4 + c m^6) / T] / k_B)``:
the first part is an entropy, the second the energy per cell. With b > 0 = c the distribution of ``m n_cells^(1/4)`` at
T0 does not depend on n_cells: cumulants of all sizes cross there exactly.
"""

import numpy as np

from anharmonic.analysis.curves import State
from anharmonic.conventions import BOLTZMANN

GRID = np.linspace(-1.5, 1.5, 6001)


def energy(m, t0, a, b, c):
    """Energy per cell, in units of k_B K."""
    return -a * t0 * m**2 + b * m**4 + c * m**6


def sample(rng, n_cells, temperature, n_samples, t0=300.0, a=1.0, b=100.0, c=0.0):
    """A `State` of independent samples."""
    exponent = -n_cells * (a * GRID**2 + energy(GRID, t0, a, b, c) / temperature)
    weights = np.exp(exponent - exponent.max())
    m = rng.choice(GRID, n_samples, p=weights / weights.sum()) + rng.uniform(-0.5, 0.5, n_samples) * (GRID[1] - GRID[0])
    return State(temperature, n_cells * BOLTZMANN * energy(m, t0, a, b, c), {"m": m[:, None]})


def balance(n_cells, t0, a, b, c, temperatures):
    """Temperature of the peak of the exact susceptibility."""
    exponent = -n_cells * (a * GRID**2 + energy(GRID, t0, a, b, c) / temperatures[:, None])
    weights = np.exp(exponent - exponent.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    spread = weights @ GRID**2 - (weights @ abs(GRID)) ** 2
    return temperatures[np.argmax(spread / temperatures)]
