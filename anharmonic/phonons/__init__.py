"""Phonons with phonopy: harmonic ones from the Hessian, effective ones at temperature, spectra of motion."""

from anharmonic.phonons.harmonic import harmonic_phonons
from anharmonic.phonons.run import PhononResult, phonons

__all__ = ["PhononResult", "harmonic_phonons", "phonons"]
