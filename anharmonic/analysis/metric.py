"""The crystal system of an average strain: which rotations of the reference crystal it keeps."""

import numpy as np

from anharmonic.analysis.statistics import estimate

STRAIN_SIGMAS = 4.0
"""A rotation is broken if it changes the mean strain by more than this many standard errors ..."""

STRAIN_MINIMUM = 0.002
"""... and by more than this strain: smaller ones are not told from thermal strain in boxes of about 8x8x8 cells."""

FOLDS = {3: 1, -1: 2, 0: 3, 1: 4, 2: 6}
"""Fold of a proper rotation by its trace."""


def crystal_system(crystal, deformation):
    """Name the crystal system of the average lattice.

    Parameters
    ----------
    crystal : Crystal
        The reference.
    deformation : array_like, shape (n_samples, 3, 3)
        Series of deformation gradients F.

    Returns
    -------
    str
        cubic, hexagonal, rhombohedral (trigonal where the reference is hexagonal or trigonal
        without being rhombohedral), tetragonal, orthorhombic, monoclinic or triclinic.
    """
    kept = _kept_operations(crystal, estimate(_strain(deformation)))
    name = _system_of_rotations(crystal.space_group.rotations[kept])
    whole = _system_of_rotations(crystal.space_group.rotations)
    is_rhombohedral = whole == "cubic" or crystal.space_group.symbol.startswith("R")
    return "rhombohedral" if name == "trigonal" and is_rhombohedral else name


def kept_rotations(crystal, deformation):
    """Cartesian rotations (n, 3, 3) of the reference that leave the mean strain of a series as it is."""
    kept = _kept_operations(crystal, estimate(_strain(deformation)))
    return crystal.space_group.cartesian_rotations(crystal.cell)[kept]


def _strain(deformation):
    """Green-Lagrange strain of deformation gradients (n_samples, 3, 3)."""
    deformation = np.asarray(deformation, float)
    return (np.swapaxes(deformation, -1, -2) @ deformation - np.eye(3)) / 2


def _kept_operations(crystal, strain):
    """Operations that leave the mean strain as it is, within its error: a group, shape (n_operations,), bool."""
    rotations = crystal.space_group.cartesian_rotations(crystal.cell)
    change = np.abs(rotations @ strain.mean @ np.swapaxes(rotations, 1, 2) - strain.mean).max((1, 2))
    tolerance = max(STRAIN_MINIMUM, STRAIN_SIGMAS * strain.error.max())
    # "equal within a tolerance" need not close to a group: tighten until it does
    while not _is_group(crystal.space_group.rotations[kept := change <= max(tolerance, 1e-9)]) and tolerance > 1e-9:
        tolerance *= 0.8
    return kept


def _is_group(rotations):
    elements = {tuple(w.ravel()) for w in rotations}
    products = np.einsum("aij,bjk->abik", rotations, rotations).reshape(-1, 9)
    return {tuple(w) for w in products} == elements


def _system_of_rotations(rotations):
    """Crystal system of a point group given by its integer rotation matrices."""
    proper = rotations * np.round(np.linalg.det(rotations)).astype(int)[:, None, None]
    distinct = np.unique(proper.reshape(-1, 9), axis=0)
    folds = [FOLDS[int(w[0] + w[4] + w[8])] for w in distinct]
    if folds.count(3) > 2:
        return "cubic"
    for fold, name in ((6, "hexagonal"), (4, "tetragonal"), (3, "trigonal")):
        if fold in folds:
            return name
    return {0: "triclinic", 1: "monoclinic"}.get(folds.count(2), "orthorhombic")
