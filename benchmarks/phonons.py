"""Harmonic phonons from the Hessian beside phonopy's finite displacements with the ASE calculator.

python benchmarks/phonons.py CsPbBr3 SrTiO3
"""

import sys

from ase import Atoms
from phonopy import Phonopy

import anharmonic as ah
from anharmonic.phonons import harmonic_phonons
from anharmonic.phonons.points import frequencies_at
from anharmonic.sweep.start import relaxed_phases

WAVE_VECTORS = [[0, 0, 0], [0.5, 0, 0], [0.5, 0.5, 0], [0.5, 0.5, 0.5], [0.13, 0.21, 0.37], [0.3, 0.1, 0.05]]
STEPS = (0.01, 0.003)
"""A."""


def finite_displacements(calculator, phonon, step):
    """What phonopy finds by moving atoms of the same cells."""
    found = Phonopy(phonon.unitcell, phonon.supercell_matrix, primitive_matrix=phonon.primitive_matrix, symprec=1e-3)
    found.generate_displacements(distance=step)
    found.forces = [
        Atoms(c.symbols, positions=c.positions, cell=c.cell, pbc=True, calculator=calculator).get_forces()
        for c in found.supercells_with_displacements
    ]
    found.produce_force_constants()
    return found


for name in sys.argv[1:] or ["CsPbBr3"]:
    potential = ah.load(name)
    calculator = ah.Calculator(potential, extrapolation="ignore")
    ground = next(iter(relaxed_phases(potential).values()))[0]
    for phase, state in (("reference", None), ("ground state", ground)):
        phonon = harmonic_phonons(potential, state=state)
        exact = [frequencies_at(phonon, q) for q in WAVE_VECTORS]
        for step in STEPS:
            other = finite_displacements(calculator, phonon, step)
            worst = max(abs(frequencies_at(other, q) - f).max() for q, f in zip(WAVE_VECTORS, exact, strict=True))
            print(f"{name}, {phase}, {len(phonon.primitive)} atoms, step {step} A: at most {worst:.5f} THz")
