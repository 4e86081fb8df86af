"""Second derivatives of the energy: force constants between chosen atoms and all others, to machine precision."""

import equinox as eqx
import jax
import numpy as np

from anharmonic.evaluation.evaluator import Evaluator
from anharmonic.potential.potential import precision


def force_constants(potential, configuration, sites, cells):
    """Force constants of some atoms of a configuration, by differentiating the gradient once more (in float64).

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
    directions = np.zeros((len(sites), 3, *configuration.displacements.shape))
    for k, (site, cell) in enumerate(zip(sites, cells, strict=True)):
        directions[k, :, site, :, cell] = inverse.T
    with precision("float64"):
        evaluator = Evaluator.create(potential, configuration.supercell, "float64")
        flat = directions.reshape(-1, *configuration.displacements.shape)
        found = np.asarray(_curvatures(evaluator, configuration.displacements, configuration.deformation, flat))
    return np.einsum("yx,nasyc->nasxc", inverse, found.reshape(directions.shape))


@eqx.filter_jit
def _curvatures(evaluator, displacements, deformation, directions):
    """Change of dE/du along each direction (n, n_sites, 3, n_cells)."""

    def slopes(u):
        return evaluator.derivatives(u, deformation)[0]

    return jax.lax.map(lambda direction: jax.jvp(slopes, (displacements,), (direction,))[1], directions)
