"""Makes free_atoms.h5, the densities of free atoms from H to Lr: run it in this folder, some minutes on two cores.

Ground-state configurations come from the package mendeleev.
"""

from concurrent.futures import ProcessPoolExecutor

import h5py
import numpy as np
from ase.units import Bohr
from mendeleev import element
from scipy.interpolate import CubicSpline

from anharmonic.screening.entries import HEAVIEST
from anharmonic.screening.hirshfeld.densities import STEP
from anharmonic.screening.hirshfeld.free_atom import solve

LAST = 12.0
"""Largest radius of the table, A."""


def configuration(number):
    """Electrons by (n, l) of the ground state."""
    return {(n, "spdf".index(letter)): int(count) for (n, letter), count in element(number).ec.conf.items()}


def row(number):
    """Total energy (Hartree), and the logarithm of the density (electrons/A^3) on the radii of the table."""
    atom = solve(number, configuration(number))
    radii = np.arange(0, LAST + STEP / 2, STEP) / Bohr
    logarithm = CubicSpline(atom.radii, np.log(atom.density))(np.maximum(radii, atom.radii[0]))
    print(f"{number} {atom.energy:.4f} Hartree, highest level {max(atom.levels.values()):.4f}", flush=True)
    return atom.energy, logarithm - 3 * np.log(Bohr)


if __name__ == "__main__":
    with ProcessPoolExecutor(2) as pool:
        energies, logarithms = zip(*pool.map(row, range(1, HEAVIEST + 1)), strict=True)
    with h5py.File("free_atoms.h5", "w") as file:
        file.attrs["format"], file.attrs["version"] = "anharmonic free atoms", 1
        file.attrs["method"] = "spin-polarised KLI exchange, not relativistic, open shells averaged"
        file.attrs["step_A"] = STEP
        file.create_dataset("energy_Hartree", data=np.array(energies))
        file.create_dataset("log_density", data=np.array(logarithms, np.float32), compression="gzip", shuffle=True)
