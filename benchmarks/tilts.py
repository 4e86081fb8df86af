"""Tilts of the last snapshot of each temperature of a run beside those of PDynA: the table of docs/order-parameters.md.

pip install pdyna==1.1.1
python benchmarks/tilts.py RUN

RUN is the folder of a sweep of a perovskite with snapshots. PDynA fits a rotation to each octahedron in the frame of
the laboratory; its angles are averaged with the signs of the modes here.
"""

import contextlib
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("MPLBACKEND", "Agg")

import numpy as np
from ase.io import write

from anharmonic.analysis import TiltModes, angles
from anharmonic.analysis.tilt_correlations import local_tilts
from anharmonic.analysis.tilts import TWICE_Q
from anharmonic.sweep.recorded import open_run


def fitted_rotations(atoms):
    """Angles (n_octahedra, 3) that PDynA finds for one structure, in the order of the atoms at the centres."""
    from pdyna.core import Frame

    with tempfile.TemporaryDirectory() as folder, open(os.devnull, "w") as nowhere:
        path = Path(folder) / "POSCAR"
        write(path, atoms, format="vasp")
        with contextlib.redirect_stdout(nowhere):
            frame = Frame(data_format="poscar", data_path=str(path))
            frame.analysis()
    return frame.Tilting


def compare(run, point):
    """A line of the table."""
    modes, frame = TiltModes.of_crystal(run.crystal), run.snapshots[point.frames[-1]]
    state = frame.configuration(run.structure)
    signs = (-1.0) ** (TWICE_Q @ run.supercell.cells.T)
    atoms = state.to_atoms()
    same = np.flatnonzero(np.array(atoms.get_chemical_symbols()) == run.crystal.species[modes.centre])
    centres = state.order[modes.centre]
    theirs = fitted_rotations(atoms)[np.searchsorted(same, centres)].T
    ours = angles(local_tilts(modes, run.supercell, state.displacements))
    mean = angles(modes.tangents(run.supercell, state.displacements))
    fitted = np.mean(np.tile(theirs, (2, 1)) * signs, axis=1)
    alike = [np.corrcoef(a, b)[0, 1] for a, b in zip(ours, theirs, strict=True)]
    apart, size = (np.sqrt(np.mean(x**2, axis=1)) for x in (ours - theirs, ours))
    sets = [", ".join(f"{x:.2f}" for x in part) for part in (mean[:3], fitted[:3], mean[3:], fitted[3:])]
    spans = [f"{min(x):.{n}f} - {max(x):.{n}f}" for x, n in ((alike, 3), (apart, 1), (size, 1))]
    return f"| {point.temperature:g} | {' | '.join(sets)} | {spans[0]}, {spans[1]} of {spans[2]} |"


run = open_run(sys.argv[1])
if not all(point.frames for point in run.points):
    sys.exit(f"{run.folder} has no snapshots of some temperature: run it with --snapshots")
print("| T (K) | in-phase about x, y, z: here | PDynA | anti-phase: here | PDynA | single octahedra |")
print("| --- | --- | --- | --- | --- | --- |")
for point in run.points:
    print(compare(run, point))
