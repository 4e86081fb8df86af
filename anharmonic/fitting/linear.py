"""Models that are linear in their parameters, solved directly by ridge regression."""

from copy import copy

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from scipy.linalg import cho_factor, cho_solve

from anharmonic.clusters import ClusterBasis
from anharmonic.fitting.prediction import labels_of, predict, scale
from anharmonic.potential.features import Features
from anharmonic.potential.lattice import LatticePotential
from anharmonic.potential.linear_weights import is_linear, linear_weights, with_linear_weights
from anharmonic.potential.models import ClusterModel
from anharmonic.potential.topology import Topology

__all__ = ["NormalEquations", "is_linear", "linear_weights", "with_linear_weights"]


class NormalEquations:
    """Sums over frames of the ridge problem: add batches, then solve for any strength.

    The unknowns are the weights of all expansions and one energy offset per group. Each
    orbit's weights are differentiated on a lattice of that orbit alone, if `split`: less
    arithmetic, more to compile. (Many orbits in one piece compile for minutes.)

    Parameters
    ----------
    basis : ClusterBasis
    lattice : LatticePotential
    n_groups : int
    last_layers : bool
        Count the last layers of networks among the weights.
    split : bool
    """

    def __init__(self, basis, lattice, n_groups, last_layers=False, split=True):
        self.pieces, self.last_layers = _pieces(basis, lattice) if split else [lattice], last_layers
        self.n_weights = sum(map(len, linear_weights(lattice.model, last_layers)))
        size = self.n_weights + n_groups
        self.matrix, self.target, self.squares = np.zeros((size, size)), np.zeros(size), 0.0

    def empty(self):
        """The same problem without any frame."""
        other = copy(self)
        other.matrix, other.target, other.squares = np.zeros_like(self.matrix), np.zeros_like(self.target), 0.0
        return other

    def add(self, batch, supercell):
        """Add the frames of a `DeviceBatch` on a `Supercell`."""
        for jacobian, labels, _ in self.rows(batch, supercell):
            self.matrix += jacobian @ jacobian.T
            self.target += jacobian @ labels
            self.squares += labels @ labels

    def rows(self, batch, supercell):
        """By frame of a `DeviceBatch`: scaled unit predictions (n_unknowns, n_labels), scaled labels, the frame."""
        tables = [piece.topology.translations(supercell) for piece in self.pieces]
        offsets = len(self.target) - self.n_weights
        for k in range(len(batch)):
            frame = batch.frame(k)
            columns = [_columns(p, t, frame, self.last_layers) for p, t in zip(self.pieces, tables, strict=True)]
            jacobian = np.concatenate([*columns, _offset_columns(frame, offsets, columns[0].shape[1])])
            yield jacobian, np.concatenate([np.ravel(r) for r in scale(frame, *labels_of(frame))]), frame

    def solve(self, strength):
        """``(weights, offsets)`` that minimise the loss + strength |weights|^2."""
        solution = cho_solve(self._factorised(strength), self.target)
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


def _pieces(basis, lattice):
    """Lattices whose weights, one after the other, are those of the whole: one per orbit if clusters do not couple."""
    if not isinstance(lattice.model, ClusterModel):
        return [lattice]
    pieces = []
    for k, term in enumerate(lattice.model.terms):
        parts = ((x[k],) for x in (basis.orbits, basis.ccds, basis.invariants))
        alone = ClusterBasis.from_parts(basis.crystal, *parts, basis.metric, basis.reduce)
        features = Features((lattice.features.orbits[k],), basis.metric)
        pieces.append(LatticePotential(Topology.of_basis(alone), features, ClusterModel((term,))))
    return pieces


def _columns(piece, translations, frame, last_layers):
    """Scaled predictions of one frame for a unit of each linear weight, shape (n_weights, n_residuals)."""
    on_piece = eqx.tree_at(lambda b: b.translations, frame, translations)
    return np.asarray(_unit_predictions(piece, on_piece, last_layers))


@eqx.filter_jit
def _unit_predictions(lattice, batch, last_layers):
    def prediction(weights):
        changed = eqx.tree_at(lambda x: x.model, lattice, with_linear_weights(lattice.model, weights, last_layers))
        return jnp.concatenate([r.ravel() for r in scale(batch, *predict(changed, batch))])

    n_weights = sum(map(len, linear_weights(lattice.model, last_layers)))
    at_zero = prediction(jnp.zeros(n_weights))
    return jax.lax.map(prediction, jnp.eye(n_weights), batch_size=32) - at_zero


def _offset_columns(frame, n_groups, n_residuals):
    """Scaled energies of one frame for a unit of each group's offset, shape (n_groups, n_residuals)."""
    columns = np.zeros((n_groups, n_residuals))
    if n_groups:
        columns[int(frame.frames.group[0]), 0] = frame.n_cells * frame.frames.energy_scale[0]
    return columns
