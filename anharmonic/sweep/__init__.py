"""Temperature sweeps over phase transitions."""

from anharmonic.sweep.plan import SweepPlan
from anharmonic.sweep.result import SweepResult
from anharmonic.sweep.sweep import sweep

__all__ = ["SweepPlan", "SweepResult", "sweep"]
