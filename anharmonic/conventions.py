"""Units, signs and Voigt order: the one place where they are defined.

Inside the package and in files: Angstrom, eV, amu, K, fs; stress in eV/A^3.
Signs and orders are ASE's: cells are row vectors, stress is positive in
tension, Voigt order is xx, yy, zz, yz, xz, xy, and ``free_energy`` equals
``energy``.

A state of a crystal is ``r = F (R + u)``: ``R`` are the positions of the
reference crystal, ``u`` displacements in the reference frame (A), and ``F``
is the deformation gradient (3x3, column convention: it acts on column
vectors, so a supercell with rows ``S P`` becomes ``S P F^T``).
"""

import numpy as np
from ase import units

BOLTZMANN = units.kB
"""Boltzmann constant (eV/K)."""

KINETIC = units._amu / units._e * 1e10
"""Energy (eV) of one amu (A/fs)^2: kinetic energy is ``KINETIC * m v^2 / 2``."""

HBAR = units._hbar / units._e * 1e15
"""Reduced Planck constant (eV fs)."""

COULOMB = units.Hartree * units.Bohr
"""Energy (eV) of two elementary charges one Angstrom apart."""

AVOGADRO = units._Nav
"""Atoms in a mole."""

ELEMENTARY_CHARGE = units._e
"""One eV in J."""

GPA = units.GPa
"""One GPa in eV/A^3."""

VASP_KILOBAR = 1e-22 / 1.60217733e-19
"""One kB in eV/A^3 with VASP's own (older) charge of the electron, to take out what VASP put in."""

VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
"""Index pairs of the Voigt components xx, yy, zz, yz, xz, xy."""


def to_voigt(tensor):
    """Voigt components (..., 6) of symmetric tensors (..., 3, 3)."""
    tensor = np.asarray(tensor)
    return np.stack([tensor[..., i, j] for i, j in VOIGT], axis=-1)


def from_voigt(components):
    """Symmetric tensors (..., 3, 3) from Voigt components (..., 6)."""
    components = np.asarray(components)
    tensor = np.empty(components.shape[:-1] + (3, 3), components.dtype)
    for k, (i, j) in enumerate(VOIGT):
        tensor[..., i, j] = tensor[..., j, i] = components[..., k]
    return tensor


def stress_from_virial(virial, volume):
    """Stress (eV/A^3, tension positive) from a virial (eV, ``-V sigma``), (..., 3, 3), and a volume (A^3)."""
    return -np.asarray(virial) / abs(volume)


def from_vasp_order(components):
    """Symmetric tensors (..., 3, 3) from six components in VASP's order xx, yy, zz, xy, yz, zx."""
    return from_voigt(np.asarray(components)[..., [0, 1, 2, 4, 5, 3]])


def energy_without_pressure(energy, pstress, volume):
    """Energy (eV) without the term that VASP adds to it under ``PSTRESS`` (kB) at a volume (A^3)."""
    return energy - VASP_KILOBAR * pstress * volume


def stress_from_vasp(kilobar):
    """Stress (eV/A^3, tension positive) from VASP's ``stress`` block (kB, compression positive)."""
    return -0.1 * GPA * np.asarray(kilobar)
