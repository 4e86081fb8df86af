"""Molecular dynamics: the Hamiltonian of a flexible cell, thermostats, barostats, and their composition."""

from anharmonic.sampling.dynamics.barostats import CellRescaling, Piston
from anharmonic.sampling.dynamics.hamiltonian import Hamiltonian, PhasePoint
from anharmonic.sampling.dynamics.molecular_dynamics import DynamicsState, MolecularDynamics
from anharmonic.sampling.dynamics.thermostats import BussiRescaling, Langevin, NoseHooverChain

__all__ = [
    "BussiRescaling",
    "CellRescaling",
    "DynamicsState",
    "Hamiltonian",
    "Langevin",
    "MolecularDynamics",
    "NoseHooverChain",
    "PhasePoint",
    "Piston",
]
