"""Reference crystals whose free energy is known exactly: Einstein's, and the harmonic one.

The density of a flexible cell, ``exp(-(U + W) / kT) V^(N-1)``, is made Gaussian in u and F by an energy that cancels
work and volume (`Measure`): then the reference is exact in the flexible cell too, and nothing has to be corrected for.
Both references are unchanged by translations of the whole crystal, so neither has the centre of mass to be held and
corrected for as in Frenkel and Ladd, J. Chem. Phys. 81, 3188 (1984), and Polson, Trizac, Pronk and Frenkel,
J. Chem. Phys. 112, 5339 (2000).
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from scipy.linalg import null_space

from anharmonic.conventions import BOLTZMANN
from anharmonic.errors import AnharmonicError
from anharmonic.sampling.conditions import Conditions


class Measure(eqx.Module):
    """``kT (N - 1) log det F - W(F)``: cancels the weight of the volume and the work of the load.

    Attributes
    ----------
    conditions : Conditions
    freedom : array
        N - 1.
    volume : array
        Of the undeformed supercell (A^3).
    """

    conditions: Conditions
    freedom: jax.Array
    volume: jax.Array

    def energy(self, deformation):
        """Energy (eV)."""
        kt = BOLTZMANN * self.conditions.temperature
        return kt * self.freedom * jnp.log(jnp.linalg.det(deformation)) - self.conditions.work(self.volume, deformation)

    def gradient(self, deformation):
        """Derivative by F (3, 3), eV."""
        kt = BOLTZMANN * self.conditions.temperature
        by_log = kt * self.freedom * jnp.linalg.inv(deformation).T
        return by_log - self.conditions.work_gradient(self.volume, deformation)


class Einstein(eqx.Module):
    """Every atom on a spring of its own, and the cell in a harmonic well.

    The springs hold the displacements from a common shift c of the crystal, that which makes their energy least:
    ``sum_i d_i K_i d_i / 2`` with ``d_i = u_i - u0_i - c``. The amounts a of ``F - F0`` along the strain modes have the
    energy ``a C a / 2``.

    Attributes
    ----------
    centres : array, shape (n_sites, 3, n_cells)
        u0 (A).
    springs : array, shape (n_sites, 3, 3, n_cells)
        K (eV/A^2).
    compliance : array, shape (3, 3)
        Inverse of the sum of all K (A^2/eV).
    deformation : array, shape (3, 3)
        F0.
    modes : array, shape (n_modes, 3, 3)
    stiffness : array, shape (n_modes, n_modes)
        C (eV).
    measure : Measure
    """

    centres: jax.Array
    springs: jax.Array
    compliance: jax.Array
    deformation: jax.Array
    modes: jax.Array
    stiffness: jax.Array
    measure: Measure

    @classmethod
    def create(cls, centres, springs, deformation, modes, stiffness, conditions, volume, dtype="float32"):
        """From the arrays of the class; `volume` (A^3) of the undeformed supercell.

        Raises
        ------
        AnharmonicError
            If a spring or the cell's well is not positive definite.
        """
        centres, springs = np.asarray(centres, float), np.asarray(springs, float)
        if np.linalg.eigvalsh(np.moveaxis(springs, 3, 1)).min() <= 0:
            raise AnharmonicError("a spring of the Einstein crystal is not positive definite: sample longer")
        if len(modes) and np.linalg.eigvalsh(stiffness).min() <= 0:
            raise AnharmonicError("the well of the cell is not positive definite: sample longer")
        measure = _measure(conditions, centres.size // 3, volume)
        compliance = np.linalg.inv(springs.sum(axis=(0, 3)))
        values = centres, springs, compliance, deformation, modes, np.asarray(stiffness).reshape(len(modes), len(modes))
        return cls(*(np.asarray(v, dtype) for v in values), jax.tree.map(lambda x: np.asarray(x, dtype), measure))

    def energy(self, displacements, deformation):
        """Energy (eV), that of the `Measure` included."""
        off, pulls = self._springs(displacements)
        amounts = self._amounts(deformation)
        return 0.5 * jnp.sum(off * pulls) + 0.5 * amounts @ self.stiffness @ amounts + self.measure.energy(deformation)

    def derivatives(self, displacements, deformation):
        """``(dE/du, dE/dF)``, the latter along the strain modes."""
        by_f = jnp.tensordot(self.stiffness @ self._amounts(deformation), self.modes, 1)
        return self._springs(displacements)[1], by_f + self.measure.gradient(deformation)

    def logarithm(self):
        """Logarithm of the determinant of the energy's second derivatives, translations left out."""
        springs, n_atoms = np.asarray(self.springs, float), self.centres.size // 3
        total = np.linalg.slogdet(np.moveaxis(springs, 3, 1))[1].sum() - np.linalg.slogdet(springs.sum(axis=(0, 3)))[1]
        cell = np.linalg.slogdet(np.asarray(self.stiffness, float))[1] if len(self.modes) else 0.0
        return total + 3 * np.log(n_atoms) + cell

    def _springs(self, displacements):
        """Displacements from the shifted centres, and the forces that hold them, sign reversed."""
        off = displacements - self.centres
        shift = self.compliance @ jnp.sum(_product(self.springs, off), axis=(0, 2))
        off = off - shift[:, None]
        return off, _product(self.springs, off)

    def _amounts(self, deformation):
        return jnp.tensordot(self.modes, deformation - self.deformation, 2)


