"""What a linear fit needs of a structure: its invariants, and what they do to energy, forces and stress.

Between two sets of weights only the functions of the invariants change. The invariants, their slopes by the pair
metrics, and the forces and stress per unit of dE / d metric are numbers of a structure, computed once by numpy:
no program to compile, whatever the basis and the supercell.
"""

from dataclasses import dataclass
from functools import cached_property

import jax
import numpy as np
from scipy import sparse

from anharmonic.clusters.invariants import evaluate
from anharmonic.clusters.metrics import get_strain_metric
from anharmonic.potential.potential import precision


@dataclass(frozen=True)
class OrbitTable:
    """Where the clusters of one orbit stand on a supercell; "site" and "bond" count the cells fastest.

    Attributes
    ----------
    bonds : ndarray of int, shape (n_pairs, n_clusters, n_cells)
        Bond of each pair.
    sites : ndarray of int, shape (n_points, n_clusters, n_cells)
        Site of each point.
    shape : tuple of int
        Sites and cells of the supercell.
    """

    bonds: np.ndarray
    sites: np.ndarray
    shape: tuple

    @cached_property
    def shares(self):
        """Shares of the sites in each cluster, shape (n_clusters, n_cells, n_sites, n_cells): eq. 15."""
        found = (self.sites[..., None] == np.arange(np.prod(self.shape))).mean(0)
        return found.reshape(*found.shape[:-1], *self.shape)


@dataclass(frozen=True)
class OrbitGeometry:
    """Clusters of one orbit in one structure.

    Attributes
    ----------
    invariants : ndarray, shape (n_invariants, n_clusters, n_cells)
    table : OrbitTable
    deformations : ndarray, shape (n_ccds, n_clusters, n_cells)
        Collective cluster deformations.
    polynomials : Invariants
    matrix : ndarray, shape (n_ccds, n_pairs)
        U.
    """

    invariants: np.ndarray
    table: OrbitTable
    deformations: np.ndarray
    polynomials: object
    matrix: np.ndarray

    @cached_property
    def slopes(self):
        """Derivatives by the pair metrics, shape (n_invariants, n_pairs, n_clusters, n_cells)."""
        return _slopes(self.polynomials, self.matrix, self.deformations)

    def at_sites(self, n_sites):
        """Shares of the sites in the invariants, shape (n_invariants, n_sites, n_cells): eq. 15."""
        n_points, n_cells = len(self.table.sites), self.invariants.shape[-1]
        found = np.zeros((len(self.invariants), n_sites * n_cells))
        for sites in self.table.sites:
            for phi, total in zip(self.invariants, found, strict=True):
                total += np.bincount(sites.ravel(), phi.ravel(), len(total))
        return found.reshape(len(found), n_sites, n_cells) / n_points

    def of_sites(self, field):
        """Means over the clusters' points, (..., n_clusters, n_cells), of a field (..., n_sites, n_cells)."""
        flat = field.reshape(*field.shape[:-2], -1)
        return sum(flat[..., sites] for sites in self.table.sites) / len(self.table.sites)


@dataclass(frozen=True)
class FrameGeometry:
    """All clusters of a structure, float64 on the host.

    Attributes
    ----------
    orbits : tuple of OrbitGeometry
    bonds : Bonds
    configuration : Configuration
    vectors : ndarray, shape (n_bonds, n_cells, 3)
        Of the bonds (A).
    pulls : ndarray, shape (n_bonds, n_cells, 3)
        Derivatives of the metrics by the vectors (1/A).
    """

    orbits: tuple
    bonds: object
    configuration: object
    vectors: np.ndarray
    pulls: np.ndarray

    @cached_property
    def responses(self):
        """Forces (site, axis, cell; eV/A) and stress (eV/A^3) per eV of dE / d metric of each bond: a sparse array,
        shape (n_bonds * n_cells, n_sites * 3 * n_cells + 9)."""
        return _responses(self.bonds, self.configuration, self.vectors, self.pulls)

    def components(self, orbit, by_metric):
        """Forces and stress (m, n_components) of m slopes of the energy by the metrics of an orbit's pairs.

        Parameters
        ----------
        orbit : OrbitGeometry
        by_metric : ndarray, shape (m, n_pairs, n_clusters, n_cells)
        """
        width, columns = by_metric[0].size, orbit.table.bonds.ravel()
        pointers = np.arange(len(by_metric) + 1) * width
        shape = len(by_metric), self.responses.shape[0]
        by_bond = sparse.csr_array((by_metric.ravel(), np.tile(columns, len(by_metric)), pointers), shape=shape)
        return (by_bond @ self.responses).toarray()


