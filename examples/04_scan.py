"""Draw the energy of CsPbBr3 along the paths that lead to its phases, with the DFT points that lie on them.

python examples/04_scan.py
"""

import argparse
from pathlib import Path

import anharmonic as ah
from anharmonic.interfaces.scan_figures import draw_scan
from anharmonic.potential.library import library_folder
from anharmonic.sweep.scan import energy_paths
from anharmonic.sweep.scan_labels import points_near

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--out", default="scan", help="folder for the figure")
parser.add_argument("--short", action="store_true", help="few points, for a quick look")
options = parser.parse_args()

potential = ah.load("CsPbBr3")
labels = ah.Dataset.read(library_folder() / "CsPbBr3" / "labels.extxyz", potential.crystal)
paths = energy_paths(potential, n_points=11 if options.short else 81)
for path in paths:
    k = path.energy.argmin()
    print(f"{path.name:<31} lowest {1000 * path.energy[k]:7.1f} meV/f.u. at {path.x_label} = {path.x[k]:.3g}")

folder = Path(options.out)
folder.mkdir(parents=True, exist_ok=True)
near = points_near(paths, potential, labels)
draw_scan([path.record(points) for path, points in zip(paths, near, strict=True)], folder / "scan.png")
print(f"figure in {folder}/scan.png, with {sum(map(len, near))} DFT points of {len(labels)} structures")
