"""Directions in which surfaces are looked for: Lebedev rules, and which of their rays symmetry leaves distinct."""

from functools import cache
from itertools import permutations, product

import numpy as np
from scipy.integrate import lebedev_rule
from scipy.spatial import cKDTree

from anharmonic.errors import AnharmonicError

SAME = 1e-6
"""Largest difference between equal rotations."""


@cache
def lebedev(order):
    """Directions (n, 3) and their solid angles (n,) of a Lebedev rule; symmetric under the cubic group.

    Raises
    ------
    AnharmonicError
        If there is no rule of this order.
    """
    try:
        points, weights = lebedev_rule(order)
    except NotImplementedError as error:
        raise AnharmonicError(f"there is no Lebedev rule of order {order}: {error}") from None
    return points.T.astype(np.float32), weights.astype(np.float32)


def distinct_rays(order, group):
    """Rays of a Lebedev rule of which none is the image of another, and the solid angles of all their images.

    Parameters
    ----------
    order : int
    group : tuple of int
        Operations of the cubic group (`cube`), which together are the symmetry of a site or a part of it.

    Returns
    -------
    directions : ndarray, shape (n, 3)
    solid_angles : ndarray, shape (n,)
    """
    directions, angles = lebedev(order)
    first = _images(order)[list(group)].min(axis=0)
    own, place = np.unique(first, return_inverse=True)
    return directions[own], np.bincount(place, angles).astype(np.float32)


@cache
def cube():
    """The 48 operations (48, 3, 3) of the cube, under which Lebedev rules are symmetric."""
    signs = np.array(list(product((1, -1), repeat=3)))
    return np.array([np.eye(3, dtype=int)[list(p)] * s for p in permutations(range(3)) for s in signs])


@cache
def _images(order):
    """Numbers (48, n) of the rays that those of a Lebedev rule are taken to."""
    directions = lebedev(order)[0]
    tree = cKDTree(directions)
    return np.array([tree.query(directions @ operation.T)[1] for operation in cube()])


def cubic_operations(rotations):
    """Numbers of the operations of the `cube` that are among some rotations (n, 3, 3)."""
    same = abs(cube()[:, None] - rotations).max(axis=(2, 3)) < SAME
    return tuple(np.flatnonzero(same.any(axis=1)).tolist())


def padded(rays, length):
    """Directions (sites, length, 3) and solid angles (sites, length), where too few with solid angles of 0."""
    directions = np.broadcast_to(np.array([0, 0, 1], np.float32), (len(rays), length, 3)).copy()
    angles = np.zeros((len(rays), length), np.float32)
    for k, (own, shares) in enumerate(rays):
        directions[k, : len(own)], angles[k, : len(own)] = own, shares
    return directions, angles
