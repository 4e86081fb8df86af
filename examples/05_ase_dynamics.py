"""Let ASE relax and move CsPbBr3: a flexible cell, constant energy, constant temperature and pressure.

    python examples/05_ase_dynamics.py

ASE's dynamics take any calculator; those of this package are much faster (docs/ase.md).
"""

import argparse
import time
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from ase import units
from ase.filters import FrechetCellFilter
from ase.md.langevinbaoab import LangevinBAOAB
from ase.md.verlet import VelocityVerlet
from ase.optimize import BFGS

import anharmonic as ah

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--out", default="ase_dynamics", help="folder for the figure")
parser.add_argument("--temperature", type=float, default=500.0, help="K")
parser.add_argument("--short", action="store_true", help="few steps, for a quick look")
options = parser.parse_args()
duration, steps = (60, 200) if options.short else (600, 10000)
warnings.filterwarnings("ignore", message="logm result")  # of the filter; errors of 1e-13

cubic = ah.load("CsPbBr3").crystal.to_atoms().repeat((2, 2, 2))
cubic.rattle(0.1, seed=1)


def with_calculator(atoms):
    """A copy with a calculator that allows for the widest excursions of hot atoms (grade 2)."""
    atoms = atoms.copy()
    atoms.calc = ah.Calculator("CsPbBr3", limit=3.0)
    return atoms


atoms = with_calculator(cubic)
BFGS(FrechetCellFilter(atoms), logfile=None).run(fmax=0.02, steps=300)
print(f"relaxed: {1000 * atoms.get_potential_energy() / 8:.1f} meV per formula unit, {atoms.get_volume() / 8:.2f} A^3")

atoms = with_calculator(cubic)
spread = np.sqrt(units.kB * options.temperature * atoms.get_masses())[:, None]
atoms.set_momenta(spread * np.random.default_rng(1).normal(size=(len(atoms), 3)))
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
for timestep in (2.0, 4.0):
    system, energies = with_calculator(atoms), []
    dynamics = VelocityVerlet(system, timestep * units.fs)
    for _ in dynamics.irun(int(duration / timestep)):
        energies.append(1000 * system.get_total_energy() / len(system))
    print(f"constant energy, {timestep:.0f} fs: standard deviation {np.std(energies):.4f} meV per atom")
    left.plot(timestep * np.arange(len(energies)), np.array(energies) - energies[0], label=f"{timestep:.0f} fs")

conditions = {"temperature_K": options.temperature, "externalstress": 0.0, "hydrostatic": True}
bath = {"T_tau": 200 * units.fs, "P_tau": 1000 * units.fs, "P_mass": 1e5, "rng": np.random.default_rng(2)}
dynamics = LangevinBAOAB(atoms, 4 * units.fs, **conditions, **bath)
temperatures, volumes, start = [], [], time.perf_counter()
for _ in dynamics.irun(steps):
    temperatures.append(atoms.get_temperature())
    volumes.append(atoms.get_volume() / 8)
print(f"constant pressure: {1000 * (time.perf_counter() - start) / steps:.2f} ms a step")
late = slice(len(volumes) // 4, None)
for name, values, unit in (("temperature", temperatures, "K"), ("volume", volumes, "A^3 per formula unit")):
    blocks = [block.mean() for block in np.array_split(values[late], 10)]
    print(f"{name} {np.mean(values[late]):.2f} +- {np.std(blocks) / 3:.2f} {unit}")

left.set(xlabel="time (fs)", ylabel="change of total energy (meV/atom)")
left.legend(frameon=False)
right.plot(0.004 * np.arange(len(volumes)), volumes, lw=0.6)
right.set(xlabel="time (ps)", ylabel="volume (A$^3$ per formula unit)", title=f"{options.temperature:.0f} K, 0 GPa")
folder = Path(options.out)
folder.mkdir(parents=True, exist_ok=True)
figure.savefig(folder / "dynamics.png", dpi=150)
print(f"figure in {folder}/dynamics.png")
