"""Phonons with phonopy: harmonic ones from the Hessian, effective ones at temperature, spectra of motion."""

from anharmonic.phonons.harmonic import harmonic_phonons

__all__ = ["harmonic_phonons"]
