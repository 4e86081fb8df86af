"""A slow evaluation of the energy from explicit positions: numpy only, one cluster after the other.

Shares with the package the list of clusters, U, and the polynomials (which have tests of their own), but
neither the tables of neighbours nor the strains nor the models.
"""

from itertools import combinations

import numpy as np

from anharmonic.clusters.invariants import evaluate
from anharmonic.conventions import COULOMB
from anharmonic.potential.models import ClusterModel, Expansion, Network
from anharmonic.potential.walls import EllipsoidWall, WalledTerm

METRICS = {
    "quadratic": lambda d, d0: (d**2 / d0**2 - 1) / 2,
    "linear": lambda d, d0: d / d0 - 1,
    "logarithmic": lambda d, d0: np.log(d / d0),
    "inverse": lambda d, d0: (1 - d0**2 / d**2) / 2,
}


def energy(potential, configuration):
    """Energy (eV) of a configuration."""
    of_dipoles = 0.0 if potential.born is None else dipole_energy(potential.born, configuration)
    return of_dipoles + energy_of_clusters(potential, configuration)


def dipole_energy(born, configuration, width=0.3, longest=6.5):
    """The same from one sum over the reciprocal vectors of the supercell; `width` in cube roots of an atom's volume."""
    crystal, supercell = configuration.crystal, configuration.supercell
    sites = np.array([(s, n) for s in range(crystal.n_sites) for n in range(supercell.n_cells)])
    r = (crystal.positions[sites[:, 0]] + supercell.cells[sites[:, 1]]) @ crystal.cell
    u = configuration.displacements[sites[:, 0], :, sites[:, 1]]
    volume, sigma = crystal.volume * supercell.n_cells, width * (crystal.volume / crystal.n_sites) ** (1 / 3)
    reciprocal = 2 * np.pi * np.linalg.inv(supercell.matrix @ crystal.cell).T
    reach = np.ceil(longest * np.linalg.norm(supercell.matrix @ crystal.cell, axis=1) / (2 * np.pi)).astype(int)
    numbers = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in reach), indexing="ij"), -1).reshape(-1, 3)
    k = numbers @ reciprocal
    k = k[(np.linalg.norm(k, axis=1) < longest) & numbers.any(axis=1)]
    z = born.charges[sites[:, 0]]
    total, springs = 0.0, np.zeros((len(u), 3, 3))
    for wave in k:
        strength = 4 * np.pi * COULOMB / volume * np.exp(-(wave @ wave) * sigma**2) / (wave @ born.dielectric @ wave)
        pole, phase = wave @ z, np.exp(-1j * r @ wave)
        total += 0.5 * strength * abs(((pole * u).sum(1) * phase).sum()) ** 2
        sums = (pole * phase.conj()[:, None]).sum(0).conj()
        springs += strength * (pole[:, :, None] * (sums * phase.conj()[:, None])[:, None, :]).real
    return total - 0.5 * np.einsum("na,nab,nb->", u, springs, u)


def energy_of_clusters(potential, configuration):
    """The clusters' part."""
    basis, model = potential.basis, potential.model
    clusters = [list(cluster_features(basis, k, configuration)) for k in range(len(basis.orbits))]
    if isinstance(model, ClusterModel):
        return sum(value(term, phi) for term, orbit in zip(model.terms, clusters, strict=True) for _, phi in orbit)
    walls = [w for w in zip(model.walls, clusters, strict=True) if w[0] is not None]
    total = sum(wall_energy(wall, phi) for wall, orbit in walls for _, phi in orbit)
    for term, sites in zip(model.terms, model.classes, strict=True):
        for site in sites:
            for cell in range(configuration.supercell.n_cells):
                total += value(term, site_correlations(basis, clusters, (site, cell)))
    return total


def site_correlations(basis, clusters, atom):
    """Eq. 15: for each orbit, the sum over the clusters that contain an atom, divided by their size."""
    sums = []
    for orbit, features in zip(basis.orbits, clusters, strict=True):
        own = sum(members.count(atom) * phi for members, phi in features)
        sums.append(own / orbit.n_points)
    return np.concatenate(sums)


def cluster_features(basis, k, configuration):
    """``(members, invariants)`` of every cluster of orbit k in the supercell; members are (site, cell)."""
    crystal, orbit, ccd = basis.crystal, basis.orbits[k], basis.ccds[k]
    pairs = list(combinations(range(orbit.n_points), 2))
    for origin in configuration.supercell.cells:
        for sites, offsets in zip(orbit.sites, orbit.offsets, strict=True):
            members, reference, distorted = [], [], []
            for site, cell in zip(sites, origin + offsets, strict=True):
                index = home(configuration.supercell.matrix, configuration.supercell.cells, cell)
                members.append((int(site), index))
                reference.append((crystal.positions[site] + cell) @ crystal.cell)
                moved = reference[-1] + configuration.displacements[site, :, index]
                distorted.append(configuration.deformation @ moved)
            d0 = np.array([np.linalg.norm(reference[b] - reference[a]) for a, b in pairs])
            d = np.array([np.linalg.norm(distorted[b] - distorted[a]) for a, b in pairs])
            yield members, evaluate(basis.invariants[k], ccd.matrix @ METRICS[basis.metric](d, d0))


def home(matrix, cells, cell):
    """Index among `cells` of the one that differs from `cell` by a vector of the supercell lattice."""
    coordinates = (cells - cell) @ np.linalg.inv(matrix)
    (index,) = np.flatnonzero(abs(coordinates - coordinates.round()).max(axis=1) < 1e-6)
    return int(index)


def value(term, phi):
    """Function of one orbit or class of sites."""
    if isinstance(term, WalledTerm):
        return value(term.term, phi) + wall_energy(term.wall, phi)
    if isinstance(term, Expansion):
        return float(np.sum(term.weights / term.scales * phi))
    assert isinstance(term, Network)
    x = phi / term.linear.scales
    return value(term.linear, phi) + network(term, x) - network(term, 0 * x)


def network(term, x):
    """Layers of tanh, the last one linear without bias."""
    for weight, bias in zip(term.weights[:-1], term.biases, strict=True):
        x = np.tanh(weight @ x + bias)
    return float((term.weights[-1] @ x)[0])


def wall_energy(wall, phi):
    """Harmonic beyond both limits of a pair, or in what a form of a larger cluster exceeds its limit."""
    if isinstance(wall, EllipsoidWall):
        excess = max(sum(w * x for w, x in zip(wall.weights, phi, strict=False)) - wall.limit, 0)
        return float(wall.stiffness * excess**3)
    return float(wall.stiffness) * (max(phi[0] - wall.upper, 0) ** 2 + max(wall.lower - phi[0], 0) ** 2)
