"""Path-integral dynamics of CsPbBr3 at constant pressure: i-PI moves the atoms, ASE's socket client brings the forces.

    pip install ipi
    python examples/06_ipi.py                # eight beads at 100 K
    python examples/06_ipi.py --beads 1      # the same with classical nuclei

i-PI runs as a process of its own and ends with this script; its input and output stay in the folder.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from ase.calculators.socketio import SocketClient, actualunixsocketname
from ase.filters import UnitCellFilter
from ase.optimize import BFGS

import anharmonic as ah

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--out", default="ipi", help="folder for the input and output of i-PI")
parser.add_argument("--beads", type=int, default=8, help="replicas of the system; 1 is classical")
parser.add_argument("--short", action="store_true", help="two beads, few steps, for a quick look")
options = parser.parse_args()
beads, steps = (2, 20) if options.short else (options.beads, 2000)
server = shutil.which("i-pi", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
if server is None:
    raise SystemExit("i-PI is not installed; install it with: pip install ipi")

folder, socket = Path(options.out), f"anharmonic_{os.getpid()}"
folder.mkdir(parents=True, exist_ok=True)
atoms = ah.load("CsPbBr3").crystal.to_atoms().repeat((2, 2, 2))
atoms.rattle(0.1, seed=1)
atoms.calc = ah.Calculator("CsPbBr3")
BFGS(UnitCellFilter(atoms), logfile=None).run(fmax=0.02, steps=300)
atoms.write(folder / "start.extxyz")  # i-PI turns the cell so that a lies along x and b in the xy plane
text = (Path(__file__).parent / "06_ipi.xml").read_text()
(folder / "input.xml").write_text(text.format(socket=socket, beads=beads, steps=steps))

energies, volumes, started = [], [], None
with open(folder / "ipi.log", "w") as log:
    process = subprocess.Popen([server, "input.xml"], cwd=folder, stdout=log, stderr=subprocess.STDOUT)
try:
    limit, path = time.monotonic() + 60, Path(actualunixsocketname(socket))
    while not path.exists():
        if process.poll() is not None or time.monotonic() > limit:
            raise SystemExit(f"i-PI has not opened its socket; see {folder}/ipi.log")
        time.sleep(0.05)
    time.sleep(0.2)  # from bound to listening
    for _ in SocketClient(unixsocket=socket, timeout=60).irun(atoms, use_stress=True):
        started = started or time.perf_counter()  # after the first call, which compiles
        energies.append(atoms.get_potential_energy())
        volumes.append(atoms.get_volume())
    ended = time.perf_counter()
    if process.wait(timeout=60):
        raise SystemExit(f"i-PI has failed; see {folder}/ipi.log")
finally:
    process.kill()
    process.wait()
    path.unlink(missing_ok=True)

names = "step", "conserved", "temperature", "potential", "volume", "pressure"
output = dict(zip(names, np.loadtxt(folder / "run.out", ndmin=2).T, strict=True))
own = np.reshape(energies, (-1, beads)).mean(axis=1)
print(f"{steps} steps, {len(energies)} calls, {1000 * (ended - started) / (len(energies) - 1):.2f} ms a call")
print(f"largest difference of energy from i-PI's: {abs(own - output['potential']).max():.1e} eV")
print(f"conserved quantity: standard deviation {1000 * output['conserved'].std() / len(atoms):.4f} meV per atom")
late = slice(len(own) // 4, None)
for name, unit in (("temperature", "K"), ("potential", "eV"), ("volume", "A^3"), ("pressure", "GPa")):
    print(f"{name:<12} {output[name][late].mean():9.3f} {unit}")
