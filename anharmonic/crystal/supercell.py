"""Supercells by any integer matrix: the grid of cells and translations on it."""

from dataclasses import dataclass

import numpy as np

from anharmonic.errors import AnharmonicError


@dataclass(frozen=True)
class Supercell:
    """Cells of a crystal modulo the lattice spanned by the rows of `matrix`.

    Attributes
    ----------
    matrix : ndarray, shape (3, 3), int
        Supercell vectors as rows, in units of the reference cell's vectors.
    hermite : ndarray, shape (3, 3), int
        Upper triangular Hermite normal form with the same row lattice; cells are
        ``0 <= n_k < hermite[k, k]`` with the last index running fastest.
    """

    matrix: np.ndarray
    hermite: np.ndarray

    @classmethod
    def from_matrix(cls, matrix):
        """Build from three integers (diagonal) or a 3x3 integer matrix.

        Raises
        ------
        AnharmonicError
            If the matrix is not made of integers or is singular.
        """
        matrix = np.asarray(matrix)
        matrix = np.diag(matrix) if matrix.ndim == 1 else matrix
        if matrix.shape != (3, 3) or not np.allclose(matrix, np.round(matrix)):
            raise AnharmonicError(f"a supercell is three integers or a 3x3 integer matrix, found {matrix.tolist()}")
        matrix = np.round(matrix).astype(int)
        if round(np.linalg.det(matrix)) == 0:
            raise AnharmonicError(f"the supercell matrix {matrix.tolist()} has no volume")
        return cls(matrix, _hermite_normal_form(matrix))

    @property
    def n_cells(self):
        """Number of reference cells in the supercell."""
        return int(np.prod(np.diag(self.hermite)))

    @property
    def shape(self):
        """Numbers of cells along the three axes of the grid."""
        return tuple(int(n) for n in np.diag(self.hermite))

    @property
    def cells(self):
        """Coordinates of all cells, shape (n_cells, 3), int."""
        return np.stack(np.unravel_index(np.arange(self.n_cells), self.shape), axis=-1)

    def reduce(self, cells):
        """Representatives on the grid of any cells (..., 3), int."""
        cells = np.array(cells)
        for k in range(3):
            cells -= np.floor_divide(cells[..., k], self.hermite[k, k])[..., None] * self.hermite[k]
        return cells

    def index(self, cells):
        """Index (...,) on the grid of any cells (..., 3)."""
        return np.ravel_multi_index(np.moveaxis(self.reduce(cells), -1, 0), self.shape)

    def translations(self, offsets):
        """Index of the cell at ``n + offset`` for all n: shape (n_offsets, n_cells), int32."""
        return self.index(self.cells[None] + np.asarray(offsets)[:, None]).astype(np.int32)


def _hermite_normal_form(matrix):
    """Row-style Hermite normal form: unimodular row operations to an upper triangle."""
    h = matrix.copy()
    for k in range(3):
        while np.count_nonzero(h[k:, k]) > 1:
            rows = k + np.flatnonzero(h[k:, k])
            pivot = rows[np.argmin(np.abs(h[rows, k]))]
            for row in rows[rows != pivot]:
                h[row] -= (h[row, k] // h[pivot, k]) * h[pivot]
        row = k + np.flatnonzero(h[k:, k])[0]
        h[[k, row]] = h[[row, k]]
        h[k] *= np.sign(h[k, k])
        for above in range(k):
            h[above] -= (h[above, k] // h[k, k]) * h[k]
    return h
