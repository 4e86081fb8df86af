"""Correlated series with known statistics, and the cubic perovskite of these tests."""

import numpy as np
from scipy.signal import lfilter

from anharmonic.crystal import Crystal


def autoregressive(memory, n_samples, n_series, seed):
    """Stationary AR(1) of unit variance: rho(t) = memory^t, tau = (1 + memory) / (1 - memory) / 2."""
    warm = int(20 / (1 - memory))
    noise = np.random.default_rng(seed).normal(size=(n_samples + warm, n_series))
    return lfilter([np.sqrt(1 - memory**2)], [1, -memory], noise, axis=0)[warm:]


def perovskite(shift=(0, 0, 0), rotation=None):
    positions = np.array([[0, 0, 0], [0.5, 0.5, 0.5], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]) + shift
    cell = 5.868 * (np.eye(3) if rotation is None else rotation)
    return Crystal.from_sites(cell, positions, ["Cs", "Pb", "Br", "Br", "Br"])
