"""Lattice parameters of the strained reference cell: pseudo-cubic ones where the reference is cubic."""

import numpy as np


def lattice_parameters(crystal, deformation):
    """Lengths (A) of the reference cell's own vectors under deformation gradients F.

    Parameters
    ----------
    crystal : Crystal
    deformation : array_like, shape (..., 3, 3)

    Returns
    -------
    ndarray, shape (..., 3), A
        ``|F a_k|``.
    """
    return np.linalg.norm(_strained_vectors(crystal, deformation), axis=-1)


def lattice_angles(crystal, deformation):
    """Angles alpha, beta, gamma (degrees) of the strained reference cell, shape (..., 3)."""
    vectors = _strained_vectors(crystal, deformation)
    units = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    cosines = (units[..., [1, 2, 0], :] * units[..., [2, 0, 1], :]).sum(-1)
    return np.degrees(np.arccos(np.clip(cosines, -1, 1)))


def _strained_vectors(crystal, deformation):
    return np.einsum("...ij,kj->...ki", np.asarray(deformation, float), crystal.cell)
