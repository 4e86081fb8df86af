"""Relaxed structures: displacements and cell at a minimum of the energy."""

from dataclasses import replace

import equinox as eqx
import numpy as np
from scipy.optimize import minimize

from anharmonic.errors import AnharmonicError
from anharmonic.potential.potential import precision

SHAPE = "shape"
STRAIN_LENGTH = 10.0
"""Scales strains to lengths (A) so that both are of one size for the optimiser."""


def relax(potential, configuration, cell=True, force_tolerance=1e-4, max_steps=2000):
    """Minimise the energy with L-BFGS (scipy) over displacements and, unless `cell` is False, a symmetric F.

    Parameters
    ----------
    potential : Potential
    configuration : Configuration
        Start; a rotation in its F is removed if the cell is relaxed.
    cell : bool or str
        ``"shape"`` keeps the volume.
    force_tolerance : float
        Largest component of dE/du left (eV/A).
    max_steps : int

    Returns
    -------
    Configuration, float
        The relaxed state and its energy (eV, relative to the reference crystal).

    Raises
    ------
    AnharmonicError
        If the minimum is not reached in `max_steps`.
    """
    shape, lattice = configuration.displacements.shape, potential.on(configuration.supercell)
    translations = lattice.topology.translations(configuration.supercell)
    symmetric = _stretch(configuration.deformation) if cell else configuration.deformation

    def stretch(x):
        strain = x[:9].reshape(3, 3) / STRAIN_LENGTH
        return symmetric + 0.5 * (strain + strain.T)

    def unpack(x):
        stretched = stretch(x)
        scale = np.cbrt(np.linalg.det(symmetric) / np.linalg.det(stretched)) if cell == SHAPE else 1.0
        return x[9:].reshape(shape), scale * stretched

    def objective(x):
        u, deformation = unpack(x)
        with precision("float64"):
            energy, by_u, by_f = (np.asarray(v, float) for v in _gradients(lattice, u, deformation, translations))
        if cell == SHAPE:
            by_f = _without_volume(by_f, deformation, stretch(x))
        by_strain = 0.5 * (by_f + by_f.T) / STRAIN_LENGTH * bool(cell)
        return float(energy), np.concatenate([by_strain.ravel(), by_u.ravel()])

    start = np.concatenate([np.zeros(9), configuration.displacements.ravel()])
    options = {"maxiter": max_steps, "maxfun": 2 * max_steps, "gtol": force_tolerance, "ftol": 0.0}
    found = minimize(objective, start, jac=True, method="L-BFGS-B", options=options)
    if abs(found.jac).max() > 10 * force_tolerance:
        raise AnharmonicError(
            f"relaxation stopped after {found.nit} steps with a gradient of {abs(found.jac).max():.2g} eV/A "
            f"(tolerance {force_tolerance:g}): {found.message}"
        )
    displacements, deformation = unpack(found.x)
    return replace(configuration, displacements=displacements, deformation=deformation), float(found.fun)


@eqx.filter_jit
def _gradients(lattice, displacements, deformation, translations):
    return lattice.gradients(displacements, deformation, translations)


def _without_volume(by_f, deformation, stretched):
    """Derivative of the energy by `stretched`, of which the deformation is a multiple of fixed volume."""
    scale = deformation[0, 0] / stretched[0, 0]
    return scale * (by_f - np.sum(by_f * stretched) / 3 * np.linalg.inv(stretched).T)


def _stretch(deformation):
    """Right stretch tensor (F^T F)^(1/2)."""
    values, vectors = np.linalg.eigh(deformation.T @ deformation)
    return vectors * np.sqrt(values) @ vectors.T
