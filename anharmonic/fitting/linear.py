"""Models that are linear in their parameters, solved directly by ridge regression."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from scipy.linalg import cho_factor, cho_solve

from anharmonic.clusters import ClusterBasis
from anharmonic.fitting.prediction import labels_of, predict, scale
from anharmonic.potential.features import Features
from anharmonic.potential.lattice import LatticePotential
from anharmonic.potential.models import ClusterModel, Expansion
from anharmonic.potential.topology import Topology


def is_linear(leaf):
    """Whether a part of a model is a linear expansion."""
    return isinstance(leaf, Expansion)


def linear_weights(model):
    """Weights of all expansions in a model, including the linear parts of its networks."""
    return [e.weights for e in jax.tree.leaves(model, is_leaf=is_linear) if is_linear(e)]


def with_linear_weights(model, flat):
    """The model with the weights of its expansions replaced by slices of `flat`."""
    sizes = [len(w) for w in linear_weights(model)]
    pieces = iter(jnp.split(flat, np.cumsum(sizes)[:-1]))
    return jax.tree.map(
        lambda e: eqx.tree_at(lambda x: x.weights, e, next(pieces)) if is_linear(e) else e, model, is_leaf=is_linear
    )


class NormalEquations:
    """Sums over frames of the ridge problem: add batches, then solve for any strength.

    The unknowns are the weights of all expansions and one energy offset per group. Each
    orbit's weights are differentiated on a lattice of that orbit alone.

    Parameters
    ----------
    basis : ClusterBasis
    lattice : LatticePotential
    n_groups : int
    """

    def __init__(self, basis, lattice, n_groups):
        self.pieces = _pieces(basis, lattice)
        self.n_weights = sum(map(len, linear_weights(lattice.model)))
        size = self.n_weights + n_groups
        self.matrix, self.target = np.zeros((size, size)), np.zeros(size)

    def add(self, batch, supercell):
        """Add the frames of a `DeviceBatch` on a `Supercell`."""
        tables = [piece.topology.translations(supercell) for piece in self.pieces]
        for k in range(len(batch)):
            frame = batch.frame(k)
            columns = [_columns(piece, t, frame) for piece, t in zip(self.pieces, tables, strict=True)]
            offsets = len(self.target) - self.n_weights
            jacobian = np.concatenate([*columns, _offset_columns(frame, offsets, columns[0].shape[1])])
            labels = np.concatenate([np.ravel(r) for r in scale(frame, *labels_of(frame))])
            self.matrix += jacobian @ jacobian.T
            self.target += jacobian @ labels

    def solve(self, strength):
        """``(weights, offsets)`` that minimise the loss + strength |weights|^2."""
        diagonal = np.full(len(self.target), strength)
        diagonal[self.n_weights :] = 1e-12
        solution = cho_solve(cho_factor(self.matrix + np.diag(diagonal)), self.target)
        return solution[: self.n_weights], solution[self.n_weights :]


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


def _columns(piece, translations, frame):
    """Scaled predictions of one frame for a unit of each linear weight, shape (n_weights, n_residuals)."""
    return np.asarray(_unit_predictions(piece, eqx.tree_at(lambda b: b.translations, frame, translations)))


@eqx.filter_jit
def _unit_predictions(lattice, batch):
    def prediction(weights):
        changed = eqx.tree_at(lambda x: x.model, lattice, with_linear_weights(lattice.model, weights))
        return jnp.concatenate([r.ravel() for r in scale(batch, *predict(changed, batch))])

    n_weights = sum(map(len, linear_weights(lattice.model)))
    at_zero = prediction(jnp.zeros(n_weights))
    return jax.lax.map(prediction, jnp.eye(n_weights), batch_size=32) - at_zero


def _offset_columns(frame, n_groups, n_residuals):
    """Scaled energies of one frame for a unit of each group's offset, shape (n_groups, n_residuals)."""
    columns = np.zeros((n_groups, n_residuals))
    group = int(frame.frames.group[0])
    columns[group, 0] = frame.n_cells * frame.frames.energy_scale[0]
    return columns
