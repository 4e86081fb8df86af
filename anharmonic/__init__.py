"""Finite-temperature physics of crystals that harmonic models cannot describe."""

from anharmonic.clusters import ClusterBasis
from anharmonic.crystal import Configuration, Crystal, Supercell, map_atoms
from anharmonic.data import Dataset
from anharmonic.errors import AnharmonicError
from anharmonic.fitting import Schedule, Weights, fit
from anharmonic.interfaces.calculator import Calculator
from anharmonic.potential import Potential, load, relax, shipped
from anharmonic.sweep import sweep

__version__ = "0.1.0"

__all__ = [
    "AnharmonicError",
    "Calculator",
    "ClusterBasis",
    "Configuration",
    "Crystal",
    "Dataset",
    "Potential",
    "Schedule",
    "Supercell",
    "Weights",
    "fit",
    "load",
    "map_atoms",
    "relax",
    "shipped",
    "sweep",
]
