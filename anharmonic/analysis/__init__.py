"""What series from sampling mean: statistics, tilts, lattice parameters, phases, transitions."""

from anharmonic.analysis.lattice import lattice_angles, lattice_parameters
from anharmonic.analysis.phases import Phase, name_phase, tilt_estimate
from anharmonic.analysis.statistics import Estimate, equilibration_start, estimate
from anharmonic.analysis.tilts import TiltModes, angles
from anharmonic.analysis.transitions import find_transitions

__all__ = [
    "Estimate",
    "Phase",
    "TiltModes",
    "angles",
    "equilibration_start",
    "estimate",
    "find_transitions",
    "lattice_angles",
    "lattice_parameters",
    "name_phase",
    "tilt_estimate",
]
