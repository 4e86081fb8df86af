"""The energy of dipoles on the grid of cells: exact by one pair of Fourier transforms.

Ion i, displaced by u, carries the dipole Z_i u. The force constants between dipoles of a crystal with electronic
dielectric tensor eps (Gonze and Lee, Phys. Rev. B 55, 10355 (1997), eqs. 71 to 73) are summed over reciprocal lattice
vectors alone: ions are Gaussian charges of a width of `WIDTH` cube roots of the volume per atom. Beyond a few widths
that is the interaction of points; nearer by, clusters hold the difference.

A uniform translation costs nothing: each ion is held by what all others pull (Gonze and Lee, eq. 48). Where sites have
so little symmetry that this is no symmetric tensor, it would not suffice, and such charges are refused.

Displacements are those of the reference frame, ``r = F (R + u)``, so the energy is invariant under rotations, and the
strain of the lattice is left to the clusters. Periodic cells feel no field of their surface (q = 0, K = 0 is left out),
as in the labels of a periodic code.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from phonopy.structure.snf import SNF3x3

from anharmonic.conventions import COULOMB
from anharmonic.errors import AnharmonicError

WIDTH = 0.3
NEGLIGIBLE = 1e-13
"""Form factors below this are left out."""

UNBALANCED = 1e-6
"""Largest share of the force constants that a translation may leave."""


class DipoleInteraction(eqx.Module):
    """Dipole-dipole interaction on a supercell; all arrays are arguments of compiled functions.

    Attributes
    ----------
    kernel : array, shape (2, 3 n_sites, 3 n_sites, n_q)
        Real and imaginary part of the force constants (eV/A^2) at the wave vectors of a real transform.
    places, cells : array of int, shape (n_cells,)
        The cell at each place of the grid of the transform, and the place of each cell.
    shape : tuple of int
        Of that grid.
    """

    kernel: jax.Array
    places: jax.Array
    cells: jax.Array
    shape: tuple = eqx.field(static=True)

    @classmethod
    def create(cls, crystal, born, supercell):
        """Interaction of `BornCharges` on a `Supercell`."""
        form = SNF3x3(supercell.matrix)
        shape, turn = tuple(abs(np.diag(form.D)).tolist()), np.array(form.Q)
        coordinates = (supercell.cells @ turn) % shape
        cells = np.ravel_multi_index(coordinates.T, shape).astype(np.int32)
        half = np.stack(np.meshgrid(*map(np.arange, (*shape[:2], shape[2] // 2 + 1)), indexing="ij"), axis=-1)
        wave_vectors = (half.reshape(-1, 3) / shape) @ turn.T
        kernel = np.moveaxis(force_constants(crystal, born, wave_vectors), 0, -1)
        return cls(np.stack([kernel.real, kernel.imag]), np.argsort(cells).astype(np.int32), cells, shape)

    def slopes(self, displacements):
        """dE/du (eV/A), shape (n_sites, 3, n_cells)."""
        waves = jnp.fft.rfftn(displacements[..., self.places].reshape(-1, *self.shape), axes=(1, 2, 3))
        kernel = jax.lax.complex(*jnp.asarray(self.kernel, displacements.dtype))
        pulls = jnp.einsum("abq,bq->aq", kernel, waves.reshape(len(waves), -1))
        slopes = jnp.fft.irfftn(pulls.reshape(waves.shape), self.shape, axes=(1, 2, 3))
        return slopes.reshape(displacements.shape)[..., self.cells]

    def energies_and_slopes(self, displacements):
        """Shares of the sites in the energy (eV), shape (n_sites, n_cells), and dE/du as of `slopes`."""
        slopes = self.slopes(displacements)
        return 0.5 * jnp.sum(displacements * slopes, axis=1), slopes

    def energy(self, displacements):
        """Energy (eV) of displacements (n_sites, 3, n_cells)."""
        return jnp.sum(self.energies_and_slopes(displacements)[0])


class DipoleInteractions:
    """The `DipoleInteraction` of each supercell that is asked for, made once.

    Parameters
    ----------
    crystal : Crystal
    born : BornCharges
    """

    def __init__(self, crystal, born):
        self.crystal, self.born, self._made = crystal, born, {}

    def __call__(self, supercell):
        """The interaction on a `Supercell`."""
        key = supercell.matrix.tobytes()
        if key not in self._made:
            self._made[key] = DipoleInteraction.create(self.crystal, self.born, supercell)
        return self._made[key]


def force_constants(crystal, born, wave_vectors):
    """Dipole-dipole force constants, Hermitian, zero for a uniform translation.

    Parameters
    ----------
    crystal : Crystal
    born : BornCharges
    wave_vectors : ndarray, shape (n_q, 3)
        In units of the reciprocal vectors of the reference cell (without 2 pi).

    Returns
    -------
    ndarray, shape (n_q, 3 n_sites, 3 n_sites), complex
        eV/A^2.

    Raises
    ------
    AnharmonicError
        If sites have tensors of so low symmetry that a translation would not be free.
    """
    waves = _reciprocal_vectors(crystal)
    found = np.array([_bare(crystal, born, q + waves) for q in wave_vectors % 1])
    at_zero, n = _bare(crystal, born, waves).real.reshape(crystal.n_sites, 3, crystal.n_sites, 3), crystal.n_sites
    own = np.zeros_like(at_zero)
    own[np.arange(n), :, np.arange(n)] = at_zero.sum(2)
    if abs(own - np.transpose(own, (2, 3, 0, 1))).max() > UNBALANCED * abs(at_zero).max():
        raise AnharmonicError(
            f"dipoles of these Born charges are not supported in {crystal.formula}: the surroundings of some sites "
            "have so low a symmetry that a uniform translation would cost energy. Give isotropic charges"
        )
    return found - 0.5 * (own + np.transpose(own, (2, 3, 0, 1))).reshape(3 * n, 3 * n)


def _bare(crystal, born, waves):
    """The sum over waves K (n, 3), in units of reciprocal vectors; K = 0 is left out."""
    k = 2 * np.pi * waves @ np.linalg.inv(crystal.cell).T
    squares = (k**2).sum(1)
    keep = (squares > 1e-12) & (squares < _longest(crystal) ** 2)
    k, waves, squares = k[keep], waves[keep], squares[keep]
    strength = 4 * np.pi * COULOMB / crystal.volume * np.exp(-squares * _width(crystal) ** 2)
    strength = strength / np.einsum("ga,ab,gb->g", k, born.dielectric, k)
    polarised = np.einsum("gb,sba->gsa", k, born.charges) * np.exp(2j * np.pi * waves @ crystal.positions.T)[..., None]
    rows = polarised.reshape(len(k), -1)
    return (rows * strength[:, None]).T @ rows.conj()


def _reciprocal_vectors(crystal):
    """Integer vectors G such that q + G holds every wave that matters, for q in the first cell."""
    reciprocal = 2 * np.pi * np.linalg.inv(crystal.cell).T
    longest = _longest(crystal)
    reach = np.ceil(longest / (2 * np.pi) * np.linalg.norm(crystal.cell, axis=1)).astype(int) + 1
    waves = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in reach), indexing="ij"), axis=-1).reshape(-1, 3)
    return waves[np.linalg.norm(waves @ reciprocal, axis=1) < longest + np.linalg.norm(reciprocal, axis=1).sum()]


def _longest(crystal):
    """Wave number (1/A) beyond which the form factor is negligible."""
    return np.sqrt(-np.log(NEGLIGIBLE)) / _width(crystal)


def _width(crystal):
    return WIDTH * (crystal.volume / crystal.n_sites) ** (1 / 3)
