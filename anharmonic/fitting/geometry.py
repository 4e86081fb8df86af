"""What a linear fit needs of a structure: its invariants, and what they do to energy, forces and stress.

Between two sets of weights only the functions of the invariants change. The invariants, their slopes by the pair
metrics, and the forces and stress per unit of dE / d metric are numbers of a structure, computed once by numpy:
no program to compile, whatever the basis and the supercell.
"""

from dataclasses import dataclass

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
    """

    bonds: np.ndarray
    sites: np.ndarray


@dataclass(frozen=True)
class OrbitGeometry:
    """Clusters of one orbit in one structure.

    Attributes
    ----------
    invariants : ndarray, shape (n_invariants, n_clusters, n_cells)
    slopes : ndarray, shape (n_invariants, n_pairs, n_clusters, n_cells)
        Derivatives by the pair metrics.
    table : OrbitTable
    """

    invariants: np.ndarray
    slopes: np.ndarray
    table: OrbitTable

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
    responses : csr_array, shape (n_bonds * n_cells, n_sites * 3 * n_cells + 9)
        Forces (site, axis, cell; eV/A) and stress (eV/A^3) per eV of dE / d metric of each bond.
    """

    orbits: tuple
    responses: sparse.csr_array

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
        metrics, responses = _bond_responses(self.basis, configuration)
        orbits = []
        parts = zip(self.basis.ccds, self.basis.invariants, self.tables(configuration.supercell), strict=True)
        for ccd, invariants, table in parts:
            q = np.tensordot(ccd.matrix, metrics.ravel()[table.bonds], 1)
            values = np.moveaxis(evaluate(invariants, np.moveaxis(q, 0, -1)), -1, 0)
            orbits.append(OrbitGeometry(values, _slopes(invariants, ccd.matrix, q), table))
        return FrameGeometry(tuple(orbits), responses)

    def tables(self, supercell):
        """An `OrbitTable` for each orbit."""
        key = supercell.matrix.tobytes()
        if key not in self._tables:
            parts = zip(self.basis.orbits, self.basis.bonds.members, self.basis.bonds.shifts, strict=True)
            self._tables[key] = [
                OrbitTable(_on_grid(supercell, bonds, shifts), _on_grid(supercell, orbit.sites, orbit.offsets))
                for orbit, bonds, shifts in parts
            ]
        return self._tables[key]


def _on_grid(supercell, items, offsets):
    """Items (n_clusters, m) at cell offsets (n_clusters, m, 3) from every cell: (m, n_clusters, n_cells)."""
    away = supercell.translations(offsets.reshape(-1, 3)).reshape(*items.shape, -1)
    return np.moveaxis(np.asarray(items)[..., None] * supercell.n_cells + away, 1, 0)


def _bond_responses(basis, configuration):
    """Metrics (n_bonds, n_cells) of all bonds, and `FrameGeometry.responses`."""
    bonds, supercell = basis.bonds, configuration.supercell
    n_cells, n_sites = supercell.n_cells, basis.crystal.n_sites
    u = np.moveaxis(configuration.displacements, 1, 2)  # site, cell, 3
    home, away = np.broadcast_to(np.arange(n_cells), (bonds.n_bonds, n_cells)), supercell.translations(bonds.offsets)
    first, second = bonds.first[:, None], bonds.second[:, None]
    vectors = (bonds.vectors[:, None] + u[second, away] - u[first, home]) @ configuration.deformation.T
    squares = (bonds.lengths**2)[:, None]
    strains = ((vectors**2).sum(-1) / squares - 1) / 2
    with precision("float64"):
        metric = get_strain_metric(basis.metric)
        metrics, rates = (np.asarray(x) for x in jax.jvp(metric, (strains,), (np.ones_like(strains),)))
    pull = (rates / squares)[..., None] * vectors
    stress = pull[..., :, None] * vectors[..., None, :] / configuration.volume
    axes = np.arange(3) * n_cells
    at_first, at_second = (3 * n_cells * site[..., None] + axes + cell[..., None] for site, cell in
                           ((first, home), (second, away)))  # fmt: skip
    at_stress = np.broadcast_to(3 * n_cells * n_sites + np.arange(9), (*home.shape, 9))
    columns = np.concatenate([at_first, at_second, at_stress], axis=-1)
    values = np.concatenate([pull, -pull, stress.reshape(*home.shape, 9)], axis=-1)
    pointers = np.arange(home.size + 1) * columns.shape[-1]
    shape = home.size, 3 * n_cells * n_sites + 9
    return metrics, sparse.csr_array((values.ravel(), columns.ravel(), pointers), shape=shape)


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
