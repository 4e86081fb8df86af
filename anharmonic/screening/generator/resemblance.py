"""How far a decoded image is from a perovskite: a number that can be differentiated.

Chenebuah et al. compare what they decode with three perovskites and leave it to future work to do so inside the
pipeline. Here a crystal is compared by the sorted distances of each atom to its neighbours on A, B and X, in units of
the cube root of the volume per formula unit: neither the setting nor the order of atoms matters. The standards are
perovskites whose octahedra are not tilted, tilted by 10 degrees about an axis of the cube, and about its diagonal
(a0a0a0, a0a0c-, a-a-a- of A. M. Glazer, Acta Cryst. B 28, 3384 (1972)); the nearest one counts. Whether neighbouring
layers turn alike or not (a0a0c+, a+b-b-) does not show in these distances.
"""

from functools import cache
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.screening.descriptors.reflections import niggli
from anharmonic.screening.generator import layout
from anharmonic.screening.generator.decoding import OCCUPIED

SHELLS = np.array([[6, 8, 12], [8, 6, 6], [4, 2, 8]])
"""Neighbours on A, B, X (columns) of an atom on A, B, X (rows) that are compared: the first shell in the cubic form."""
MOST = int(SHELLS.max())
ANGLE = 10.0
"""Of the tilted standards, degrees."""
AXES = (0, 0, 0), (0, 0, 1), (1, 1, 1)
"""Of the tilts of the standards."""
NEIGHBOURING = np.array(list(product((-1, 0, 1), repeat=3)))
FAR = 1e3
"""Square of a distance (in units as above) of what is not there."""


def dissimilarity(image, standards):
    """Root mean square difference of the distances of neighbours from those of the nearest standard.

    Parameters
    ----------
    image : jax.Array, shape (60, 88, 3)
        In physical units, such as a network decodes it; of a reduced cell, as neighbours are looked for in the cells
        around it alone. Which sites are occupied, and by what, is not differentiated.
    standards : jax.Array, shape (n, 3, 3, 12)
        `standard_distances()`.

    Returns
    -------
    jax.Array, shape ()
        In units of the cube root of the volume per formula unit: 0.01 is some 0.04 A.
    """
    rows = image.reshape(layout.SHAPE[0], -1).T[:, layout.DIRECT]
    direct = {name: rows[own] for name, own in layout.ROWS.items()}
    kinds = jnp.where(direct["sites"].sum(axis=1) > OCCUPIED, direct["sites"].argmax(axis=1), -1)
    return _difference(direct["lattice"], direct["coordinates"], kinds, standards)


def dissimilarity_of(atoms, sites):
    """The same of a crystal (ase.Atoms) with the atomic numbers on A, B and X."""
    atoms = niggli(atoms)
    kinds = np.array([list(sites).index(number) for number in atoms.numbers])
    parts = (np.asarray(part, np.float32) for part in (atoms.cell.array, atoms.get_scaled_positions()))
    return float(_difference(*parts, kinds, standard_distances()))


@cache
def standard_distances():
    """Mean sorted distances (3, 3, 3, 12) of the standards by kind of an atom and of its neighbours."""
    found = np.zeros((len(AXES), 3, 3, MOST), np.float32)
    for number, axis in enumerate(AXES):
        coordinates, kinds = _tilted(axis)
        distances = np.asarray(_distances(2 * np.eye(3, dtype=np.float32), coordinates, kinds))
        for kind in range(3):
            found[number, kind] = distances[kinds == kind].mean(axis=0)
    return found


@jax.jit
def _difference(lattice, coordinates, kinds, standards):
    """Of sites of these kinds (n_sites,), -1 where there is no atom."""
    there = kinds >= 0
    own = jnp.asarray(np.arange(MOST) < SHELLS[..., None])[kinds] & there[:, None, None]
    distances = _distances(lattice, coordinates, kinds)
    squares = jnp.where(own, (distances - standards[:, kinds]) ** 2, 0.0).sum(axis=(1, 2, 3))
    return jnp.sqrt(squares.min() / jnp.maximum(own.sum(), 1) + 1e-12)


def _distances(lattice, coordinates, kinds):
    """Sorted distances (n_sites, 3, 12) of all sites to the nearest atoms of each kind."""
    kinds = jnp.asarray(kinds)
    edge = jnp.cbrt(abs(jnp.linalg.det(lattice)) * 5 / jnp.maximum((kinds >= 0).sum(), 1))
    apart = coordinates[None] - coordinates[:, None]
    apart = apart - jax.lax.stop_gradient(jnp.round(apart))
    apart = (apart[:, :, None] + NEIGHBOURING).reshape(len(kinds), -1, 3)
    squares = ((jax.lax.stop_gradient(apart) @ jax.lax.stop_gradient(lattice / edge)) ** 2).sum(axis=-1)
    itself = np.eye(len(kinds), dtype=bool)[:, :, None] & (NEIGHBOURING == 0).all(axis=1)
    squares = jnp.where(itself.reshape(len(kinds), -1), FAR, squares)
    found = []
    for kind in range(3):
        own = jnp.repeat(kinds == kind, len(NEIGHBOURING))
        negative, chosen = jax.lax.top_k(-jnp.where(own, squares, FAR), MOST)
        vectors = jnp.take_along_axis(apart, chosen[..., None], axis=1) @ (lattice / edge)
        near = jnp.where(negative > -FAR, (vectors**2).sum(axis=-1), FAR)
        found.append(jnp.sqrt(near + 1e-12))
    return jnp.stack(found, axis=1)


def _tilted(axis):
    """Coordinates (40, 3) and kinds (40,) in the doubled cell of octahedra that are turned about the three axes."""
    turn = np.tan(np.radians(ANGLE)) * np.array(axis) / max(np.linalg.norm(axis), 1.0)
    coordinates, kinds = [], []
    for cell in product((0, 1), repeat=3):
        coordinates += [np.array(cell) + 0.5, np.array(cell)]
        coordinates += [cell + 0.5 * bond + 0.5 * (-1) ** sum(cell) * np.cross(turn, bond) for bond in np.eye(3)]
        kinds += [0, 1, 2, 2, 2]
    return np.array(coordinates, np.float32) / 2, np.array(kinds)
