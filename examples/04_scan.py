"""Draw the energy of CsPbBr3 along the paths that lead to its phases, with the DFT points that lie on them.

python examples/04_scan.py
"""

import argparse
from pathlib import Path

import anharmonic as ah
from anharmonic.interfaces.scan_figures import draw_scan
from anharmonic.potential.library import library_folder
from anharmonic.sweep.scan import energy_paths

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--out", default="scan", help="folder for the figure")
parser.add_argument("--short", action="store_true", help="few points, for a quick look")
options = parser.parse_args()

potential = ah.load("CsPbBr3")
labels = ah.Dataset.read(library_folder() / "CsPbBr3" / "labels.extxyz", potential.crystal)
paths = energy_paths(potential, n_points=11 if options.short else 81)
for path in paths:
    lowest = min(path.points, key=lambda point: point.energy)
    print(f"{path.name:<22} lowest {1000 * lowest.energy:8.1f} meV per formula unit at {path.label} = {lowest.x:.3g}")

folder = Path(options.out)
folder.mkdir(parents=True, exist_ok=True)
draw_scan(paths, folder / "scan.png")
print(f"figure in {folder}/scan.png; {len(labels)} labels")
