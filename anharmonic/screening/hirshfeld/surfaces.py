"""Atomic Hirshfeld surfaces in a crystal: where half of the density of free atoms comes from one atom.

Spackman and Jayatilaka, CrystEngComm 11, 19 (2009); of atoms: Williams, Mukherjee and Rajan, J. Phys. Chem. Lett. 11,
7462 (2020). On rays from the nucleus the weight rho_i / sum_j rho_j falls through 1/2; a ray that is cut more than once
(a surface that is not star-shaped) gives a point for every cut, one that is never cut is open.
"""

from dataclasses import dataclass
from functools import partial
from itertools import chain

import jax
import jax.numpy as jnp
import numpy as np
from ase import Atoms

from anharmonic.crystal.symmetry import site_symmetries, standardise
from anharmonic.screening.descriptors.neighbours import spheres
from anharmonic.screening.entries import check_structure
from anharmonic.screening.hirshfeld.densities import density_table, log_density
from anharmonic.screening.hirshfeld.rays import cubic_operations, distinct_rays, lebedev, padded

LEAST, MOST = 64, 96
"""Atoms around a site whose densities are counted: whole shells, as symmetry wants; at 64 volumes are within 0.2 %."""
SHELL = 1e-3
"""Least distance (A) between two shells."""
NEAREST, FARTHEST, SCAN = 0.3, 4.5, 19
"""Distances (A) from the nucleus between which, and number of points at which, a cut is looked for."""
CUTS, STEPS = 3, 7
"""Most cuts of a ray, and steps of regula falsi (Illinois) for each, which end at the rounding of float32."""
BATCHES = (1, 4, 16)
"""Numbers of sites that are computed together."""
FLATTEST = 0.05
"""Least cosine between a ray and the normal, which bounds the area of a grazing ray."""
SYMPREC = 1e-3


@dataclass(frozen=True)
class Surface:
    """The surface of one kind of site.

    Attributes
    ----------
    number : int
        Atomic number.
    multiplicity : int
        Sites of this kind in the primitive cell.
    inner, outer : ndarray, shape (n,)
        Distances (A) of the points to the nucleus inside, and to the nearest one outside.
    areas : ndarray, shape (n,)
        A^2 that each point stands for; 0 where a ray has no cut.
    volume : float
        Inside the surface, A^3.
    open : float
        Share of the directions in which the surface has no end within 4.5 A.
    folded : float
        Share of the directions in which it is cut more than once.
    """

    number: int
    multiplicity: int
    inner: np.ndarray
    outer: np.ndarray
    areas: np.ndarray
    volume: float
    open: float
    folded: float


def standard_cell(atoms):
    """The primitive cell in spglib's standard orientation: the same whatever the cell, origin and orientation given.

    Raises
    ------
    AnharmonicError
        If the structure is none, or its symmetry cannot be found.
    """
    check_structure(atoms)
    cell, positions, numbers = standardise(atoms, primitive=True, symprec=SYMPREC)
    return Atoms(numbers, cell=cell, scaled_positions=positions, pbc=True)


def surfaces(atoms, order=35):
    """Hirshfeld surfaces of all kinds of sites.

    Parameters
    ----------
    atoms : ase.Atoms
    order : int
        Of the Lebedev rule that the directions of the rays are: 434 of them with 35.

    Returns
    -------
    list of Surface
    """
    return surfaces_of_sites([standard_sites(atoms)], order)[0]


