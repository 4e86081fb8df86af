"""The cluster basis: orbits, their collective deformations, and invariant polynomials."""

from functools import cached_property

import numpy as np

from anharmonic.clusters.bonds import Bonds
from anharmonic.clusters.ccd import CCD
from anharmonic.clusters.enumeration import bond_chains, clusters_within, polyhedron_orbits, shortest_pairs
from anharmonic.clusters.invariants import invariant_polynomials
from anharmonic.clusters.metrics import get_metric
from anharmonic.clusters.presets import preset
from anharmonic.crystal import same_crystal
from anharmonic.errors import AnharmonicError

POLYHEDRON = "polyhedron"


class ClusterBasis:
    """Invariant polynomials of the deformations of clusters (the paper's section II.A).

    Parameters
    ----------
    crystal : Crystal
        The reference crystal.
    pairs : float or int, optional
        Cutoff (A) as a float, or the number of shortest pair orbits as an int.
        Default: twice the shortest distance in the crystal.
    triplets, quadruplets : float or list of str, optional
        Cutoff (A) for all distances in the cluster; triplets also as chains of
        nearest-neighbour bonds such as ``"Pb-Br-Pb"``.
    polyhedra : sequence of str
        ``"octahedron"``, ``"cuboctahedron"``, ``"tetrahedron"``, ``"cube"`` or ``"Pb:Br6"``.
    order : int or dict
        Highest degree of the polynomials; a dict gives it by kind
        (``{"pair": 6, "triplet": 3, "polyhedron": 2}``), missing kinds get 2.
    metric : str
        ``"quadratic"``, ``"linear"``, ``"logarithmic"`` or ``"inverse"`` (eqs. 3-5).
    reduce : bool
        Keep only 3n - 6 CCDs of clusters of more than four sites (Appendix A).

    Raises
    ------
    AnharmonicError
        If a cluster, order or metric that is asked for does not exist.
    """

    def __init__(
        self,
        crystal,
        pairs=None,
        triplets=None,
        quadruplets=None,
        polyhedra=(),
        order=2,
        metric="quadratic",
        reduce=False,
    ):
        get_metric(metric)
        self.crystal, self.metric, self.reduce = crystal, metric, reduce
        self.orbits = tuple(_enumerate(crystal, pairs, triplets, quadruplets, polyhedra))
        orders = [_order_of(order, orbit) for orbit in self.orbits]
        self.ccds = tuple(
            CCD.of_cluster(orbit.positions, orbit.permutations, orbit.rotations, metric, reduce=reduce)
            for orbit in self.orbits
        )
        self.invariants = tuple(
            invariant_polynomials(ccd.representations, n) for ccd, n in zip(self.ccds, orders, strict=True)
        )

    @classmethod
    def from_preset(cls, crystal, name, **changes):
        """The clusters and orders that a name stands for (`anharmonic.clusters.presets`); `changes` replace some."""
        return cls(crystal, **preset(crystal, name) | changes)

    def equals(self, other):
        """Whether both have the same clusters on the same crystal, and the same invariants of them."""
        one, two = (
            [*(x for o in b.orbits for x in (o.sites, o.offsets)),
             *(x for i in b.invariants for x in (i.exponents, i.coefficients)), *(c.matrix for c in b.ccds)]
            for b in (self, other)
        )  # fmt: skip
        same = same_crystal(self.crystal, other.crystal) and self.metric == other.metric and len(one) == len(two)
        return same and all(x.shape == y.shape and np.allclose(x, y, atol=1e-8) for x, y in zip(one, two, strict=True))

    @classmethod
    def from_parts(cls, crystal, orbits, ccds, invariants, metric, reduce):
        """Assemble a basis that was stored; nothing is computed anew."""
        basis = cls.__new__(cls)
        basis.crystal, basis.metric, basis.reduce = crystal, metric, reduce
        basis.orbits, basis.ccds, basis.invariants = tuple(orbits), tuple(ccds), tuple(invariants)
        return basis

    @cached_property
    def bonds(self):
        """The distinct pairs of sites that the clusters are made of."""
        return Bonds.of_orbits(self.crystal, self.orbits)

    @property
    def labels(self):
        """A distinct label for each orbit; equal ones are told apart by their multiplicity."""
        names = [orbit.label for orbit in self.orbits]
        labels = [
            name if names.count(name) == 1 else f"{name} x{orbit.n_clusters}"
            for name, orbit in zip(names, self.orbits, strict=True)
        ]
        return [n if labels.count(n) == 1 else f"{n} #{labels[: k + 1].count(n)}" for k, n in enumerate(labels)]

    @property
    def counts(self):
        """Number of invariants of degree 1, 2, ... by orbit label."""
        return {label: list(i.counts) for label, i in zip(self.labels, self.invariants, strict=True)}

    @property
    def n_invariants(self):
        """Number of invariants of all orbits."""
        return sum(len(i.degrees) for i in self.invariants)

    def __repr__(self):
        return f"ClusterBasis({self.crystal.formula}: {len(self.orbits)} orbits, {self.n_invariants} invariants)"


def _enumerate(crystal, pairs, triplets, quadruplets, polyhedra):
    """Orbits in a fixed order: pairs, triplets, quadruplets, polyhedra."""
    if pairs is None:
        pairs = 2.0 * crystal.nearest_distance()
    if isinstance(pairs, bool) or pairs < 0:
        raise AnharmonicError(f"pairs is a cutoff in A (float) or a number of orbits (int), found {pairs!r}")
    orbits = shortest_pairs(crystal, pairs) if isinstance(pairs, int) else clusters_within(crystal, 2, pairs)
    if isinstance(triplets, int | float):
        orbits += clusters_within(crystal, 3, triplets)
    else:
        orbits += [orbit for chain in triplets or () for orbit in bond_chains(crystal, chain)]
    if quadruplets:
        orbits += clusters_within(crystal, 4, quadruplets)
    orbits += [orbit for name in polyhedra for orbit in polyhedron_orbits(crystal, name)]
    if not orbits:
        raise AnharmonicError(f"no clusters of {crystal.formula} within these cutoffs: raise pairs = {pairs}")
    return orbits


def _order_of(order, orbit):
    """Highest degree for an orbit."""
    if isinstance(order, dict):
        unknown = set(order) - {
            "pair",
            "triplet",
            "quadruplet",
            POLYHEDRON,
            "octahedron",
            "cuboctahedron",
            "tetrahedron",
            "cube",
        }
        if unknown:
            raise AnharmonicError(f"order has no kind {sorted(unknown)}: use pair, triplet, quadruplet, polyhedron")
        generic = orbit.kind if orbit.n_points < 5 else POLYHEDRON
        order = order.get(orbit.kind, order.get(generic, 2))
    if not isinstance(order, int) or not 1 <= order <= 12:
        raise AnharmonicError(f"an order is an integer from 1 to 12, found {order!r}")
    return order
