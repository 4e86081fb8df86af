"""Spherical densities of free atoms, from the table that `free_atom` has made."""

from functools import cache
from importlib.resources import as_file, files

import h5py
import jax.numpy as jnp
import numpy as np

STEP = 0.02
"""Of the table's radii, A."""


@cache
def density_table():
    """Logarithms of the densities (electrons/A^3) by atomic number (104, n), at 0, `STEP`, 2 `STEP` ... A, float32."""
    with as_file(files("anharmonic.screening") / "tables" / "free_atoms.h5") as path, h5py.File(path) as file:
        assert abs(file.attrs["step_A"] - STEP) < 1e-12
        found = file["log_density"][()]
    found = np.concatenate([np.full((1, found.shape[1]), -np.inf, np.float32), found])
    found.setflags(write=False)
    return found


def log_density(table, numbers, radii):
    """Logarithm of the density of free atoms, linear between the radii of the table and beyond the last.

    Parameters
    ----------
    table : array, shape (104, n)
        `density_table`.
    numbers : array of int
        Atomic numbers.
    radii : array
        Distances (A), of the shape of `numbers` or one that broadcasts with it.
    """
    place = radii / STEP
    index = jnp.clip(place.astype(int), 0, table.shape[1] - 2)
    low, high = table[numbers, index], table[numbers, index + 1]
    return low + (place - index) * (high - low)
