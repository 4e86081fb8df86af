"""What a data set file costs: saving, reading, division, copies. `python benchmarks/datasets.py`."""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from anharmonic import Configuration, Supercell, load
from anharmonic.data import Dataset, Frame
from anharmonic.fitting.descriptors import Coverage
from anharmonic.fitting.duplicates import find_duplicates


def random_set(n, copies):
    """`n` random 2x2x2 frames of CsPbBr3 with forces and stresses, and some of them a second time."""
    crystal, random = load("CsPbBr3").crystal, np.random.default_rng(0)
    supercell, frames = Supercell.from_matrix([2, 2, 2]), []
    order = Configuration.reference(crystal, supercell).order
    for k in range(n):
        strain, u = 0.02 * random.normal(size=(3, 3)), 0.15 * random.normal(size=(5, 3, 8))
        state = Configuration(
            crystal, supercell, np.eye(3) + strain + strain.T, u - u.mean((0, 2), keepdims=True), order
        )
        labels = -130.0 + random.normal(), random.normal(size=u.shape), strain
        frames.append(Frame(state, *labels, "2x2x2", "hot", f"run{k // 500}/vasprun.xml:{k % 500}", {"step": k}))
    return Dataset(crystal, frames + frames[:copies])


def timed(what, function):
    """The result of a function; prints its CPU time."""
    started = time.process_time()
    found = function()
    print(f"{what:40s}{time.process_time() - started:8.2f} s")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=10000)
    parser.add_argument("--copies", type=int, default=1000)
    options = parser.parse_args()
    data = random_set(options.frames, options.copies)
    print(f"{len(data)} frames of 40 atoms with forces and stresses, {options.copies} of them copies")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "set.h5"
        timed("save", lambda: data.save(path))
        print(f"{'size':40s}{path.stat().st_size / 1e6:8.1f} MB")
        timed("read", lambda: Dataset.read(path, data.crystal))
    timed("split by trajectory", lambda: data.split(0.8, 0, "trajectory"))
    timed("5 folds by frame", lambda: data.folds(5, 0))
    coverage = timed("averages of invariants", lambda: Coverage.of_dataset(data))
    found = timed("copies and near duplicates", lambda: find_duplicates(data, coverage))
    print(f"found {len(found.copies)} structures with copies, {len(found.pairs)} near duplicates")


if __name__ == "__main__":
    main()
