"""Second derivatives of the energy of a supercell by displacements and strain."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.evaluation import Evaluator
from anharmonic.potential.potential import precision

BATCH = 16
"""Directions that are differentiated together."""


def hessian(potential, configuration, modes):
    """Second derivatives by u and the amounts of the strain modes, and the energy there.

    Parameters
    ----------
    potential : Potential
    configuration : Configuration
        Where; its F is varied by adding multiples of the modes.
    modes : array_like, shape (n_modes, 3, 3)
        As of `strain_modes`.

    Returns
    -------
    ndarray, shape (3 N + n_modes, 3 N + n_modes), float64
        eV/A^2, eV/A and eV; u in the order of its axes (site, component, cell).
    float
        Energy (eV).
    """
    with precision("float64"):
        model = Evaluator.create(potential, configuration.supercell, "float64")
        state = jnp.asarray(configuration.displacements), jnp.asarray(configuration.deformation)
        rows, energy = _hessian(model, *state, jnp.asarray(modes, float).reshape(-1, 3, 3))
        rows = np.asarray(rows)
    return 0.5 * (rows + rows.T), float(energy)


@eqx.filter_jit
def _hessian(model, displacements, deformation, modes):
    def slopes(x):
        u, amounts = x[: displacements.size].reshape(displacements.shape), x[displacements.size :]
        by_u, by_f = model.derivatives(displacements + u, deformation + jnp.tensordot(amounts, modes, 1))
        return jnp.concatenate([by_u.ravel(), jnp.tensordot(modes, by_f, 2)])

    zero = jnp.zeros(displacements.size + len(modes))
    rows = jax.lax.map(lambda e: jax.jvp(slopes, (zero,), (e,))[1], jnp.eye(len(zero)), batch_size=BATCH)
    return rows, model.energy(displacements, deformation)
