"""Everything that is linear in a model is solved directly: sums over parts of the data, for all folds at once."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from anharmonic.fitting.selection.labels import loss_weights

STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)
"""Strengths of the ridge that inner folds choose from."""


@dataclass(frozen=True)
class Columns:
    """Predictions of all frames for a unit of each linear parameter, in the order of `Labels`.

    Attributes
    ----------
    energy : ndarray, shape (p, n_frames)
    components : tuple of ndarray, shape (p, n_block_frames, n_components)
    """

    energy: np.ndarray
    components: tuple


@dataclass(frozen=True)
class NormalSums:
    """Sums over parts of the data of the products of columns, offsets and labels, weighted as in the loss.

    Attributes
    ----------
    products : ndarray, shape (n_parts, p + n_groups + 1, p + n_groups + 1)
        The labels are the last column.
    n_weights : int
        The number p of weights that a ridge holds back; offsets are free.
    counts : ndarray of int, shape (n_parts,)
        Frames of each part.
    """

    products: np.ndarray
    n_weights: int
    counts: np.ndarray

    @classmethod
    def of_columns(cls, columns, labels, weights, parts, n_groups):
        """Add up the frames of each part.

        Parameters
        ----------
        columns : Columns
        labels : Labels
        weights : Weights
        parts : ndarray of int, shape (n_frames,)
            Part of each frame; negative: none.
        n_groups : int
            Of energies with a common zero.
        """
        by_energy, by_component = loss_weights(labels, weights, parts >= 0)
        zeros = np.where(labels.group == np.arange(n_groups)[:, None], labels.n_cells, 0.0)
        energy = np.concatenate([columns.energy, zeros, labels.energy[None]]) * np.sqrt(by_energy)
        blocks = [
            np.concatenate([c, np.zeros((n_groups, *y.shape)), y[None]]) * np.sqrt(w)
            for c, y, w in zip(columns.components, labels.components, by_component, strict=True)
        ]
        where = labels.blocks(parts)
        products = []
        for part in range(parts.max() + 1):
            rows = [energy[:, parts == part]]
            rows += [b[:, inside == part].reshape(len(energy), -1) for b, inside in zip(blocks, where, strict=True)]
            products.append(sum(r @ r.T for r in rows))
        return cls(np.array(products), len(columns.energy), np.bincount(parts[parts >= 0]))

    def solve(self, parts, strength):
        """``(weights, offsets)`` that minimise the loss of some parts plus strength |weights|^2.

        The loss of the parts is normalised to that of all of them together. The offset of a group that
        is not in these parts is NaN.
        """
        matrix, target, absent = self._regularised(parts, strength)
        solution, n = cho_solve(cho_factor(matrix), target), self.n_weights
        return solution[:n], np.where(absent, np.nan, solution[n:])

    def inverse(self, parts, strength):
        """Inverse of the matrix of `solve`; half the inverse of the Hessian of its loss."""
        return np.linalg.inv(self._regularised(parts, strength)[0])

    def loss(self, parts, weights, offsets):
        """The loss of some parts for given parameters; a group whose offset is NaN counts with its best one."""
        total, n = self._scaled(parts), len(weights)
        vector = np.concatenate([weights, np.nan_to_num(offsets), [-1.0]])
        for group in np.flatnonzero(np.isnan(offsets)):
            own = total[n + group, n + group]
            vector[n + group] = -(total[n + group] @ vector) / own if own > 0 else 0.0
        return float(vector @ total @ vector)

    def best_strength(self, parts, strengths=STRENGTHS):
        """The strength with the lowest loss on each of some parts left out in turn."""
        errors = []
        for strength in strengths:
            kept = [[p for p in parts if p != left] for left in parts]
            errors.append(sum(self.loss([o], *self.solve(k, strength)) for o, k in zip(parts, kept, strict=True)))
        return strengths[int(np.argmin(errors))]

    def _regularised(self, parts, strength):
        """Normal matrix, right-hand side, and which groups are absent."""
        total, n = self._scaled(parts), self.n_weights
        matrix, target = total[:-1, :-1].copy(), total[:-1, -1]
        absent = np.diag(matrix)[n:] == 0
        diagonal = np.full(len(target), float(strength))
        diagonal[n:] = absent
        matrix[np.diag_indices_from(matrix)] += diagonal
        return matrix, target, absent

    def _scaled(self, parts):
        parts = list(parts)
        return self.products[parts].sum(0) * (self.counts.sum() / self.counts[parts].sum())
