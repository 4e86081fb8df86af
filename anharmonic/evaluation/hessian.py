"""Second derivatives of the energy by displacements and strain, to machine precision."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.evaluation.evaluator import Evaluator
from anharmonic.potential.potential import precision

TOGETHER = 4096
"""Components of directions that are differentiated at once: wide supercells take theirs one by one."""


def second_derivatives(potential, configuration, modes=(), directions=None):
    """Second and first derivatives by x = (u, amounts of strain modes), and the energy, at any state (in float64).

    Parameters
    ----------
    potential : Potential
    configuration : Configuration
        Where; its F is varied by adding multiples of the modes.
    modes : array_like, shape (n_modes, 3, 3)
        Changes of F.
    directions : array_like, shape (n, 3 N + n_modes), optional
        Directions of x, u in the order of its axes (site, component, cell); all its components unless given.

    Returns
    -------
    ndarray, shape (n, 3 N + n_modes)
        Change of the gradient along each direction; eV/A^2, eV/A and eV.
    ndarray, shape (3 N + n_modes,)
        The gradient: eV/A and eV.
    float
        Energy (eV), relative to the reference crystal.
    """
    with precision("float64"):
        evaluator = Evaluator.create(potential, configuration.supercell, "float64")
        modes = jnp.asarray(modes, float).reshape(-1, 3, 3)
        size = configuration.displacements.size + len(modes)
        directions = jnp.eye(size) if directions is None else jnp.asarray(directions, float)
        state = jnp.asarray(configuration.displacements), jnp.asarray(configuration.deformation)
        rows, slope, energy = _second_derivatives(evaluator, *state, modes, directions)
        return np.asarray(rows), np.asarray(slope), float(energy)


@eqx.filter_jit
def _second_derivatives(evaluator, displacements, deformation, modes, directions):
    def slopes(x):
        u, amounts = x[: displacements.size].reshape(displacements.shape), x[displacements.size :]
        by_u, by_f = evaluator.derivatives(displacements + u, deformation + jnp.tensordot(amounts, modes, 1))
        return jnp.concatenate([by_u.ravel(), jnp.tensordot(modes, by_f, 2)])

    # reverse, though forward would do for a symmetric matrix: some models' own derivatives exist in reverse only
    slope, pull_back = jax.vjp(slopes, jnp.zeros(directions.shape[1]))
    batch = max(1, TOGETHER // directions.shape[1])
    rows = jax.lax.map(lambda direction: pull_back(direction)[0], directions, batch_size=batch)
    return rows, slope, evaluator.energy(displacements, deformation)


def force_constants(potential, configuration, sites, cells):
    """Force constants of some atoms of a configuration.

    Parameters
    ----------
    potential : Potential
    configuration : Configuration
        Any state; it need not be at rest.
    sites, cells : array_like of int, shape (n,)
        The atoms: site of the reference cell, and index of the cell on the grid of the supercell.

    Returns
    -------
    ndarray, shape (n, 3, n_sites, 3, n_cells), float64
        d2E / dr dr (eV/A^2) in the frame of the strained crystal, ``r = F (R + u)``.
    """
    inverse = np.linalg.inv(configuration.deformation)
    shape = len(sites), 3, *configuration.displacements.shape
    directions = np.zeros(shape)
    for k, (site, cell) in enumerate(zip(sites, cells, strict=True)):
        directions[k, :, site, :, cell] = inverse.T
    flat = directions.reshape(3 * len(sites), -1)
    rows, _, _ = second_derivatives(potential, configuration, directions=flat)
    return np.einsum("yx,nasyc->nasxc", inverse, rows.reshape(shape))
