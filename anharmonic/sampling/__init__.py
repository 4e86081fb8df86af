"""Samplers, the run loop, and run files."""

from anharmonic.sampling.conditions import Conditions, strain_modes
from anharmonic.sampling.langevin import LangevinDynamics
from anharmonic.sampling.monte_carlo import MonteCarlo
from anharmonic.sampling.run import Observer, Run, Sampling, Stage

__all__ = ["Conditions", "LangevinDynamics", "MonteCarlo", "Observer", "Run", "Sampling", "Stage", "strain_modes"]
