"""Models that are linear in their parameters, solved directly by ridge regression."""

import numpy as np
from scipy.linalg import cho_factor, cho_solve

RIDGE_STRENGTHS = tuple(10.0**k for k in range(-3, 5))
RIDGE_MARGIN = 1.02
"""The strongest ridge whose loss is within this factor of the best is taken."""


def strongest_ridge(loss):
    """The strongest of a few strengths for which ``loss(strength)`` of held-out frames is near its best."""
    losses = {strength: loss(strength) for strength in RIDGE_STRENGTHS}
    return max(s for s, value in losses.items() if value <= RIDGE_MARGIN * min(losses.values()))


class NormalEquations:
    """Sums over frames of the ridge problem: add rows, then solve for any strength.

    The unknowns are the weights of a model and one energy offset per group.

    Parameters
    ----------
    n_weights, n_groups : int
    """

    def __init__(self, n_weights, n_groups):
        self.n_weights, size = n_weights, n_weights + n_groups
        self.matrix, self.target, self.squares = np.zeros((size, size)), np.zeros(size), 0.0

    @classmethod
    def sum_of(cls, parts):
        """Equations of the frames of all parts."""
        total = cls(parts[0].n_weights, len(parts[0].target) - parts[0].n_weights)
        for part in parts:
            total.matrix, total.target = total.matrix + part.matrix, total.target + part.target
            total.squares += part.squares
        return total

    def add(self, rows):
        """Add every `Row` of an iterable; returns the equations."""
        for row in rows:
            jacobian, labels = row.scaled()
            self.matrix += jacobian @ jacobian.T
            self.target += jacobian @ labels
            self.squares += labels @ labels
        return self

    def solve(self, strength, prior=0.0):
        """``(weights, offsets)`` that minimise the loss + strength |weights - prior|^2."""
        target = self.target.copy()
        target[: self.n_weights] += strength * prior
        solution = cho_solve(self._factorised(strength), target)
        return solution[: self.n_weights], solution[self.n_weights :]

    def loss(self, weights, offsets):
        """Sum of squared scaled residuals of the frames that were added."""
        unknowns = np.concatenate([weights, offsets])
        return float(unknowns @ self.matrix @ unknowns - 2 * self.target @ unknowns + self.squares)

    def covariance(self, strength):
        """Inverse of the matrix that `solve` solves with, shape (n_unknowns, n_unknowns)."""
        return cho_solve(self._factorised(strength), np.eye(len(self.target)))

    def _factorised(self, strength):
        diagonal = np.full(len(self.target), strength)
        diagonal[self.n_weights :] = 1e-12
        return cho_factor(self.matrix + np.diag(diagonal))
