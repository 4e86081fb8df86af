"""Clusters of sites and their orbits under the space group."""

from dataclasses import dataclass

import numpy as np
from ase.formula import Formula


@dataclass(frozen=True)
class Orbit:
    """All clusters of a crystal that are symmetrically equivalent to a prototype.

    Each cluster of one reference cell is listed once. Its sites stand in the order
    in which an operation of the space group carries the sites of the prototype onto
    it, so that every function of the prototype applies to every cluster as it is.

    Attributes
    ----------
    label : str
        Kind, species and longest distance, e.g. ``"pair Pb-Br 2.93"``.
    kind : str
        ``"pair"``, ``"triplet"``, ``"quadruplet"``, or the name of a polyhedron.
    sites : ndarray, shape (n_clusters, n_points), int
    offsets : ndarray, shape (n_clusters, n_points, 3), int
        Cell of each site relative to the cluster's own cell.
    positions : ndarray, shape (n_points, 3)
        Cartesian positions (A) of the prototype's sites.
    permutations : ndarray, shape (n_operations, n_points), int
        Site of the prototype that each site is mapped to by its point group.
    rotations : ndarray, shape (n_operations, 3, 3)
        Cartesian rotations of the same operations.
    """

    label: str
    kind: str
    sites: np.ndarray
    offsets: np.ndarray
    positions: np.ndarray
    permutations: np.ndarray
    rotations: np.ndarray

    @property
    def n_clusters(self):
        """Multiplicity: clusters of this orbit per reference cell."""
        return self.sites.shape[0]

    @property
    def n_points(self):
        """Number of sites of a cluster."""
        return self.sites.shape[1]


def orbit_of(crystal, sites, kind):
    """Orbit of the cluster ``[(site, offset), ...]`` under the space group of `crystal`."""
    group = crystal.space_group
    home, key = _canonical([(s, tuple(o)) for s, o in sites])
    clusters, permutations, operations = {key: home}, [], []
    for operation in range(len(group)):
        index, offsets = group.apply(operation, home)
        image, image_key = _canonical(list(zip(index.tolist(), map(tuple, offsets.tolist()), strict=True)))
        clusters.setdefault(image_key, image)
        if image_key == key:
            permutations.append([home.index(site) for site in image])
            operations.append(operation)
    members = list(clusters.values())
    return Orbit(
        label=_label(crystal, home, kind),
        kind=kind,
        sites=np.array([[s for s, _ in member] for member in members]),
        offsets=np.array([[o for _, o in member] for member in members]),
        positions=_cartesian(crystal, home),
        permutations=np.array(permutations),
        rotations=group.cartesian_rotations(crystal.cell)[operations],
    )


def distinct_orbits(crystal, candidates, kind):
    """Orbits of many candidate clusters, each orbit once, shortest clusters first."""
    orbits, seen = [], set()
    for sites in candidates:
        if cluster_key(sites) in seen:
            continue
        orbit = orbit_of(crystal, sites, kind)
        seen.update(cluster_key(zip(s, o, strict=True)) for s, o in zip(orbit.sites, orbit.offsets, strict=True))
        orbits.append(orbit)
    return sorted(orbits, key=lambda o: (round(_extent(o.positions), 6), o.sites[0].tolist(), o.n_clusters))


def cluster_key(sites):
    """Hashable identity of a cluster, independent of site order and lattice translations."""
    return _canonical([(int(s), tuple(int(x) for x in o)) for s, o in sites])[1]


def _canonical(sites):
    """The cluster moved to its home cell (order kept) and its key."""
    first = min(s for s, _ in sites)
    options = []
    for anchor in (o for s, o in sites if s == first):
        moved = [(s, tuple(a - b for a, b in zip(o, anchor, strict=True))) for s, o in sites]
        options.append((tuple(sorted(moved)), moved))
    key, moved = min(options)
    return moved, key


def _cartesian(crystal, sites):
    index, offsets = [s for s, _ in sites], np.array([o for _, o in sites])
    return (crystal.positions[index] + offsets) @ crystal.cell


def _extent(positions):
    return np.linalg.norm(positions[:, None] - positions[None], axis=-1).max()


def _label(crystal, sites, kind):
    species = [crystal.species[s] for s, _ in sites]
    species = "-".join(species) if len(sites) < 5 else Formula.from_list(species).format("hill")
    return f"{kind} {species} {_extent(_cartesian(crystal, sites)):.2f}"
