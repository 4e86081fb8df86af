"""A distorted supercell: ``r = F (R + u)``."""

from dataclasses import dataclass

import numpy as np
from ase import Atoms

from anharmonic.crystal.crystal import Crystal
from anharmonic.crystal.supercell import Supercell


@dataclass(frozen=True)
class Configuration:
    """State of a supercell in the frame of the reference crystal.

    Attributes
    ----------
    crystal : Crystal
    supercell : Supercell
    deformation : ndarray, shape (3, 3), float64
        Deformation gradient F.
    displacements : ndarray, shape (n_sites, 3, n_cells), float64
        u (A) in the reference frame.
    order : ndarray, shape (n_sites, n_cells), int
        Index in the original structure of the atom on each site.
    """

    crystal: Crystal
    supercell: Supercell
    deformation: np.ndarray
    displacements: np.ndarray
    order: np.ndarray

    @classmethod
    def reference(cls, crystal, supercell, deformation=None):
        """The undisplaced supercell, strained by `deformation` (default: not at all)."""
        n_sites, n_cells = crystal.n_sites, supercell.n_cells
        return cls(
            crystal,
            supercell,
            np.eye(3) if deformation is None else np.array(deformation, float),
            np.zeros((n_sites, 3, n_cells)),
            np.arange(n_sites * n_cells).reshape(n_cells, n_sites).T,
        )

    @property
    def n_atoms(self):
        """Number of atoms."""
        return self.order.size

    @property
    def cell(self):
        """Row vectors (A) of the strained supercell."""
        return self.supercell.matrix @ self.crystal.cell @ self.deformation.T

    @property
    def volume(self):
        """Volume of the strained supercell (A^3)."""
        return abs(np.linalg.det(self.cell))

    def reference_positions(self):
        """R (A), shape (n_sites, 3, n_cells)."""
        fractional = self.crystal.positions[:, None] + self.supercell.cells[None]
        return np.moveaxis(fractional @ self.crystal.cell, -1, 1)

    def to_atoms(self):
        """The structure as ``ase.Atoms``, atoms in their original order."""
        positions = np.einsum("ij,sjn->sni", self.deformation, self.reference_positions() + self.displacements)
        species = np.repeat(np.array(self.crystal.species)[:, None], self.supercell.n_cells, axis=1)
        back = np.argsort(self.order.ravel())
        return Atoms(species.ravel()[back], positions=positions.reshape(-1, 3)[back], cell=self.cell, pbc=True)

    def to_sites(self, per_atom):
        """Rearrange per-atom data (n_atoms, ...) to sites (n_sites, n_cells, ...)."""
        return np.asarray(per_atom)[self.order]

    def to_atom_order(self, per_site):
        """Rearrange per-site data (n_sites, n_cells, ...) to the original order (n_atoms, ...)."""
        per_site = np.asarray(per_site)
        return per_site.reshape(self.n_atoms, *per_site.shape[2:])[np.argsort(self.order.ravel())]
