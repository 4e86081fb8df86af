"""Strains about the mean cell of a run: thermal expansion and isothermal elastic constants.

A deformation gradient is split into the mean cell and a small strain, ``F = (1 + e) <F>``. What e does is made
symmetric under the rotations that the mean cell keeps: in a cubic phase the expansion is one number.
"""

from dataclasses import dataclass

import numpy as np

from anharmonic.analysis.metric import kept_rotations
from anharmonic.analysis.responses import temperature_derivative
from anharmonic.analysis.statistics import correlation_time, jackknife_error
from anharmonic.conventions import BOLTZMANN, GPA, VOIGT, to_voigt
from anharmonic.errors import AnharmonicError

BLOCKS = 20
"""Pieces of a series of which one at a time is left out, for errors of what is no mean."""

ENGINEERING = np.array([1, 1, 1, 2, 2, 2])
"""Voigt strains count shears twice."""


@dataclass(frozen=True)
class ElasticConstants:
    """Second derivatives of the free energy by strain, Voigt order of `anharmonic.conventions`.

    Attributes
    ----------
    stiffness : ndarray, shape (6, 6), GPa
    error : ndarray, shape (6, 6), GPa
        Standard errors; zeros where there is no noise.
    correlation_time : float
        Longest of the strains, in samples; 0 where there is no noise.
    n_samples : int
    """

    stiffness: np.ndarray
    error: np.ndarray
    correlation_time: float = 0.0
    n_samples: int = 0

    @property
    def is_short(self):
        """Whether a piece that is left out for the errors is shorter than two correlation times."""
        return self.n_samples < 2 * BLOCKS * self.correlation_time

    @property
    def smallest_eigenvalue(self):
        """Of the stiffness (GPa), Voigt strains made a vector of unit length; positive in a stable crystal (Born)."""
        scale = np.sqrt(ENGINEERING)
        return float(np.linalg.eigvalsh(self.stiffness * np.outer(scale, scale))[0])

    @property
    def is_stable(self):
        """Born's criterion: every strain costs energy (Mouhat and Coudert, Phys. Rev. B 90, 224104 (2014), eq. 2)."""
        return self.smallest_eigenvalue > 0

    @property
    def bulk_modulus(self):
        """Of a crystal under hydrostatic pressure (Reuss), GPa."""
        return float(1 / np.linalg.inv(self.stiffness)[:3, :3].sum())


def strains(deformation):
    """Symmetric strains about the mean cell, shape (n_samples, 3, 3).

    Parameters
    ----------
    deformation : array_like, shape (n_samples, 3, 3)
        F.
    """
    deformation = np.asarray(deformation, float)
    found = deformation @ np.linalg.inv(deformation.mean(axis=0)) - np.eye(3)
    return 0.5 * (found + np.swapaxes(found, 1, 2))


def thermal_expansion(crystal, deformation, enthalpy, temperature):
    """Thermal expansion tensor from the covariance of strain and enthalpy.

    Parameters
    ----------
    crystal : Crystal
        The reference.
    deformation : array_like, shape (n_samples, 3, 3)
    enthalpy : array_like, shape (n_samples,)
        eV of the supercell.
    temperature : float
        K.

    Returns
    -------
    Estimate
        Of alpha, components in Voigt order (shears counted once), 1/K, in the frame of the reference.
    """
    rotations = kept_rotations(crystal, deformation)
    symmetric = to_voigt(_averaged(strains(deformation), rotations))
    return temperature_derivative(symmetric, enthalpy, temperature)


def elastic_constants(crystal, deformation, volume, temperature):
    """Isothermal elastic constants from the fluctuations of the strain.

    ``C^-1 = <V> <e e> / kT`` (Parrinello and Rahman, J. Chem. Phys. 76, 2662 (1982), eq. 2.12; Gusev, Zehnder and
    Suter, Phys. Rev. B 54, 1 (1996)), made symmetric under the rotations that the mean cell keeps. Under a pressure
    they are derivatives of the free enthalpy. Errors are those of a jackknife over `BLOCKS` pieces of the run.

    Parameters
    ----------
    crystal : Crystal
        The reference.
    deformation : array_like, shape (n_samples, 3, 3)
        Of a cell that is free to take all six strains.
    volume : float
        Mean volume of the supercell (A^3).
    temperature : float
        K.

    Raises
    ------
    AnharmonicError
        If the series is shorter than two samples for each piece, or the cell was not free.
    """
    e = strains(deformation)
    if len(e) < 2 * BLOCKS:
        raise AnharmonicError(f"elastic constants take {2 * BLOCKS} samples of the cell, found {len(e)}")
    if (e.std(axis=0) < 1e-9).any():
        raise AnharmonicError("elastic constants take a cell with all six strains free: cell full")
    rotations = kept_rotations(crystal, deformation)
    pieces = np.array_split(np.concatenate([np.ones((len(e), 1)), e.reshape(-1, 9)], axis=1), BLOCKS)
    sums = np.stack([piece.T @ piece for piece in pieces])
    scale = volume / (BOLTZMANN * temperature)
    whole = _stiffness(sums.sum(axis=0), rotations, scale)
    without = np.stack([_stiffness(sums.sum(axis=0) - piece, rotations, scale) for piece in sums])
    unbiased = BLOCKS * whole - (BLOCKS - 1) * without.mean(axis=0)
    longest = float(correlation_time(to_voigt(e)).max())
    return ElasticConstants(unbiased / GPA, jackknife_error(without) / GPA, longest, len(e))


def _stiffness(sums, rotations, scale):
    """Stiffness (6, 6), eV/A^3, from sums over samples of products of (1, e) (10, 10)."""
    mean = sums[0, 1:] / sums[0, 0]
    tensor = (sums[1:, 1:] / sums[0, 0] - np.outer(mean, mean)).reshape(3, 3, 3, 3)
    turned = np.einsum("gia,gjb,gkc,gld,abcd->ijkl", *[rotations] * 4, tensor, optimize=True) / len(rotations)
    rows, columns = np.array(VOIGT).T
    compliance = scale * turned[rows, columns][:, rows, columns] * np.outer(ENGINEERING, ENGINEERING)
    return np.linalg.inv(compliance)


def _averaged(tensors, rotations):
    """Mean over rotations (g, 3, 3) of turned tensors (n, 3, 3)."""
    return np.einsum("gia,gjb,nab->nij", rotations, rotations, tensors, optimize=True) / len(rotations)
