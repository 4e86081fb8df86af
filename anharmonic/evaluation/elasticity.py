"""Elastic constants at 0 K: second derivatives of the energy by strain, atoms relaxed at every strain."""

import numpy as np

from anharmonic.conventions import VOIGT
from anharmonic.errors import AnharmonicError
from anharmonic.evaluation.hessian import second_derivatives

RESIDUAL_STRESS = 2e-4
"""Stresses (eV/A^3, 0.03 GPa) up to which a state counts as free of stress."""

SOFTEST = -1e-3
"""Curvatures (eV/A^2) below this are those of a saddle point, not rounding of the three translations."""


def strain_basis():
    """Symmetric matrices (6, 3, 3) of unit Voigt strains, shears counted twice."""
    basis = np.zeros((6, 3, 3))
    for k, (i, j) in enumerate(VOIGT):
        basis[k, i, j] += 0.5
        basis[k, j, i] += 0.5
    return basis


def elastic_stiffness(potential, configuration, relaxed=True):
    """Elastic constants of a stress-free state.

    ``C = (E_ee - E_eu E_uu^-1 E_ue) / V`` from the exact second derivatives of the energy by strains e and
    displacements u (Born and Huang, Dynamical Theory of Crystal Lattices, section 11; Wu, Vanderbilt and Hamann,
    Phys. Rev. B 72, 035105 (2005), eq. 13).

    Parameters
    ----------
    potential : Potential
    configuration : Configuration
        A relaxed state; see `anharmonic.potential.relaxation.relax`.
    relaxed : bool
        Whether the atoms follow the strain; else they keep their fractional coordinates.

    Returns
    -------
    ndarray, shape (6, 6), eV/A^3
        Voigt order of `anharmonic.conventions`, axes of the reference frame.

    Raises
    ------
    AnharmonicError
        If the state is under stress, or no minimum for its atoms.
    """
    modes = strain_basis() @ configuration.deformation
    hessian, slope, _ = second_derivatives(potential, configuration, modes)
    volume, n = configuration.volume, configuration.displacements.size
    stress = abs(slope[n:]).max() / volume
    if stress > RESIDUAL_STRESS:
        raise AnharmonicError(
            f"elastic constants belong to a relaxed cell; found a stress of {stress:.2g} eV/A^3: relax the structure"
        )
    by_strain = hessian[n:, n:]
    if relaxed:
        values, vectors = np.linalg.eigh(hessian[:n, :n])
        if values[0] < SOFTEST:
            raise AnharmonicError(
                f"elastic constants with relaxed atoms belong to a minimum; found a saddle point with a curvature of "
                f"{values[0]:.2g} eV/A^2: take a relaxed phase, or clamped atoms"
            )
        kept = np.argsort(abs(values))[3:]  # without the three translations
        coupled = vectors[:, kept].T @ hessian[:n, n:]
        by_strain = by_strain - coupled.T @ (coupled / values[kept, None])
    return 0.5 * (by_strain + by_strain.T) / volume
