"""The reciprocal half of the descriptor: properties of the sites summed over planes, and the reciprocal lattice.

Eq. 1 of Chenebuah, Nganbe and Tchagang (2023), S_hkl = sum over the atoms j of -0.5 i Q_j ln exp(i phi_j) with
phi_j = 2 pi (h x_j + k y_j + l z_j), takes the logarithm of a phase. It may be read in three ways:

- "structure_factor": no logarithm, S_hkl = sum_j Q_j exp(i phi_j). As S of -h-k-l is the complex conjugate, the real
  part stands at one plane of each pair and the imaginary part at the other: 57 numbers, nothing is lost;
- "principal": the logarithm as it is defined, 0.5 Q_j times the phase between -pi (excluded) and pi;
- "linear": the logarithm undone, pi Q_j (h x_j + k y_j + l z_j), as the authors' public code has it.

The first is the default, because it alone is a function of the crystal: "linear" changes when an atom is named by its
neighbour in the next cell, "principal" jumps by pi where an atom passes 1/2, and there most atoms of a perovskite are.
"""

import numpy as np

from anharmonic.errors import AnharmonicError
from anharmonic.screening.generator.layout import PLANES

READINGS = "structure_factor", "principal", "linear"
EDGE = 1e-9
"""Within which a phase of -pi is pi, in units of 2 pi."""


def fourier_sums(vectors, coordinates, reading="structure_factor"):
    """Fourier sums of vectors on sites.

    Parameters
    ----------
    vectors : ndarray, shape (n_atoms, n)
        Such as the one-hot properties.
    coordinates : ndarray, shape (n_atoms, 3)
        Fractional.
    reading : str
        One of `READINGS`.

    Returns
    -------
    ndarray, shape (n, 57)

    Raises
    ------
    AnharmonicError
        If there is no such reading.
    """
    turns = np.asarray(coordinates) @ PLANES.T
    if reading == "structure_factor":
        weights = np.where(_first_of_pair(), np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns))
    elif reading == "principal":
        weights = np.pi * (turns - np.ceil(turns - 0.5 - EDGE))
    elif reading == "linear":
        weights = np.pi * turns
    else:
        raise AnharmonicError(f"readings of eq. 1 are {', '.join(READINGS)}; found {reading!r}")
    return np.asarray(vectors).T @ weights


def reciprocal_lattice(cell):
    """Reciprocal vectors and the planes.

    Parameters
    ----------
    cell : ndarray, shape (3, 3)
        Rows, A.

    Returns
    -------
    vectors : ndarray, shape (3, 3)
        Rows b_i with a_i b_j = 2 pi delta_ij, 1/A.
    lengths : ndarray, shape (57,)
        |G|, 1/A, for axes of any angles.
    distances : ndarray, shape (57,)
        2 pi / |G|, A; 0 of (000), which is no plane.
    """
    vectors = 2 * np.pi * np.linalg.inv(cell).T
    lengths = np.linalg.norm(PLANES @ vectors, axis=1)
    distances = np.divide(2 * np.pi, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    return vectors, lengths, distances


def _first_of_pair():
    """Mask (57,) of (000) and of one of each pair hkl, -h-k-l: whose first index that is not 0 is positive."""
    leading = np.sign(PLANES) @ [9, 3, 1]
    return leading >= 0
