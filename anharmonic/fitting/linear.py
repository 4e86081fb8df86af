"""Models that are linear in their parameters, solved directly by ridge regression."""

from copy import copy

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from scipy.linalg import cho_factor, cho_solve

from anharmonic.clusters import ClusterBasis
from anharmonic.fitting.prediction import device_batches, labels_of, predict, scale
from anharmonic.potential.features import Features
from anharmonic.potential.lattice import LatticePotential
from anharmonic.potential.linear_weights import linear_weights, with_linear_weights
from anharmonic.potential.models import ClusterModel
from anharmonic.potential.topology import Topology


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


class Batches:
    """Frames on the device with their supercells: what normal equations are made of.

    Parameters
    ----------
    device : list of DeviceBatch
    dataset : Dataset
        The same frames.
    """

    def __init__(self, device, dataset):
        host = dataset.batches() if device else []
        self.pairs = list(zip(device, [batch.supercell for batch in host], strict=True))
        self.indices = [int(k) for batch in host for k in batch.indices]

    @classmethod
    def of_dataset(cls, dataset, topology, weights):
        """All frames of a data set; see `device_batches`."""
        return cls(device_batches(dataset, topology, weights), dataset)

    def add_to(self, equations):
        """Add all frames to `NormalEquations`; returns these."""
        for batch, supercell in self.pairs:
            equations.add(batch, supercell)
        return equations

    def rows(self, equations):
        """`NormalEquations.rows` of all frames, in the order of `indices`."""
        for batch, supercell in self.pairs:
            yield from equations.rows(batch, supercell)

    def indexed_rows(self, equations):
        """``(index in the data set, row)`` of all frames."""
        return zip(self.indices, self.rows(equations), strict=True)


def label_scales(frame):
    """What the loss multiplies each label of a frame's row by, shape (n_labels,); 0 where there is none."""
    frames = frame.frames
    scales = frames.energy_scale[0], frames.force_scale[0], frames.stress_scale[0]
    return by_label(frame, *(float(x) for x in scales))


def kinds_of(frame):
    """Which kind, energy (0), forces or stress (2), each label of a frame's row is of; -1 where there is none."""
    return np.where(label_scales(frame) > 0, by_label(frame, 0, 1, 2), -1)


def by_label(frame, energy, forces, stress):
    """Three values repeated as the labels of a frame's row: an energy, its forces, nine components of stress."""
    return np.repeat([energy, forces, stress], (1, frame.frames.forces.size, 9))


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
