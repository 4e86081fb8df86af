"""Classical free energies that are known in closed form: motion of the atoms, and Gaussian crystals.

What is called the free energy of a supercell is ``-kT log Z`` with

    Z = int dF int' du (det F)^(N-1) exp(-(U + W) / kT)  N^(3/2) L_M^3 / prod_i L_i^3

where int' leaves out the translations of the whole crystal, L_i are the thermal wavelengths of the atoms and L_M that
of their total mass: the free motion of the centre of mass is taken out. In a fixed cell there is no integral over F.
The classical harmonic crystal in a fixed cell then has ``E0 + kT sum_j log(hbar w_j / kT)`` over its 3 N - 3
frequencies.
"""

import numpy as np

from anharmonic.conventions import BOLTZMANN, HBAR, KINETIC


def kinetic_free_energy(masses, temperature):
    """Free energy (eV) of the motion of atoms about their centre of mass, ``-kT log (N^(3/2) L_M^3 / prod L_i^3)``.

    Parameters
    ----------
    masses : array_like, shape (n_atoms,)
        Of all atoms (amu).
    temperature : float
        K.
    """
    kt, masses = BOLTZMANN * temperature, np.asarray(masses, float)
    inverse_squares = KINETIC * kt / (2 * np.pi * HBAR**2) * np.append(masses, masses.sum())
    logarithms = 1.5 * np.log(inverse_squares)
    return -kt * (logarithms[:-1].sum() - logarithms[-1] + 1.5 * np.log(len(masses)))


def kinetic_energy(n_atoms, temperature):
    """Mean energy (eV) of that motion."""
    return 1.5 * (n_atoms - 1) * BOLTZMANN * temperature


def gaussian_free_energy(logarithm, dimensions, temperature):
    """``-kT log int exp(-x D x / 2 kT) dx`` (eV).

    Parameters
    ----------
    logarithm : float
        log det D, in eV and A.
    dimensions : int
        Of x.
    temperature : float
        K.
    """
    kt = BOLTZMANN * temperature
    return -0.5 * kt * (dimensions * np.log(2 * np.pi * kt) - logarithm)


def reference_free_energy(reference, masses, temperature):
    """Free energy (eV) of an `Einstein` or `Harmonic` crystal, see the top of this module.

    Parameters
    ----------
    reference : Einstein or Harmonic
    masses : array_like, shape (n_atoms,)
        amu.
    temperature : float
        K; that of the reference's `Measure`.
    """
    dimensions = 3 * (len(masses) - 1) + len(reference.modes)
    minimum = float(getattr(reference, "minimum", 0.0))
    gaussian = gaussian_free_energy(reference.logarithm(), dimensions, temperature)
    return minimum + gaussian + kinetic_free_energy(masses, temperature)
