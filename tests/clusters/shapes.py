"""Clusters with cubic operations, for the tests in this folder."""

from itertools import permutations, product

import numpy as np

CUBIC = np.array(
    [np.eye(3)[list(p)] * np.array(s)[:, None] for p in permutations(range(3)) for s in product([1, -1], repeat=3)]
)
SHAPES = {
    "pair": (np.array([[0, 0, 0], [0, 0, 2.9]]), ["Pb", "Br"]),
    "triplet": (2.93 * np.array([[-1.0, 0, 0], [0, 0, 0], [1, 0, 0]]), ["Pb", "Br", "Pb"]),
    "triangle": (3.0 * np.eye(3), ["Br"] * 3),
    "square": (3.0 * np.array([[1.0, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0]]), ["Br"] * 4),
    "tetrahedron": (2.0 * np.array([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]), ["Br"] * 4),
    "octahedron": (2.93 * np.concatenate([np.eye(3), -np.eye(3)])[[0, 3, 1, 4, 2, 5]], ["Br"] * 6),
    "cuboctahedron": (
        2.93 * np.array([p for p in product([-1.0, 0, 1], repeat=3) if np.abs(p).sum() == 2]),
        ["Br"] * 12,
    ),
}


def cluster(name, order=None):
    """Positions, permutations, rotations of a shape under all cubic operations that preserve it."""
    positions, species = SHAPES[name]
    return operations(positions if order is None else positions[order], species, CUBIC)


def operations(positions, species, rotations):
    """The given rotations that map the cluster onto itself: positions, permutations, rotations."""
    centred, species = positions - positions.mean(axis=0), np.array(species)
    found = []
    for rotation in rotations:
        distances = np.linalg.norm((centred @ rotation.T)[:, None] - centred, axis=-1)
        image = distances.argmin(axis=1)
        if distances.min(axis=1).max() < 1e-4 and (species[image] == species).all():
            found.append((image, rotation))
    return positions, np.array([image for image, _ in found]), np.array([rotation for _, rotation in found])
