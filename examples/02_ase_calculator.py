"""Use a potential as an ASE calculator: relax the phases of CsPbBr3 and compare their energies.

python examples/02_ase_calculator.py [CsPbBr3-accurate]
"""

import argparse

import numpy as np
from ase.filters import UnitCellFilter
from ase.optimize import BFGS

import anharmonic as ah
from anharmonic.analysis import TiltModes

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("potential", nargs="?", default="CsPbBr3", help="name of a shipped potential, or a file")
parser.add_argument("--short", action="store_true", help="loose convergence, for a quick look")
options = parser.parse_args()

potential = ah.load(options.potential)
supercell = ah.Supercell.from_matrix([2, 2, 2])
modes = TiltModes.of_crystal(potential.crystal)
starts = {
    "Pm-3m  a0a0a0": ([0, 0, 0], [0, 0, 0]),
    "P4/mbm a0a0c+": ([0, 0, 10], [0, 0, 0]),
    "I4/mcm a0a0c-": ([0, 0, 0], [0, 0, 10]),
    "Pnma   a-a-c+": ([0, 0, 10], [8, 8, 0]),
}

for name, (in_phase, anti_phase) in starts.items():
    tilted = modes.displacements(np.array(in_phase, float), np.array(anti_phase, float), supercell)
    reference = ah.Configuration.reference(potential.crystal, supercell)
    atoms = ah.Configuration(potential.crystal, supercell, np.eye(3), tilted, reference.order).to_atoms()
    atoms.calc = ah.Calculator(potential)
    BFGS(UnitCellFilter(atoms), logfile=None).run(fmax=0.05 if options.short else 0.005, steps=500)
    energy = 1000 * atoms.get_potential_energy() / supercell.n_cells
    a, b, c = atoms.cell.lengths() / 2
    pressure = -atoms.get_stress()[:3].mean() / ah.conventions.GPA
    print(f"{name}  {energy:8.1f} meV per formula unit   a, b, c = {a:.3f} {b:.3f} {c:.3f} A   {pressure:6.3f} GPa")
