"""A snapshot of a run."""

from dataclasses import dataclass, replace

import numpy as np
from ase.calculators.singlepoint import SinglePointCalculator


@dataclass(frozen=True)
class Frame:
    """State of a run at one step.

    Attributes
    ----------
    step : int
    time : float or None
        fs; Monte Carlo has none.
    temperature : float
        Of the thermostat (K).
    production : bool
        False in the equilibration.
    energy : float
        Potential energy (eV) relative to the reference crystal.
    displacements : ndarray, shape (n_sites, 3, n_cells)
        u (A) in the reference frame.
    deformation : ndarray, shape (3, 3)
        F.
    """

    step: int
    time: float | None
    temperature: float
    production: bool
    energy: float
    displacements: np.ndarray
    deformation: np.ndarray

    def configuration(self, structure):
        """As a `Configuration` of the crystal and supercell of `structure`."""
        u, deformation = (np.asarray(x, float) for x in (self.displacements, self.deformation))
        return replace(structure, displacements=u, deformation=deformation)

    def atoms(self, structure):
        """As ``ase.Atoms`` with their energy; step, time (fs), temperature (K) and production in ``info``."""
        atoms = self.configuration(structure).to_atoms()
        atoms.calc = SinglePointCalculator(atoms, energy=self.energy)
        atoms.info = {"step": self.step, "temperature_K": self.temperature, "production": self.production}
        atoms.info |= {} if self.time is None else {"time_fs": self.time}
        return atoms
