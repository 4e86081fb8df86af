"""Fit a potential to a folder of VASP results.

    python examples/01_fit_from_vasp.py                            # the CsPbBr3 labels that ship with the package
    python examples/01_fit_from_vasp.py RUNS --crystal POSCAR      # your vasprun.xml and OUTCAR files, any depth

The reference crystal is the high-symmetry phase; every structure in RUNS is a distortion of it.
"""

import argparse
from pathlib import Path

import anharmonic as ah
from anharmonic.interfaces.fit_figures import draw_parity
from anharmonic.potential.library import library_folder

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("runs", nargs="?", help="folder or file with energies, forces and stresses")
parser.add_argument("--crystal", help="structure file of the reference crystal")
parser.add_argument("--out", default="fitted", help="folder for the potential and the figure")
parser.add_argument("--short", action="store_true", help="a poorer basis, for a quick look")
options = parser.parse_args()
if (options.runs is None) != (options.crystal is None):
    parser.error("give RUNS and --crystal together, or neither")

if options.runs is None:
    options.runs = library_folder() / "CsPbBr3" / "labels.extxyz"
    crystal = ah.load("CsPbBr3").crystal
else:
    crystal = ah.Crystal.from_file(options.crystal)
print(crystal.formula, crystal.space_group.symbol)

dataset = ah.Dataset.read(options.runs, crystal, progress=True)
print(dataset.report())

# Pairs up to 2.25 times the shortest bond, to degree 4 of the metric that is steep where atoms meet.
# For perovskites, polyhedra=["octahedron"] and triplets=["Pb-Br-Pb"] add what the paper uses.
cutoff = crystal.nearest_distance() * (1.5 if options.short else 2.25)
basis = ah.ClusterBasis(crystal, pairs=cutoff, order=3 if options.short else 4, metric="inverse")
print(basis)

result = ah.fit(basis, dataset, model="polynomial", name="fitted", progress=True)
print(result.table())

folder = Path(options.out)
folder.mkdir(parents=True, exist_ok=True)
result.potential.save(folder / "fitted.h5")
draw_parity(result.comparisons, folder / "parity.png")
print(f"potential and parity figure in {folder}/")
