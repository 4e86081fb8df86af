"""Small crystals, potentials with known weights, and distorted supercells, for all tests."""

import equinox as eqx
import jax
import numpy as np
from ase import Atoms
from ase.build import bulk

from anharmonic.analysis import TiltModes
from anharmonic.clusters import ClusterBasis
from anharmonic.crystal import Configuration, Crystal, Supercell
from anharmonic.electrostatics import BornCharges
from anharmonic.potential import Potential
from anharmonic.potential.domain import Domain, n_low
from anharmonic.potential.models import ClusterModel, Expansion, Network, SiteModel
from anharmonic.potential.walls import EllipsoidWall, Wall

SPREAD = 0.05
"""Size of a deformation: features are divided by its powers, so that all weights count alike."""

MATRICES = {
    "2x2x2": 2 * np.eye(3, dtype=int),
    "untidy": np.array([[2, 1, 0], [-1, 2, 1], [1, -1, 1]]),
    "left-handed": np.array([[0, 2, 0], [2, 1, 0], [1, -1, 2]]),
    "skewed": np.array([[1, 0, 0], [3, 1, 0], [-2, 5, 8]]),
}
"""Supercells of eight cells each: one compilation serves all."""


def perovskite(symbols=("Cs", "Pb", "Br"), a=5.87):
    """Cubic ABX3."""
    positions = [[0.5, 0.5, 0.5], [0, 0, 0], [0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5]]
    a_site, b_site, x_site = symbols
    species = [a_site, b_site, x_site, x_site, x_site]
    return Crystal.from_atoms(Atoms(species, cell=[a] * 3, scaled_positions=positions, pbc=True))


def simple_cubic(a=3.0):
    """One argon atom a cell."""
    return Crystal.from_atoms(Atoms("Ar", cell=[a] * 3, pbc=True))


def cesium_chloride(a=4.12):
    """Two interpenetrating simple cubic lattices."""
    return Crystal.from_atoms(Atoms("CsCl", cell=[a] * 3, scaled_positions=[[0, 0, 0], [0.5] * 3], pbc=True))


def bcc():
    """Iron."""
    return Crystal.from_atoms(bulk("Fe", "bcc", a=2.87))


def fluorite():
    """Calcium fluoride."""
    return Crystal.from_atoms(bulk("CaF2", "fluorite", a=5.46))


def random_potential(basis, kind, seed=0, walls=False, **kwargs):
    """A potential of `kind` whose every weight is random and matters."""
    rng = np.random.default_rng(seed)

    def term(degrees, k):
        scales = SPREAD ** degrees.astype(float)
        weights = 0.1 * rng.normal(size=len(degrees))
        if kind == "polynomial":
            return Expansion(weights, scales)
        net = Network.init(scales, (4, 3), jax.random.key(100 * seed + k))
        return eqx.tree_at(lambda n: (n.linear.weights, n.weights[-1]), net, (weights, 30 * net.weights[-1]))

    if kind == "site":
        degrees = np.concatenate([i.degrees for i in basis.invariants])
        classes = basis.crystal.site_classes
        terms = tuple(term(degrees, k) for k in range(len(classes)))
        model = SiteModel(terms, (None,) * len(basis.orbits), classes)
    else:
        model = ClusterModel(tuple(term(i.degrees, k) for k, i in enumerate(basis.invariants)))
    if walls:
        model = model.walled([near_wall(rng, o, i) for o, i in zip(basis.orbits, basis.invariants, strict=True)])
    return Potential(basis, model, **kwargs)


def near_wall(rng, orbit, invariants):
    """A wall that clusters with strains of a few per cent are often beyond."""
    if orbit.n_points == 2:
        return Wall(-0.01, 0.012, np.float64(20.0))
    degrees = invariants.degrees[: n_low(invariants)]
    weights = rng.normal(size=len(degrees)) / SPREAD ** degrees.astype(float)
    return EllipsoidWall(weights, np.float64(0.1), np.float64(0.002))


def dipolar_potential(crystal):
    """Random pairs, and charges such as those of a halide perovskite (A, B, X along and across the bond)."""
    along, across = -4.0, -0.7
    charges = {"Cs": 1.3 * np.eye(3), "Pb": 4.1 * np.eye(3)}
    lead = crystal.positions[crystal.species.index("Pb")]
    tensors = []
    for position, symbol in zip(crystal.positions, crystal.species, strict=True):
        away = position - lead - np.round(position - lead)
        tensors.append(charges[symbol] if symbol in charges else np.diag(np.where(abs(away) > 0.4, along, across)))
    born = BornCharges.of_crystal(crystal, tensors, 4.5)
    return random_potential(ClusterBasis(crystal, pairs=3, order=3), "polynomial", 4, born=born)


def polynomial(basis, coefficients, **kwargs):
    """A `polynomial` potential with the given coefficients (n_invariants,) for each orbit, in eV."""
    terms = [
        Expansion(np.asarray(c, float), np.ones(len(i.degrees)))
        for c, i in zip(coefficients, basis.invariants, strict=True)
    ]
    return Potential(basis, ClusterModel(tuple(terms)), **kwargs)


def spring_perovskite(crystal=None, ranges=True):
    """A stable perovskite: stiff bonds, soft tilts, with cubic and quartic terms; the reference is its minimum."""
    basis = ClusterBasis(crystal or perovskite(), pairs=4, order=4)
    stiffness = (15.0, 3.0, 4.0, 3.0)
    coefficients = [[0.0, w, -3.0 * w, 20.0 * w] for w in stiffness]
    limits = tuple(np.array([[-(0.15**d) if d % 2 else 0.0, 0.15**d] for d in (1, 2, 3, 4)]) for _ in stiffness)
    facts = {"ranges": limits, "domain": simple_domain(basis, 0.07)} if ranges else {}
    return polynomial(basis, coefficients, metadata={"name": "springs"}, **facts)


def simple_domain(basis, spread=SPREAD):
    """A domain as of data whose site-centred correlations are independent, of the size of `spread` and its square."""
    low = np.concatenate([i.degrees[i.degrees <= 2] for i in basis.invariants]).astype(float)
    classes = basis.crystal.site_classes
    return Domain(classes, (np.diag(spread**-low) / np.sqrt(len(low)),) * len(classes), 0.6)


def distorted(crystal, matrix, seed=0, strain=0.03, displacement=0.12, tilts=None):
    """A supercell with a random symmetric strain and random displacements, without a mean."""
    rng = np.random.default_rng(seed)
    supercell = Supercell.from_matrix(matrix)
    state = Configuration.reference(crystal, supercell)
    noise = rng.uniform(-strain, strain, (3, 3))
    u = displacement * rng.normal(size=state.displacements.shape)
    if tilts is not None:
        u = u + TiltModes.of_crystal(crystal).displacements(*tilts, supercell)
    u = u - u.mean(axis=(0, 2), keepdims=True)
    return Configuration(crystal, supercell, np.eye(3) + noise + noise.T, u, state.order)


def changed(configuration, displacements=None, deformation=None):
    """The configuration with other displacements or another F."""
    return Configuration(
        configuration.crystal,
        configuration.supercell,
        configuration.deformation if deformation is None else deformation,
        configuration.displacements if displacements is None else displacements,
        configuration.order,
    )


def part_of(basis, orbits):
    """The basis with some of its orbits only."""
    parts = ([getattr(basis, name)[k] for k in orbits] for name in ("orbits", "ccds", "invariants"))
    return ClusterBasis.from_parts(basis.crystal, *parts, basis.metric, basis.reduce)
