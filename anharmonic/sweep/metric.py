"""How far two configurations of a crystal are from each other, up to symmetry."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from anharmonic.crystal import Crystal, Supercell
from anharmonic.crystal.images import Images


@dataclass(frozen=True)
class Metric:
    """Distances between configurations of a crystal in its 2x2x2 supercell, the same for symmetric images.

    The square of a distance is the mean squared difference of the displacements plus the squared difference of the
    Green-Lagrange strains times the square of the cube root of the cell volume: A per atom.
    """

    crystal: Crystal

    @cached_property
    def supercell(self):
        """The 2x2x2 supercell."""
        return Supercell.from_matrix([2, 2, 2])

    def coordinates(self, displacements, deformation):
        """Vectors (..., d) whose Euclidean distances are those of this metric."""
        displacements, deformation = np.asarray(displacements, float), np.asarray(deformation, float)
        strain = 0.5 * (np.swapaxes(deformation, -1, -2) @ deformation - np.eye(3))
        n_atoms = self.crystal.n_sites * self.supercell.n_cells
        flat = displacements.reshape(*displacements.shape[:-3], -1) / np.sqrt(n_atoms)
        return np.concatenate([flat, self.crystal.volume ** (1 / 3) * strain.reshape(*strain.shape[:-2], 9)], axis=-1)

    def images(self, displacements, deformation):
        """All symmetric images: displacements (n, n_sites, 3, n_cells) and F (n, 3, 3)."""
        moved = np.stack([self._images.vectors(k, displacements) for k in range(len(self._images))])
        rotations = self._images.rotations
        return moved, rotations @ deformation @ np.swapaxes(rotations, 1, 2)

    def nearest_image(self, state, to):
        """The symmetric image of `state` that is nearest to `to`; both are (displacements, F)."""
        displacements, deformation = self.images(*state)
        distances = np.linalg.norm(self.coordinates(displacements, deformation) - self.coordinates(*to), axis=1)
        best = int(np.argmin(distances.round(9)))
        return displacements[best], deformation[best]

    @cached_property
    def _images(self):
        return Images.of_crystal(self.crystal, self.supercell)
