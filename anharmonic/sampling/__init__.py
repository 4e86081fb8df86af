"""Samplers, the run loop, and run files."""

from anharmonic.sampling.conditions import Conditions, strain_modes
from anharmonic.sampling.dynamics import (
    BussiRescaling,
    CellRescaling,
    Langevin,
    MolecularDynamics,
    NoseHooverChain,
    Piston,
)
from anharmonic.sampling.monte_carlo import (
    HybridMoves,
    ModeMoves,
    MonteCarlo,
    SequentialMoves,
    SiteMoves,
    StrainMoves,
)
from anharmonic.sampling.replica_exchange import ReplicaExchange
from anharmonic.sampling.run import Observer, Run, Sampling, Stage

__all__ = [
    "BussiRescaling",
    "CellRescaling",
    "Conditions",
    "HybridMoves",
    "Langevin",
    "ModeMoves",
    "MolecularDynamics",
    "MonteCarlo",
    "NoseHooverChain",
    "Observer",
    "Piston",
    "ReplicaExchange",
    "Run",
    "Sampling",
    "SequentialMoves",
    "SiteMoves",
    "Stage",
    "StrainMoves",
    "strain_modes",
]
