"""Metropolis Monte Carlo: the composition of moves, and the moves."""

from anharmonic.sampling.monte_carlo.hybrid import HybridMoves
from anharmonic.sampling.monte_carlo.metropolis import Microstate
from anharmonic.sampling.monte_carlo.modes import ModeMoves
from anharmonic.sampling.monte_carlo.monte_carlo import MonteCarlo, MonteCarloState
from anharmonic.sampling.monte_carlo.sequential import SequentialMoves
from anharmonic.sampling.monte_carlo.sites import SiteMoves
from anharmonic.sampling.monte_carlo.strain import StrainMoves

__all__ = [
    "Microstate",
    "HybridMoves",
    "ModeMoves",
    "MonteCarlo",
    "MonteCarloState",
    "SequentialMoves",
    "SiteMoves",
    "StrainMoves",
]
