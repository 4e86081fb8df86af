"""Data and a file select.toml for tests of selections."""

import ase.io
import builders
import numpy as np
from ase.calculators.singlepoint import SinglePointCalculator

from anharmonic.conventions import to_voigt

MATRICES = ([[1, -1, 0], [1, 1, 0], [0, 0, 2]], [[1, 0, 0], [0, 1, 0], [0, 0, 2]], [[1, 0, 0], [0, 1, 0], [0, 0, 1]])


def write_labels(path):
    """24 structures of 20, 10 and 5 atoms with the labels of anharmonic springs, one of them without energy."""
    potential, frames = builders.spring_perovskite(), []
    for seed in range(24):
        matrix = MATRICES[0 if seed < 18 else 1 if seed < 22 else 2]
        state = builders.distorted(potential.crystal, matrix, seed, strain=0.02, displacement=0.1)
        found, atoms = potential.evaluate(state), state.to_atoms()
        energy = {} if seed == 3 else {"energy": found["energy"] - 100.0, "free_energy": found["energy"] - 100.0}
        forces = state.to_atom_order(np.moveaxis(found["forces"], 1, 2))
        atoms.calc = SinglePointCalculator(atoms, forces=forces, stress=to_voigt(found["stress"]), **energy)
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
paths = "{labels}"
[selection]
orders = [2]
architectures = ["cluster", "site"]
hidden = [[1], [2]]
baselines = ["ridge", "lasso", "ard"]
folds = 3
iterations = 8
weights = {{ energy = 0.0 }}
[selection.clusters]
"1 pair" = {{ pairs = 1 }}
"2 pairs" = {{ pairs = 2 }}
[learning_curve]
frames = [6, 12]
repeats = 2
hidden = [2]
"""
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / "select.toml"
    path.write_text(text)
    return path
