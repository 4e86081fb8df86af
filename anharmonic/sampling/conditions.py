"""What a run is exposed to: arguments of compiled steps, never closed over."""

import equinox as eqx
import jax
import numpy as np

from anharmonic.errors import AnharmonicError

SQRT_HALF = np.sqrt(0.5)
CELLS = ("fixed", "isotropic", "orthorhombic", "full")


class Conditions(eqx.Module):
    """Thermodynamic state.

    Attributes
    ----------
    temperature : float
        K.
    pressure : float
        Hydrostatic pressure, eV/A^3.
    """

    temperature: jax.Array
    pressure: jax.Array

    @classmethod
    def of(cls, temperature, pressure=0.0, dtype="float32"):
        """Build from plain numbers."""
        return cls(np.asarray(temperature, dtype), np.asarray(pressure, dtype))


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
