"""What the space group of a crystal does to fields on a supercell."""

from dataclasses import dataclass

import numpy as np

from anharmonic.crystal.crystal import Crystal
from anharmonic.crystal.supercell import Supercell


@dataclass(frozen=True)
class Images:
    """Operations of a crystal, with all translations of a supercell, that map the supercell onto itself.

    Attributes
    ----------
    rotations : ndarray, shape (n, 3, 3)
        Cartesian.
    sites : ndarray, shape (n, n_sites), int
        Site that each site is mapped to.
    cells : ndarray, shape (n, n_sites, n_cells), int
        Cell that it is mapped to.
    """

    rotations: np.ndarray
    sites: np.ndarray
    cells: np.ndarray

    @classmethod
    def of_crystal(cls, crystal: Crystal, supercell: Supercell):
        """All operations: those of the space group, each followed by every translation in turn."""
        group, cells = crystal.space_group, supercell.cells
        turned = np.linalg.inv(supercell.matrix.T) @ group.rotations @ supercell.matrix.T
        kept = np.isclose(turned, turned.round(), atol=1e-6).all(axis=(1, 2))
        moved = np.einsum("oij,nj->oni", group.rotations[kept], cells)[:, None, None]
        targets = moved + group.shifts[kept][:, None, :, None] + cells[None, :, None, None]
        repeated = np.repeat(np.arange(kept.sum()), len(cells))
        rotations = group.cartesian_rotations(crystal.cell)[kept][repeated]
        where = supercell.index(targets).reshape(-1, crystal.n_sites, len(cells))
        return cls(rotations, group.site_map[kept][repeated], where)

    def __len__(self):
        return len(self.rotations)

    def permuted(self, k, field):
        """A field (..., n_sites, m, n_cells) with its values moved to where operation `k` takes them."""
        found = np.empty_like(field)
        for site, (target, cells) in enumerate(zip(self.sites[k], self.cells[k], strict=True)):
            found[..., target, :, cells] = np.moveaxis(field[..., site, :, :], -1, 0)
        return found

    def vectors(self, k, field):
        """Image under operation `k` of a field of vectors (..., n_sites, 3, n_cells)."""
        return np.einsum("ij,...jn->...in", self.rotations[k], self.permuted(k, field))
