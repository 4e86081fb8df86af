"""Named choices of clusters and orders, from the paper's to the most accurate one: docs/fitting.md measures them.

Cutoffs are in units of the cube root of the volume per atom (0.585 lattice parameters of a perovskite), so that a
preset means as much for another crystal.
"""

from anharmonic.clusters.enumeration import shortest_pairs
from anharmonic.errors import AnharmonicError

PRESETS = {
    "paper": {"pairs": 7, "bridge": True, "polyhedra": ["octahedron"], "order": 2, "metric": "quadratic"},
    "fast": {
        "pairs": 1.94, "bridge": True, "polyhedra": ["octahedron"], "metric": "inverse",
        "order": {"pair": 4, "triplet": 3, "polyhedron": 2},
    },
    "balanced": {"pairs": 1.94, "triplets": 1.73, "order": {"pair": 4, "triplet": 3}, "metric": "inverse"},
    "accurate": {"pairs": 2.75, "triplets": 1.94, "order": {"pair": 4, "triplet": 4}, "metric": "inverse"},
}  # fmt: skip


def preset(crystal, name):
    """Options of `ClusterBasis` for a crystal.

    Parameters
    ----------
    crystal : Crystal
    name : str
        ``"paper"``: for perovskites, Thomas et al.'s seven pairs, the B-X-B triplet and the octahedron, order 2.
        ``"fast"``: the same kinds of clusters for perovskites, higher orders. ``"balanced"``, ``"accurate"``:
        pairs and triplets of any crystal.

    Raises
    ------
    AnharmonicError
        If the name is unknown.
    """
    if name not in PRESETS:
        raise AnharmonicError(f"preset is one of {', '.join(PRESETS)}; found {name!r}")
    options, length = dict(PRESETS[name]), (crystal.volume / crystal.n_sites) ** (1 / 3)
    for kind in ("pairs", "triplets"):
        if isinstance(options.get(kind), float):
            options[kind] = options[kind] * length
    if options.pop("bridge", False):
        options["triplets"] = [_bridge(crystal)]
    return options


def _bridge(crystal):
    """The chain over the shortest bond, such as B-X-B of a perovskite: the commoner species bridges."""
    first, second = (crystal.species[site] for site in shortest_pairs(crystal, 1)[0].sites[0])
    bridging, other = sorted((first, second), key=list(crystal.species).count, reverse=True)
    return f"{other}-{bridging}-{other}"
