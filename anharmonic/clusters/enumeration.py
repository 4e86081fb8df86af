"""Which clusters a crystal has: by cutoff, by chains of bonds, and as coordination polyhedra."""

from itertools import combinations

import numpy as np

from anharmonic.clusters.orbit import distinct_orbits
from anharmonic.errors import AnharmonicError

SHELL_TOLERANCE = 1e-2
POLYHEDRA = {"tetrahedron": 4, "octahedron": 6, "cube": 8, "cuboctahedron": 12}
KINDS = {2: "pair", 3: "triplet", 4: "quadruplet"}


def neighbours(crystal, site, cutoff):
    """Sites ``[(distance, site, offset), ...]`` within `cutoff` (A) of `site`, nearest first."""
    heights = 1 / np.linalg.norm(np.linalg.inv(crystal.cell), axis=0)
    reach = [np.arange(-n, n + 1) for n in np.ceil(cutoff / heights).astype(int) + 1]
    offsets = np.stack(np.meshgrid(*reach, indexing="ij"), -1).reshape(-1, 3)
    found = []
    for other in range(crystal.n_sites):
        vectors = (crystal.positions[other] + offsets - crystal.positions[site]) @ crystal.cell
        distances = np.linalg.norm(vectors, axis=1)
        keep = (distances < cutoff + SHELL_TOLERANCE) & (distances > 1e-3)
        found += [
            (round(float(d), 6), other, tuple(o)) for d, o in zip(distances[keep], offsets[keep].tolist(), strict=True)
        ]
    return sorted(found)


def clusters_within(crystal, n_points, cutoff):
    """Orbits of clusters of `n_points` sites whose distances are all within `cutoff` (A)."""
    candidates = []
    for site in range(crystal.n_sites):
        near = [(s, o) for _, s, o in neighbours(crystal, site, cutoff)]
        for others in combinations(near, n_points - 1):
            if all(_distance(crystal, a, b) < cutoff + SHELL_TOLERANCE for a, b in combinations(others, 2)):
                candidates.append([(site, (0, 0, 0)), *others])
    return distinct_orbits(crystal, candidates, KINDS[n_points])


def shortest_pairs(crystal, count):
    """The `count` pair orbits of shortest distance."""
    cutoff = 2 * crystal.nearest_distance()
    while len(orbits := clusters_within(crystal, 2, cutoff)) < count:
        cutoff *= 1.3
    return orbits[:count]


def bond_chains(crystal, chain):
    """Triplet orbits of nearest-neighbour bonds, e.g. ``"Pb-Br-Pb"``: one for each angle at the middle."""
    ends = chain.split("-")
    if len(ends) != 3 or not set(ends) <= set(crystal.species):
        raise AnharmonicError(
            f"a triplet is written X-Y-Z with species of {crystal.formula}, middle atom in the middle; found {chain!r}"
        )
    candidates = []
    for middle in _sites_of(crystal, ends[1]):
        first, last = (_nearest_shell(crystal, middle, species) for species in (ends[0], ends[2]))
        pairs = [(a, b) for a in first for b in last if a != b]
        candidates += [[a, (middle, (0, 0, 0)), b] for a, b in pairs]
    return distinct_orbits(crystal, candidates, "triplet")


def polyhedron_orbits(crystal, name):
    """Coordination polyhedra: ``"octahedron"`` (any centre with six nearest of one species) or ``"Pb:Br6"``.

    The cluster is made of the vertices; the centre only selects them.

    Raises
    ------
    AnharmonicError
        If the crystal has no such polyhedron; the message lists those that it has.
    """
    shells = _coordination_shells(crystal)
    chosen = [s for key, s, nearest in shells if key == name or (nearest and len(s) == POLYHEDRA.get(name))]
    if not chosen:
        known = ", ".join(sorted({key for key, _, _ in shells}))
        raise AnharmonicError(f"{crystal.formula} has no polyhedron {name!r}; it has {known}")
    by_count = {count: kind for kind, count in POLYHEDRA.items()}
    return distinct_orbits(crystal, chosen, by_count.get(len(chosen[0]), "polyhedron"))


def _coordination_shells(crystal):
    """``(name, vertices, nearest)`` of the nearest shell of each species around each site, if at least four.

    `nearest` tells that no other species is nearer: the shell is what chemists call the coordination.
    """
    shells = []
    for centre in range(crystal.n_sites):
        near = {species: _nearest_shell(crystal, centre, species) for species in dict.fromkeys(crystal.species)}
        distance = {species: _distance(crystal, (centre, (0, 0, 0)), shell[0]) for species, shell in near.items()}
        for species, shell in near.items():
            if len(shell) >= 4:
                name = f"{crystal.species[centre]}:{species}{len(shell)}"
                shells.append((name, shell, distance[species] < min(distance.values()) + SHELL_TOLERANCE))
    return shells


def _nearest_shell(crystal, site, species):
    """Nearest neighbours of one species around `site`, all at the same distance."""
    cutoff = crystal.nearest_distance() * 1.2
    while not (near := [n for n in neighbours(crystal, site, cutoff) if crystal.species[n[1]] == species]):
        cutoff *= 1.3
    return [(s, o) for d, s, o in near if d < near[0][0] + SHELL_TOLERANCE]


def _sites_of(crystal, species):
    return [i for i, s in enumerate(crystal.species) if s == species]


def _distance(crystal, a, b):
    return np.linalg.norm(crystal.vector(a[0], b[0], np.subtract(b[1], a[1])))