class Harmonic(eqx.Module):
    """The harmonic crystal about a minimum, displacements and strain coupled: ``E0 + x D x / 2``.

    Attributes
    ----------
    centres : array, shape (n_sites, 3, n_cells)
        u at the minimum (A).
    deformation : array, shape (3, 3)
    modes : array, shape (n_modes, 3, 3)
    hessian : array, shape (3 N + n_modes, 3 N + n_modes)
        D, by u (in the order of its axes) and the amounts of the strain modes.
    minimum : array
        E0 (eV).
    measure : Measure
    """

    centres: jax.Array
    deformation: jax.Array
    modes: jax.Array
    hessian: jax.Array
    minimum: jax.Array
    measure: Measure

    @classmethod
    def create(cls, centres, deformation, modes, hessian, minimum, conditions, volume, dtype="float32"):
        """From the arrays of the class; `volume` (A^3) of the undeformed supercell.

        Raises
        ------
        AnharmonicError
            If the crystal is unstable: an eigenvalue of D is not above 0.
        """
        n_atoms = np.asarray(centres).size // 3
        lowest = _without_translations(np.asarray(hessian, float), np.shape(centres)).min()
        if lowest <= 0:
            raise AnharmonicError(
                f"the structure is no minimum of the energy (lowest curvature {lowest:.3g} eV/A^2): a harmonic "
                "reference needs a stable phase; take the Einstein crystal, or another phase"
            )
        values = (np.asarray(v, dtype) for v in (centres, deformation, modes, hessian, minimum))
        measure = _measure(conditions, n_atoms, volume)
        return cls(*values, jax.tree.map(lambda x: np.asarray(x, dtype), measure))

    def energy(self, displacements, deformation):
        """Energy (eV), that of the `Measure` included."""
        x = self._state(displacements, deformation)
        return self.minimum + 0.5 * x @ (self.hessian @ x) + self.measure.energy(deformation)

    def derivatives(self, displacements, deformation):
        """``(dE/du, dE/dF)``, the latter along the strain modes."""
        slope = self.hessian @ self._state(displacements, deformation)
        n = self.centres.size
        by_f = jnp.tensordot(slope[n:], self.modes, 1)
        return slope[:n].reshape(self.centres.shape), by_f + self.measure.gradient(deformation)

    def logarithm(self):
        """Logarithm of the determinant of the energy's second derivatives, translations left out."""
        hessian = np.asarray(self.hessian, float)
        return float(np.log(_without_translations(hessian, self.centres.shape)).sum())

    def _state(self, displacements, deformation):
        amounts = jnp.tensordot(self.modes, deformation - self.deformation, 2)
        return jnp.concatenate([(displacements - self.centres).ravel(), amounts])


def _product(tensors, vectors):
    """``sum_y tensors[s, x, y, n] vectors[s, y, n]``, spelled out (see `anharmonic.evaluation.fields`)."""
    return sum(tensors[:, :, y] * vectors[:, y, None] for y in range(3))


def _measure(conditions, n_atoms, volume):
    return Measure(conditions, np.float64(n_atoms - 1), np.asarray(volume, float))


def _without_translations(hessian, shape):
    """Eigenvalues of a matrix (3 N + n, 3 N + n), the three of translations of all atoms left out.

    `shape` is that of the displacements, (n_sites, 3, n_cells).
    """
    shifts = np.zeros((3, len(hessian)))
    shifts[:, : np.prod(shape)] = np.broadcast_to(np.eye(3)[:, None, :, None], (3, *shape)).reshape(3, -1)
    rest = null_space(shifts)
    return np.linalg.eigvalsh(rest.T @ hessian @ rest)
