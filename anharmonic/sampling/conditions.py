"""What a run is exposed to: arguments of compiled steps, never closed over."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.errors import AnharmonicError

SQRT_HALF = np.sqrt(0.5)
CELLS = ("fixed", "isotropic", "orthorhombic", "full")


class Conditions(eqx.Module):
    """Thermodynamic state.

    The hydrostatic part of the applied stress works on the volume, the rest on the strain of the
    reference crystal, so that both have a potential (Parrinello and Rahman, J. Appl. Phys. 52,
    7182 (1981), eqs. 2.16 and 2.24). At strains of a few percent the Cauchy stress of the sample
    differs from `tension` by as many percent.

    Attributes
    ----------
    temperature : array, shape ()
        K.
    pressure : array, shape ()
        Hydrostatic pressure, eV/A^3.
    tension : array, shape (3, 3)
        Deviatoric second Piola-Kirchhoff stress, eV/A^3, positive in tension, in the reference frame.
    """

    temperature: jax.Array
    pressure: jax.Array
    tension: jax.Array

    @classmethod
    def of(cls, temperature, pressure=0.0, tension=None, dtype="float32"):
        """Build from plain numbers; `tension` is zero unless given."""
        tension = np.zeros((3, 3)) if tension is None else tension
        return cls(*(np.asarray(x, dtype) for x in (temperature, pressure, tension)))

    def work(self, volume, deformation):
        """``P V0 det F - V0 tension : E`` (eV) with the Green-Lagrange strain E.

        Parameters
        ----------
        volume : array
            V0, of the undeformed supercell (A^3).
        deformation : array, shape (3, 3)
        """
        strain = 0.5 * (deformation.T @ deformation - jnp.eye(3, dtype=deformation.dtype))
        return volume * (self.pressure * jnp.linalg.det(deformation) - jnp.sum(self.tension * strain))

    def work_gradient(self, volume, deformation):
        """Derivative of `work` by F, shape (3, 3), eV."""
        cofactor = jnp.linalg.det(deformation) * jnp.linalg.inv(deformation).T
        return volume * (self.pressure * cofactor - deformation @ self.tension)


def split_stress(stress):
    """Pressure and deviatoric part of a stress.

    Parameters
    ----------
    stress : array_like, shape (3, 3)
        Symmetric, positive in tension.

    Returns
    -------
    float, ndarray of shape (3, 3)
        As `Conditions` takes them, in the unit of `stress`.

    Raises
    ------
    AnharmonicError
        If `stress` is not a symmetric 3x3 tensor.
    """
    stress = np.asarray(stress, float)
    if stress.shape != (3, 3) or not np.allclose(stress, stress.T):
        raise AnharmonicError(f"a stress is a symmetric 3x3 tensor; found {stress.tolist()}")
    pressure = -np.trace(stress) / 3
    return pressure, stress + pressure * np.eye(3)


def strain_modes(cell):
    """Orthonormal symmetric matrices, shape (n, 3, 3), along which F may change.

    F stays symmetric, so a cell can strain but never rotate.

    Parameters
    ----------
    cell : str
        ``"fixed"`` (n = 0), ``"isotropic"`` (1), ``"orthorhombic"`` (3, the axes of
        the reference keep their directions), ``"full"`` (6).
    """
    if cell not in CELLS:
        raise AnharmonicError(f"cell is one of {', '.join(CELLS)}; found {cell!r}")
    diagonal = np.zeros((3, 3, 3))
    diagonal[np.arange(3), np.arange(3), np.arange(3)] = 1.0
    shear = np.zeros((3, 3, 3))
    for k, (i, j) in enumerate(((1, 2), (0, 2), (0, 1))):
        shear[k, i, j] = shear[k, j, i] = SQRT_HALF
    return {
        "fixed": np.zeros((0, 3, 3)),
        "isotropic": np.eye(3)[None] / np.sqrt(3),
        "orthorhombic": diagonal,
        "full": np.concatenate([diagonal, shear]),
    }[cell]
