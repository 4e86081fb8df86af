"""Energy models over a cluster basis, their evaluation on the grid of cells, and their files."""

from anharmonic.potential.library import load, shipped
from anharmonic.potential.potential import Potential, check_extrapolation, precision
from anharmonic.potential.relaxation import relax

__all__ = ["Potential", "check_extrapolation", "load", "precision", "relax", "shipped"]
