"""Fitting potentials to energies, forces and stresses."""

from anharmonic.fitting.calibration import Calibration, calibrate, calibration_table
from anharmonic.fitting.errors import Comparison, compare, error_report, report_table
from anharmonic.fitting.fit import FitResult, fit
from anharmonic.fitting.prediction import Weights
from anharmonic.fitting.training import Schedule

__all__ = [
    "Calibration",
    "Comparison",
    "FitResult",
    "Schedule",
    "Weights",
    "calibrate",
    "calibration_table",
    "compare",
    "error_report",
    "fit",
    "report_table",
]
