"""Reference crystals, their symmetry, supercells, and the state of a distorted supercell."""

from anharmonic.crystal.configuration import Configuration
from anharmonic.crystal.crystal import Crystal, same_crystal
from anharmonic.crystal.mapping import map_atoms
from anharmonic.crystal.supercell import Supercell

__all__ = ["Configuration", "Crystal", "Supercell", "map_atoms", "same_crystal"]
