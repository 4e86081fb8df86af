"""A supercell folded onto the few cells that hold the orders of a crystal: doublings of its axes."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from anharmonic.crystal.supercell import Supercell


@dataclass(frozen=True)
class Folding:
    """Which cells of a supercell are one cell of a smaller one.

    Attributes
    ----------
    supercell : Supercell
    folded : Supercell
        1 or 2 cells along each axis: 2 where the supercell is a multiple of it.
    """

    supercell: Supercell
    folded: Supercell

    @classmethod
    def of_supercell(cls, supercell):
        """Onto two cells along each axis where every vector of the supercell has an even number of them, else one."""
        is_even = (np.asarray(supercell.matrix) % 2 == 0).all(axis=0)
        return cls(supercell, Supercell.from_matrix(np.where(is_even, 2, 1)))

    @cached_property
    def target(self):
        """Folded cell of each cell, shape (n_cells,), int."""
        return self.folded.index(self.supercell.cells)

    @cached_property
    def members(self):
        """Cells of each folded cell, shape (n_folded, n_cells / n_folded), int."""
        return np.argsort(self.target, kind="stable").reshape(self.folded.n_cells, -1)
