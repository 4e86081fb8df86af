#!/usr/bin/env python3
"""Choose structures that would teach a richer description most, and label them: label_learned.py pick|label FOLDER

``pick`` runs a potential (the first edition) in the 20-atom cell at free volume, 100 to 700 K, and takes 40 of 238
snapshots by greedy D-optimal design with pairs and triplets to two cells (degrees 4 and 3), beside the frames that are
labelled already (``--known``). ``label`` computes the next of them that has no label yet with the settings of all
labels (GPAW, some 80 CPU seconds each); start it as often as there are cores, stop and start it at any time.
assemble.py gathers FOLDER/hot-*.extxyz.
"""

import argparse
import os
import time
from dataclasses import replace
from pathlib import Path

import ase.io

import anharmonic as ah

TEMPERATURES = (100, 200, 300, 400, 500, 600, 700)
CELL = [[1, 1, 0], [1, -1, 0], [0, 0, 2]]
COUNT = 40


def main():
    """Pick or label."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("pick", "label"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--potential", default="CsPbBr3-first.h5", help="what to sample with")
    parser.add_argument(
        "--known", nargs="+", default=["labels.extxyz"], help="labelled frames, with --potential's crystal"
    )
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    if options.what == "pick":
        ase.io.write(options.folder / "queue.extxyz", picked(options))
    else:
        label(options.folder)


def picked(options):
    """The chosen snapshots, the most telling first."""
    from anharmonic.fitting import Weights
    from anharmonic.fitting.geometry import Geometry
    from anharmonic.fitting.information import choose, in_tolerances
    from anharmonic.fitting.problem import untrained
    from anharmonic.fitting.statistics import Statistics
    from anharmonic.fitting.unit_predictions import UnitPredictions

    potential = ah.load(options.potential)
    states = snapshots(potential, options.folder / "run.h5")
    known = ah.Dataset.read(options.known, potential.crystal)
    asked = replace(
        known, frames=[replace(known.frames[0], configuration=c, forces=None, stress=None) for _, c in states]
    )
    basis = ah.ClusterBasis.from_preset(potential.crystal, "accurate", order={"pair": 4, "triplet": 3})
    geometry = Geometry(basis)
    unit = UnitPredictions(geometry, untrained(basis, Statistics.of_dataset(geometry, known)))
    taught = [in_tolerances(unit, part, Weights()) for part in (known, asked)]
    found = []
    for number, (k, gain) in enumerate(choose(*taught, COUNT)):
        atoms = states[k][1].to_atoms()
        atoms.info = {"name": f"hot-{number:02d}", "tag": "learned", "temperature": states[k][0], "information": gain}
        found.append(atoms)
    return found


def snapshots(potential, file):
    """Temperatures and configurations along a run, 34 at each."""
    from anharmonic.sampling.runfile import read_snapshots
    from anharmonic.sweep.simulation import simulate
    from anharmonic.sweep.start import start_at_rest

    start = start_at_rest(potential, CELL, "reference")
    simulate(
        potential,
        start,
        file,
        temperatures=TEMPERATURES,
        ensemble="npt",
        equilibration=4000,
        production=20000,
        snapshots=500,
    )
    _, structure, series = read_snapshots(file)
    columns = (series.read(name) for name in ("temperature", "production", "displacements", "deformation"))
    return [
        (float(t), replace(structure, displacements=u.astype(float), deformation=f.astype(float)))
        for t, counted, u, f in zip(*columns, strict=True)
        if counted
    ]


def label(folder):
    """Label what nobody labels yet."""
    from label_systematic import calculator, save

    for atoms in ase.io.read(folder / "queue.extxyz", ":"):
        name, info, began = atoms.info["name"], dict(atoms.info), time.process_time()
        try:
            os.close(os.open(folder / f"{name}.lock", os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            continue
        atoms.info, atoms.calc = {}, calculator({"point_group": False})
        save(folder, name, atoms, info, began)


if __name__ == "__main__":
    main()
