"""What all nets of a selection have in common: invariants of every frame, and what they do to forces and stress.

Between two hyperparameter sets only the functions change. The invariants and the forces and stress per unit of
dE / d invariant are numbers of the data set, computed once.
"""

from dataclasses import dataclass

import jax
import numpy as np

from anharmonic.clusters.invariants import evaluate
from anharmonic.clusters.metrics import get_strain_metric
from anharmonic.potential.potential import precision

VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))


@dataclass(frozen=True)
class OrbitGeometry:
    """Clusters of one orbit in one frame, float64 on the host.

    Attributes
    ----------
    invariants : ndarray, shape (n_invariants, n_clusters, n_cells)
    forces : ndarray, shape (n_invariants, n_clusters, n_cells, n_sites, 3, n_cells)
        Forces (eV/A) for an energy of 1 eV per unit of an invariant.
    stress : ndarray, shape (n_invariants, n_clusters, n_cells, 6)
        Stress (eV/A^3, Voigt order) for the same.
    contains : ndarray, shape (n_clusters, n_cells, n_sites, n_cells)
        How often a cluster contains a site.
    """

    invariants: np.ndarray
    forces: np.ndarray
    stress: np.ndarray
    contains: np.ndarray


def frame_geometry(basis, configuration):
    """An `OrbitGeometry` for each orbit, of a `Configuration`."""
    supercell = configuration.supercell
    metrics, forces, stress = _bond_responses(basis, configuration)
    found = []
    parts = zip(basis.orbits, basis.ccds, basis.invariants, basis.bonds.members, basis.bonds.shifts, strict=True)
    for orbit, ccd, invariants, members, shifts in parts:
        bond = members.T[:, :, None]  # pair, cluster, 1
        cell = np.moveaxis(_cells_at(supercell, shifts), 0, 1)  # pair, cluster, cell
        q = np.tensordot(ccd.matrix, metrics[bond, cell], 1)
        slopes = _slopes(invariants, ccd.matrix, q)
        found.append(
            OrbitGeometry(
                np.moveaxis(evaluate(invariants, np.moveaxis(q, 0, -1)), -1, 0),
                np.einsum("kpcn,pcnsim->kcnsim", slopes, forces[bond, cell]),
                np.einsum("kpcn,pcnv->kcnv", slopes, stress[bond, cell]),
                _contains(orbit, supercell, basis.crystal.n_sites),
            )
        )
    return found


def _cells_at(supercell, offsets):
    """Index of the cell at each of the offsets (..., 3) from every cell, shape (..., n_cells)."""
    return supercell.translations(offsets.reshape(-1, 3)).reshape(*offsets.shape[:-1], -1)


def _contains(orbit, supercell, n_sites):
    """The table `OrbitGeometry.contains`."""
    found = np.zeros((orbit.n_clusters, supercell.n_cells, n_sites, supercell.n_cells))
    clusters, cells = np.arange(orbit.n_clusters)[:, None], np.arange(supercell.n_cells)[None]
    for point in range(orbit.n_points):
        away = _cells_at(supercell, orbit.offsets[:, point])
        np.add.at(found, (clusters, cells, orbit.sites[:, point, None], away), 1.0)
    return found


def _bond_responses(basis, configuration):
    """Metrics (n_bonds, n_cells) of all bonds; forces and stress per unit of dE / d metric."""
    bonds, supercell = basis.bonds, configuration.supercell
    n_bonds, n_cells = bonds.n_bonds, supercell.n_cells
    u = np.moveaxis(configuration.displacements, 1, 2)  # site, cell, 3
    bond, home, away = np.arange(n_bonds)[:, None], np.arange(n_cells)[None], supercell.translations(bonds.offsets)
    first, second = bonds.first[:, None], bonds.second[:, None]
    vectors = (bonds.vectors[:, None] + u[second, away] - u[first, home]) @ configuration.deformation.T
    squares = (bonds.lengths**2)[:, None]
    strains = ((vectors**2).sum(-1) / squares - 1) / 2
    with precision("float64"):
        metric = get_strain_metric(basis.metric)
        metrics, rates = (np.asarray(x) for x in jax.jvp(metric, (strains,), (np.ones_like(strains),)))
    pull = (rates / squares)[..., None] * vectors
    forces = np.zeros((n_bonds, n_cells, basis.crystal.n_sites, 3, n_cells))
    np.add.at(forces, (bond, home, first, slice(None), home), pull)
    np.add.at(forces, (bond, home, second, slice(None), away), -pull)
    stress = np.stack([pull[..., i] * vectors[..., j] for i, j in VOIGT], axis=-1) / configuration.volume
    return metrics, forces, stress


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
