"""Which atom of a structure belongs to which site of a crystal, for a given supercell matrix.

Distances are taken modulo the lattice of the crystal, not of the supercell: the search is among the few sites
of one cell however large the structure is.
"""

from dataclasses import dataclass

import numpy as np
from ase.geometry import minkowski_reduce
from scipy.spatial import cKDTree

from anharmonic.crystal.supercell import Supercell

N_ANCHORS = 6  # atoms of a species that propose the rigid translation
N_STARTS = 6  # proposals that are followed if need be
N_SAMPLE = 100  # atoms of a species that judge the proposals, and Bragg peaks
N_PAIRS = 8  # pairs of atoms of a species that judge a supercell matrix


@dataclass(frozen=True)
class Placement:
    """Sites (n,), cells (n, 3) and displacements (n, 3; A, reference frame) of n atoms under `matrix`."""

    matrix: np.ndarray
    sites: np.ndarray
    cells: np.ndarray
    displacements: np.ndarray

    @property
    def rms(self):
        """Root of the mean squared displacement (A)."""
        return np.sqrt((self.displacements**2).sum(1).mean())

    @property
    def slots(self):
        """Index ``site * n_cells + cell`` in the supercell of each atom, shape (n,)."""
        supercell = Supercell.from_matrix(self.matrix)
        return self.sites * supercell.n_cells + supercell.index(self.cells)

    @property
    def is_complete(self):
        """Whether every site has one atom."""
        return len(np.unique(self.slots)) == len(self.sites)


class PeriodicPoints:
    """Points of a lattice with a basis, searched for the one nearest to any place.

    Parameters
    ----------
    cell : ndarray, shape (3, 3)
        Row vectors (A).
    points : ndarray, shape (m, 3)
        Fractional coordinates, in any cell.
    """

    def __init__(self, cell, points):
        self.reduced, self.operation = minkowski_reduce(cell)
        wrapped = points @ cell @ np.linalg.inv(self.reduced)
        images = np.stack(np.meshgrid(*[np.arange(-2, 3)] * 3), axis=-1).reshape(-1, 1, 3) - np.floor(wrapped)
        self.tree = cKDTree(((wrapped + images) @ self.reduced).reshape(-1, 3))
        self.images = images.reshape(-1, 3)
        self.n_points = len(points)

    @property
    def spacing(self):
        """Shortest distance (A) between two of the points."""
        middle = len(self.images) // self.n_points // 2 * self.n_points
        return self.tree.query(self.tree.data[middle : middle + self.n_points], k=2)[0][:, 1].min()

    def nearest(self, places):
        """Indices (n,), cells (n, 3) and ``place - point`` (n, 3; A) for `places` (n, 3; A)."""
        home = np.floor(places @ np.linalg.inv(self.reduced))
        inside = places - home @ self.reduced
        _, found = self.tree.query(inside)
        cells = (home + self.images[found]) @ self.operation
        return found % self.n_points, np.round(cells).astype(int), inside - self.tree.data[found]


class Placer:
    """Puts the atoms of one structure on the sites of one crystal."""

    def __init__(self, crystal, atoms):
        species, site_species = np.array(atoms.get_chemical_symbols()), np.array(crystal.species)
        fractional = np.linalg.solve(atoms.cell[:].T, atoms.positions.T).T
        self.crystal, self.fractional = crystal, fractional - np.floor(fractional)
        self.members = {s: np.flatnonzero(species == s) for s in dict.fromkeys(crystal.species)}
        self.site_ids = {s: np.flatnonzero(site_species == s) for s in self.members}
        self.points = {s: PeriodicPoints(crystal.cell, crystal.positions[i]) for s, i in self.site_ids.items()}
        self.sample = {s: np.random.default_rng(0).permutation(m)[:N_SAMPLE] for s, m in self.members.items()}
        rarest = min(len(m) for m in self.members.values())
        self.anchors = {s: m[:: -(-rarest // N_ANCHORS)] for s, m in self.members.items() if len(m) == rarest}

    @property
    def spacing(self):
        """Shortest distance (A) between two sites of one species."""
        return min(points.spacing for points in self.points.values())

    def likeness(self, columns, target):
        """How much of a Bragg peak the structure has where the crystal has one, shape (m,).

        Intensities of each species at `columns` (m, 3; in units of the structure's reciprocal cell) and their
        second and third harmonics, weighted by those of the crystal at `target` (3,).
        """
        total = np.zeros(len(columns))
        for s, chosen in self.sample.items():
            waves = np.exp(2j * np.pi * (self.fractional[chosen] @ columns.T))
            expected = np.exp(2j * np.pi * (self.crystal.positions[self.site_ids[s]] @ target))
            harmonics = waves.copy()
            for n in (1, 2, 3):
                total += abs(harmonics.mean(0)) ** 2 * abs((expected**n).mean()) ** 2
                harmonics *= waves
        return total

    def pair_distances(self, matrices):
        """How far vectors between like atoms are from vectors between like sites, shape (m, n_pairs), A.

        The rigid translation drops out, and displacements up to u allow distances up to 2 u.
        """
        columns = [np.zeros((len(matrices), 1))]
        for s, members in self.members.items():
            chosen = np.random.default_rng(0).permutation(members)[: N_PAIRS + 1]
            vectors = (self.fractional[chosen[1:]] - self.fractional[chosen[:-1]]) @ (matrices @ self.crystal.cell)
            sites = self.crystal.positions[self.site_ids[s]]
            differences = PeriodicPoints(self.crystal.cell, (sites[:, None] - sites).reshape(-1, 3))
            distances = np.linalg.norm(differences.nearest(vectors.reshape(-1, 3))[2], axis=1)
            columns.append(distances.reshape(len(matrices), len(chosen) - 1))
        return np.concatenate(columns, axis=1)

    def place(self, matrix):
        """Put every atom on the nearest site of its species, with zero mean displacement.

        Rigid translations that put an atom of a rarest species on a site are followed, best first, until
        every site is taken; if none of the first few does that, the one with the smallest displacements stays.
        """
        places = self.fractional @ matrix @ self.crystal.cell
        tried = []
        for shift in self._first_shifts(places):
            tried.append(self._settle(matrix, places, shift))
            if tried[-1].is_complete:
                return tried[-1]
        return min(tried, key=lambda placement: placement.rms)

    def _settle(self, matrix, places, shift):
        """Follow the mean displacement until it vanishes."""
        for _ in range(50):
            sites, cells, displacements = self._nearest(places + shift)
            mean = displacements.mean(0)
            if np.linalg.norm(mean) < 1e-9:
                break
            shift = shift - mean
        return Placement(matrix, sites, cells, displacements - mean)

    def _first_shifts(self, places):
        sites = self.crystal.cartesian
        shifts = np.concatenate(
            [(sites[self.site_ids[s]] - places[a][:, None]).reshape(-1, 3) for s, a in self.anchors.items()]
        )
        misfit = np.zeros(len(shifts))
        for s, chosen in self.sample.items():
            shifted = places[chosen] + shifts[:, None]
            vectors = self.points[s].nearest(shifted.reshape(-1, 3))[2]
            misfit += (vectors.reshape(shifted.shape) ** 2).sum((1, 2))
        return shifts[np.argsort(misfit.round(9), kind="stable")[:N_STARTS]]

    def _nearest(self, places):
        sites, cells = np.empty(len(places), int), np.empty((len(places), 3), int)
        displacements = np.empty((len(places), 3))
        for s, members in self.members.items():
            index, cells[members], displacements[members] = self.points[s].nearest(places[members])
            sites[members] = self.site_ids[s][index]
        return sites, cells, displacements
