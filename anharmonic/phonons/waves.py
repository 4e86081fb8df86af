"""Motion and displacements at wave vectors: what a supercell says of the modes of the crystal."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.conventions import KINETIC
from anharmonic.evaluation.fields import transform


class WaveVelocities(eqx.Module):
    """Mass-weighted velocities of the atoms of the primitive cell at some wave vectors; an observable of a run.

    ``v_j(q) = N^-1/2 sum_l m_j^1/2 v_jl exp(-i q r_jl)`` over the N primitive cells l: of a harmonic crystal the mean
    squared projection on each eigenvector is kT.

    Attributes
    ----------
    weights : array, shape (2 n_q, n_atoms, n_sites, n_cells)
        Real parts, then imaginary parts, of ``N^-1/2 exp(-i q r)`` where the atom is of that kind, else zero.
    masses : array, shape (n_sites, 1, 1)
        eV fs^2/A^2.
    """

    weights: jax.Array
    masses: jax.Array

    @classmethod
    def of_cells(cls, cells, wave_vectors, dtype="float32"):
        """At wave vectors (n_q, 3), in reciprocal vectors of the primitive cell of `PhononCells`."""
        weights = wave_weights(cells, wave_vectors)
        masses = KINETIC * cells.configuration.crystal.masses[:, None, None]
        return cls(np.concatenate([weights.real, weights.imag]).astype(dtype), masses.astype(dtype))

    def __call__(self, state, model):
        """Real and imaginary parts (2, n_q, n_atoms, 3) in eV^1/2 of a state of molecular dynamics."""
        velocities = transform(jnp.linalg.inv(state.deformation).T, state.momenta / jnp.sqrt(self.masses))
        found = jnp.einsum("qasn,sxn->qax", self.weights, velocities)
        return found.reshape(2, -1, *found.shape[1:])


def wave_weights(cells, wave_vectors):
    """``N^-1/2 exp(-i q r)`` of each atom of the supercell for its kind, shape (n_q, n_atoms, n_sites, n_cells)."""
    phonon, configuration = cells.phonon, cells.configuration
    primitive = phonon.primitive
    fractional = phonon.supercell.positions @ np.linalg.inv(primitive.cell)
    phases = np.exp(-2j * np.pi * np.asarray(wave_vectors) @ fractional.T) / np.sqrt(cells.n_primitive)
    kinds = [primitive.p2p_map[k] for k in primitive.s2p_map]
    n_sites, _, n_cells = configuration.displacements.shape
    weights = np.zeros((len(phases), len(primitive), n_sites, n_cells), complex)
    weights[:, kinds, cells.sites, cells.cells] = phases
    return weights


def wave_amplitudes(cells, wave_vectors, displacements):
    """Mass-weighted displacements ``u_j(q)`` at wave vectors.

    Parameters
    ----------
    cells : PhononCells
    wave_vectors : array_like, shape (n_q, 3)
    displacements : ndarray, shape (n_samples, n_sites, 3, n_cells)
        A, from the positions of the cells, in the frame of the crystal.

    Returns
    -------
    ndarray, shape (n_samples, n_q, n_atoms, 3), complex
        A amu^1/2.
    """
    weighted = displacements * np.sqrt(cells.configuration.crystal.masses)[:, None, None]
    return np.einsum("qasn,tsxn->tqax", wave_weights(cells, wave_vectors), weighted, optimize=True)
