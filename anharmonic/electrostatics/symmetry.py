"""Tensors of sites under the space group of a crystal."""

import numpy as np


def symmetrised(crystal, tensors):
    """Mean (n_sites, 3, 3) of the images of tensors on the sites under all operations."""
    group, rotations = crystal.space_group, crystal.space_group.cartesian_rotations(crystal.cell)
    turned = np.einsum("nab,sbc,ndc->nsad", rotations, tensors, rotations, optimize=True)
    total = np.zeros_like(turned[0])
    for images, site_map in zip(turned, group.site_map, strict=True):
        total[site_map] += images
    return total / len(group)


def symmetrised_tensor(crystal, tensor):
    """Mean (3, 3) of the images of a tensor of the whole crystal."""
    rotations = crystal.space_group.cartesian_rotations(crystal.cell)
    tensor = np.einsum("nab,bc,ndc->ad", rotations, tensor, rotations) / len(rotations)
    return 0.5 * (tensor + tensor.T)


def charge_modes(crystal):
    """All sets of charges that symmetry allows and that add up to zero, as an orthonormal basis.

    Returns
    -------
    ndarray, shape (n_modes, n_sites, 3, 3)
    """
    n = crystal.n_sites
    units = np.eye(9 * n).reshape(-1, n, 3, 3)
    allowed = np.array([symmetrised(crystal, unit - unit.sum(0) / n).ravel() for unit in units])
    _, sizes, modes = np.linalg.svd(allowed)
    return modes[: np.count_nonzero(sizes > 1e-8)].reshape(-1, n, 3, 3)