def surfaces_of_sites(structures, order=35):
    """Hirshfeld surfaces of structures whose sites are computed together.

    Parameters
    ----------
    structures : sequence of tuples
        Of `standard_sites`.
    order : int

    Returns
    -------
    list of list of Surface
    """
    if not structures:
        return []
    *sites, groups = (list(chain.from_iterable(parts)) for parts in zip(*structures, strict=True))
    sites = [np.array(part) for part in sites]
    rays = [distinct_rays(order, group) for group in groups]
    every, found = len(lebedev(order)[1]), [None] * len(rays)
    lengths = np.array([next(s for s in (every // 8, every // 3, every) if s >= len(r[1])) for r in rays])
    for length in np.unique(lengths):
        alike = np.flatnonzero(lengths == length)
        for begin in range(0, len(alike), BATCHES[-1]):
            own = alike[begin : begin + BATCHES[-1]]
            for k, surface in zip(own, _surfaces(sites, rays, own, length), strict=True):
                found[k] = surface
    ends = np.cumsum([len(parts[0]) for parts in structures])
    return [found[end - len(parts[0]) : end] for parts, end in zip(structures, ends, strict=True)]


def _surfaces(sites, rays, chosen, length):
    """Surfaces of some sites, whose rays are padded to a length; those that are folded get all their cuts."""
    size = next(b for b in BATCHES if b >= len(chosen))
    batch = [part[np.resize(chosen, size)] for part in sites]
    rays = padded([rays[k] for k in np.resize(chosen, size)], length)
    own, counts, *places = batch
    parts = [np.asarray(part, float) for part in _cut(density_table(), own, *places, *rays, n_cuts=1)]
    found = []
    for k in range(len(chosen)):
        radii, outer, areas, wedges, cuts = (part[k] for part in parts)
        if (cuts > 1).any():
            again = _cut(density_table(), *(x[k : k + 1] for x in (own, *places, *rays)), n_cuts=CUTS)
            radii, outer, areas, wedges, _ = (np.asarray(part, float)[0] for part in again)
        weight = rays[1][k] / rays[1][k].sum()
        found.append(Surface(
            int(own[k]), int(counts[k]), radii.ravel(), outer.ravel(), areas.ravel(),
            float(wedges.sum()), float(weight @ (cuts == 0)), float(weight @ (cuts > 1)),
        ))  # fmt: skip
    return found


def standard_sites(atoms):
    """What the surfaces of a crystal follow from: the kinds of sites of its `standard_cell`.

    Returns
    -------
    numbers, counts : ndarray, shape (n_kinds,)
        Atomic numbers, and sites of each kind.
    vectors, around : ndarray, shapes (n_kinds, MOST, 3) and (n_kinds, MOST)
        To the atoms in the nearest shells (A), and their atomic numbers.
    groups : list of tuple of int
        Which operations of the `cube` leave the surroundings as they are.

    Raises
    ------
    AnharmonicError
        As `standard_cell`.
    """
    atoms = standard_cell(atoms)
    cell = atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers
    equivalent, rotations = site_symmetries(*cell, SYMPREC)
    kinds, counts = np.unique(equivalent, return_counts=True)
    groups = [cubic_operations(rotations[k]) for k in kinds]
    return atoms.numbers[kinds], counts, *_surroundings(atoms, kinds), groups


def _surroundings(atoms, kinds):
    """Vectors (n_kinds, MOST, 3) to the atoms in the nearest shells around some sites, and their numbers."""
    i, j, d, v = spheres(atoms, MOST + 1, "ijdD")
    vectors, numbers = np.full((len(kinds), MOST, 3), 1e3, np.float32), np.ones((len(kinds), MOST), int)
    for k, site in enumerate(kinds):
        own = np.flatnonzero(i == site)
        own = own[np.argsort(d[own], kind="stable")]
        gaps = LEAST + np.flatnonzero(np.diff(d[own][LEAST - 1 : MOST + 1]) > SHELL)
        own = own[: gaps[0] if len(gaps) else MOST]
        vectors[k, : len(own)], numbers[k, : len(own)] = v[own], atoms.numbers[j[own]]
    return vectors, numbers


@partial(jax.jit, static_argnames="n_cuts")
def _cut(table, own, places, numbers, rays, angles, n_cuts):
    """Radii, distances outside, areas and volumes (sites, rays, n_cuts) of the cuts; their number (sites, rays)."""

    def site(arguments):
        number, vectors, around, directions, solid_angles = arguments
        excess = partial(_excess, table, number, vectors, around)
        radii, rising, cuts = _cuts(lambda radii: excess(radii[:, None] * directions, radii), len(directions), n_cuts)
        points = radii[..., None] * directions[:, None]
        slope = jax.grad(lambda p: excess(p.reshape(-1, 3), jnp.linalg.norm(p, axis=-1).ravel()).sum())(points)
        along = jnp.abs((slope * directions[:, None]).sum(-1)) / jnp.linalg.norm(slope, axis=-1)
        real = jnp.arange(n_cuts) < cuts[:, None]
        outer = jnp.sqrt(((points[:, :, None] - vectors) ** 2).sum(-1).min(-1))
        areas = jnp.where(real, solid_angles[:, None] * radii**2 / jnp.maximum(along, FLATTEST), 0.0)
        wedges = jnp.where(real, jnp.where(rising, -1.0, 1.0) * solid_angles[:, None] * radii**3 / 3, 0.0)
        return radii, outer, areas, wedges, cuts

    return jax.lax.map(site, (own, places, numbers, rays, angles))


def _excess(table, number, vectors, around, points, radii):
    """Logarithm of the ratio of an atom's density to that of all others (n,), at points (n, 3) at these radii (n,)."""
    distances = jnp.sqrt(((points[:, None] - vectors) ** 2).sum(-1))
    others = jnp.exp(log_density(table, around, distances)).sum(-1)
    return log_density(table, number, radii) - jnp.log(others)


def _cuts(excess, n_rays, n_cuts):
    """Radii (rays, n_cuts) where the excess changes sign, whether it rises there, and the number of cuts (rays,)."""
    grid = jnp.linspace(NEAREST, FARTHEST, SCAN)
    values = jax.lax.map(lambda radius: excess(jnp.full(n_rays, radius)), grid).T
    changes = (values[:, 1:] > 0) != (values[:, :-1] > 0)
    first = jnp.argsort(~changes, axis=1, stable=True)[:, :n_cuts]
    left, right = (jnp.take_along_axis(values, first + k, axis=1) for k in (0, 1))

    def narrow(_, bracket):
        low, high, left, right = bracket
        middle = jnp.clip((low * right - high * left) / (right - left), low, high)
        value = jnp.stack([excess(middle[:, k]) for k in range(n_cuts)], axis=1)
        same = (value > 0) == (left > 0)
        return (jnp.where(same, middle, low), jnp.where(same, high, middle),
                jnp.where(same, value, left / 2), jnp.where(same, right / 2, value))  # fmt: skip

    low, high, left_end, right_end = jax.lax.fori_loop(0, STEPS, narrow, (grid[first], grid[first + 1], left, right))
    radii = jnp.clip((low * right_end - high * left_end) / (right_end - left_end), low, high)
    return jnp.where(changes.any(1)[:, None], radii, FARTHEST), left < 0, jnp.minimum(changes.sum(1), CUTS)
