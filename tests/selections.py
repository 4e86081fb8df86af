"""Data and a file select.toml for tests of selections."""

import ase.io
import builders
import numpy as np
from ase.calculators.lj import LennardJones
from ase.calculators.singlepoint import SinglePointCalculator

MATRICES = ([[1, -1, 0], [1, 1, 0], [0, 0, 2]], [[1, 0, 0], [0, 1, 0], [0, 0, 2]], [[1, 0, 0], [0, 1, 0], [0, 0, 1]])


def write_labels(path, without_energy=()):
    """24 structures of 20, 10 and 5 atoms that attract and repel each other, some of them without energy."""
    crystal, frames = builders.perovskite(), []
    for seed in range(24):
        matrix = MATRICES[0 if seed < 18 else 1 if seed < 22 else 2]
        atoms = builders.distorted(crystal, matrix, seed, strain=0.02, displacement=0.1).to_atoms()
        atoms.calc = LennardJones(sigma=2.6, epsilon=0.3, rc=7.0, smooth=True)
        found = {"forces": atoms.get_forces(), "stress": atoms.get_stress()}
        if seed not in without_energy:
            found |= {"energy": atoms.get_potential_energy(), "free_energy": atoms.get_potential_energy()}
        atoms.calc = SinglePointCalculator(atoms, **found)
        atoms.info |= {"phase": ("calm", "wild")[seed % 2], "trajectory": f"run {seed // 4}"}
        frames.append(atoms)
    ase.io.write(path, frames)
    return path


def write_select_toml(folder, labels, *changes):
    """A small select.toml with pieces of text replaced."""
    text = f"""
[crystal]
cell = [5.87, 5.87, 5.87]
species = ["Cs", "Pb", "Br", "Br", "Br"]
positions = {np.array([[0.5] * 3, [0] * 3, [0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5]]).tolist()}
[data]
paths = "LABELS"
[selection]
orders = [2]
architectures = ["cluster", "site"]
hidden = [[1], [2]]
baselines = ["ridge", "lasso", "ard"]
folds = 3
iterations = 8
weights = {{ energy = 0.1 }}
[selection.clusters]
"1 pair" = {{ pairs = 1 }}
[learning_curve]
frames = [5, 12]
repeats = 2
hidden = [2]
"""
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / "select.toml"
    path.write_text(text.replace("LABELS", str(labels)))
    return path