class Geometry:
    """Geometries of structures in terms of one basis; tables of supercells are kept.

    Parameters
    ----------
    basis : ClusterBasis
    """

    def __init__(self, basis):
        self.basis, self._tables = basis, {}

    def __call__(self, configuration):
        """The `FrameGeometry` of a `Configuration`."""
        metrics, vectors, pulls = _bond_metrics(self.basis, configuration)
        orbits = []
        parts = zip(self.basis.ccds, self.basis.invariants, self.tables(configuration.supercell), strict=True)
        for ccd, invariants, table in parts:
            q = np.tensordot(ccd.matrix, metrics.ravel()[table.bonds], 1)
            values = np.moveaxis(evaluate(invariants, np.moveaxis(q, 0, -1)), -1, 0)
            orbits.append(OrbitGeometry(values, table, q, invariants, ccd.matrix))
        return FrameGeometry(tuple(orbits), self.basis.bonds, configuration, vectors, pulls)

    def tables(self, supercell):
        """An `OrbitTable` for each orbit."""
        key = supercell.matrix.tobytes()
        if key not in self._tables:
            parts = zip(self.basis.orbits, self.basis.bonds.members, self.basis.bonds.shifts, strict=True)
            shape = self.basis.crystal.n_sites, supercell.n_cells
            self._tables[key] = [
                OrbitTable(_on_grid(supercell, bonds, shifts), _on_grid(supercell, orbit.sites, orbit.offsets), shape)
                for orbit, bonds, shifts in parts
            ]
        return self._tables[key]


def _on_grid(supercell, items, offsets):
    """Items (n_clusters, m) at cell offsets (n_clusters, m, 3) from every cell: (m, n_clusters, n_cells)."""
    away = supercell.translations(offsets.reshape(-1, 3)).reshape(*items.shape, -1)
    return np.moveaxis(np.asarray(items)[..., None] * supercell.n_cells + away, 1, 0)


def _ends(bonds, supercell):
    """Sites (n_bonds, 1) and cells (n_bonds, n_cells) of both ends of all bonds."""
    home = np.broadcast_to(np.arange(supercell.n_cells), (bonds.n_bonds, supercell.n_cells))
    return (bonds.first[:, None], home), (bonds.second[:, None], supercell.translations(bonds.offsets))


def _bond_metrics(basis, configuration):
    """Metrics (n_bonds, n_cells) of all bonds, with the vectors and pulls of a `FrameGeometry`."""
    bonds, u = basis.bonds, np.moveaxis(configuration.displacements, 1, 2)  # site, cell, 3
    (first, home), (second, away) = _ends(bonds, configuration.supercell)
    vectors = (bonds.vectors[:, None] + u[second, away] - u[first, home]) @ configuration.deformation.T
    squares = (bonds.lengths**2)[:, None]
    strains = ((vectors**2).sum(-1) / squares - 1) / 2
    with precision("float64"):
        metric = get_strain_metric(basis.metric)
        metrics, rates = (np.asarray(x) for x in jax.jvp(metric, (strains,), (np.ones_like(strains),)))
    return metrics, vectors, (rates / squares)[..., None] * vectors


def _responses(bonds, configuration, vectors, pulls):
    """`FrameGeometry.responses`."""
    n_sites, _, n_cells = configuration.displacements.shape
    stress, each = pulls[..., :, None] * vectors[..., None, :] / configuration.volume, vectors.shape[:2]
    ends = _ends(bonds, configuration.supercell)
    at_ends = [3 * n_cells * site[..., None] + np.arange(3) * n_cells + cell[..., None] for site, cell in ends]
    at_stress = np.broadcast_to(3 * n_cells * n_sites + np.arange(9), (*each, 9))
    columns = np.concatenate([*at_ends, at_stress], axis=-1)
    values = np.concatenate([pulls, -pulls, stress.reshape(*each, 9)], axis=-1)
    pointers = np.arange(np.prod(each) + 1) * columns.shape[-1]
    shape = np.prod(each), 3 * n_cells * n_sites + 9
    return sparse.csr_array((values.ravel(), columns.ravel(), pointers), shape=shape)


def _slopes(invariants, matrix, q):
    """Derivatives (n_invariants, n_pairs, ...) by the pair metrics, at CCDs q (n_ccds, ...)."""
    exponents = invariants.exponents.astype(int)
    powers = q[None] ** np.arange(exponents.max() + 1).reshape(-1, *[1] * q.ndim)
    by_ccd = np.zeros((len(invariants.degrees), *q.shape))
    for k in range(len(q)):
        rows = np.flatnonzero(exponents[:, k])
        product = exponents[rows, k].reshape(-1, *[1] * (q.ndim - 1)) * powers[exponents[rows, k] - 1, k]
        for other in range(len(q)):
            if other != k:
                product = product * powers[exponents[rows, other], other]
        by_ccd[:, k] = np.tensordot(invariants.coefficients[:, rows], product, 1)
    return np.moveaxis(np.tensordot(matrix, by_ccd, (0, 1)), 0, 1)
