"""Integer matrices that turn the lattice of a crystal into a given, strained and rotated cell.

A cell A (rows) is a deformed supercell when ``A = S P F^T`` with integer S and proper F. In reciprocal space
the rows of ``P^-T = S^T A^-T F`` are few and short whatever the size of the supercell: the columns of S are
Bragg peaks of the structure. Candidates for each column are looked up by the length that a strain could give
them, the best few by how much of a Bragg peak they are; triples are chosen by metric tensors, which know
nothing of rotations.
"""

import numpy as np
from ase.geometry import minkowski_reduce

MAX_COLUMNS = 100  # candidates kept for each column of S


def deformation_gradients(crystal, cell, matrices):
    """F (..., 3, 3) with ``cell = S P F^T`` for supercell matrices S (..., 3, 3); `cell` holds rows (A)."""
    return np.swapaxes(np.linalg.inv(matrices @ crystal.cell) @ cell, -1, -2)


def strain_norms(deformation):
    """Frobenius norms (...) of the Green-Lagrange strains of F (..., 3, 3)."""
    return np.linalg.norm(np.swapaxes(deformation, -1, -2) @ deformation - np.eye(3), axis=(-2, -1)) / 2


def proper_rotations(crystal):
    """Proper rotations of the point group, (g, 3, 3), int: they act on rows of integers from the right."""
    rotations = crystal.space_group.rotations
    return np.swapaxes(rotations[np.linalg.det(rotations) > 0], 1, 2)


def matching_matrices(crystal, cell, n_cells, bound, likeness):
    """List supercell matrices, one of each class under the crystal's proper rotations.

    Parameters
    ----------
    crystal : Crystal
    cell : ndarray, shape (3, 3)
        Row vectors (A), in any orientation and handedness.
    n_cells : int
    bound : float
        Largest norm of the Green-Lagrange strain after scaling to the volume of the crystal, below 0.5.
    likeness : callable
        ``likeness(columns (m, 3), target (3,)) -> (m,)``: large where the structure has at `columns`, in units
        of its reciprocal cell, the Bragg peaks that the crystal has at `target`, in units of its own.

    Returns
    -------
    matrices : ndarray, shape (m, 3, 3), int
        In ascending order of that strain.
    shapes : ndarray, shape (m,)
        That strain of each.
    """
    basis, target = np.linalg.inv(cell).T, np.linalg.inv(crystal.cell).T
    target, operation = minkowski_reduce(target)
    volume_ratio = n_cells * np.linalg.det(basis) / np.linalg.det(target)
    metric = target @ target.T * abs(volume_ratio) ** (2 / 3)
    columns = [_candidates(basis, metric[k, k], bound, likeness, operation[k]) for k in range(3)]
    pairs = _pairs(columns[0], columns[1], basis, metric, bound)
    triples = _triples(pairs, columns[2], n_cells * np.sign(volume_ratio))
    shapes = _metric_strain(triples @ basis, metric)
    order = np.argsort(shapes, kind="stable")[: np.count_nonzero(shapes <= bound)]
    matrices = np.swapaxes(np.round(np.linalg.inv(operation)).astype(int) @ triples[order], 1, 2)
    kept = _one_of_each_class(matrices, proper_rotations(crystal))
    return matrices[kept], shapes[order][kept]


def _candidates(basis, length_squared, bound, likeness, target):
    """Integers (m, 3) of the reciprocal vectors that a strain of at most `bound` could bring to a length."""
    reduced, operation = minkowski_reduce(basis)
    reach = np.sqrt(length_squared / (1 - 2 * bound))
    widths = (reach * np.linalg.norm(np.linalg.inv(reduced), axis=0)).astype(int)
    vectors = np.stack(np.meshgrid(*[np.arange(-w, w + 1) for w in widths]), axis=-1).reshape(-1, 3)
    squares = ((vectors @ reduced) ** 2).sum(1)
    vectors = vectors[(squares >= length_squared / (1 + 2 * bound)) & (squares <= reach**2)] @ operation
    if len(vectors) <= MAX_COLUMNS:
        return vectors
    half = vectors[(vectors @ np.sqrt([2, 3, 5])) > 0]
    best = half[np.argsort(-likeness(half, target), kind="stable")[: MAX_COLUMNS // 2]]
    return np.concatenate([best, -best])


def _pairs(first, second, basis, metric, bound):
    """Pairs of integer vectors (m, 2, 3) whose plane is strained by at most `bound`."""
    pairs = np.stack(np.broadcast_arrays(first[:, None], second[None]), axis=2).reshape(-1, 2, 3)
    pairs = pairs[np.cross(pairs[:, 0], pairs[:, 1]).any(1)]
    return pairs[_metric_strain(pairs @ basis, metric[:2, :2]) <= bound + 1e-9]


def _triples(pairs, third, determinant):
    """Matrices (m, 3, 3) of the given determinant."""
    found = np.cross(pairs[:, 0], pairs[:, 1]) @ third.T
    i, j = np.nonzero(found == round(determinant))
    return np.concatenate([pairs[i], third[j][:, None]], axis=1)


def _metric_strain(vectors, metric):
    """Norm of ``E = (C - 1) / 2`` with ``metric = V C V^T`` for rows V (..., k, 3)."""
    gram = vectors @ np.swapaxes(vectors, -1, -2)
    difference = np.linalg.inv(gram) @ metric - np.eye(len(metric))
    return np.sqrt(np.maximum(np.einsum("...ij,...ji->...", difference, difference), 0)) / 2


def _one_of_each_class(matrices, rotations):
    """Indices, ascending, of one of all matrices (m, 3, 3) that the rotations (g, 3, 3) turn into each other."""
    images = (matrices[:, None] @ rotations[None]).reshape(len(matrices), len(rotations), 9)
    keys = np.round(images @ np.sqrt([2, 3, 5, 7, 11, 13, 17, 19, 23]), 6)
    canonical = np.take_along_axis(images, keys.argmin(1)[:, None, None], axis=1)[:, 0]
    return np.sort(np.unique(canonical, axis=0, return_index=True)[1])
