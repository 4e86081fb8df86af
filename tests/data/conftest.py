"""Real files from the shared folder (tests skip without it) and small structures made here."""

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import make_supercell

from anharmonic.crystal import Crystal

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture
def shared():
    """Path of a shared file; skips where it is absent."""

    def find(name):
        if not (SHARED / name).exists():
            pytest.skip(f"needs the shared data file {SHARED / name}")
        return SHARED / name

    return find


def cubic_perovskite(a, b, x, length):
    """Five-atom perovskite cell."""
    positions = [[0.5, 0.5, 0.5], [0, 0, 0], [0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5]]
    return Atoms([a, b, x, x, x], cell=[length] * 3, scaled_positions=positions, pbc=True)


@pytest.fixture
def perovskite():
    """Function (a, b, x, length) to the symmetrised reference crystal."""
    return lambda *arguments: Crystal.from_atoms(cubic_perovskite(*arguments))


@pytest.fixture
def rattled():
    """Function (n, matrix, seed) to distorted CsPbBr3 supercells, atoms in mixed order."""

    def make(n, matrix=(2, 2, 1), seed=0):
        random = np.random.default_rng(seed)
        matrix = np.diag(matrix) if np.ndim(matrix) == 1 else np.array(matrix)
        frames = []
        for _ in range(n):
            atoms = make_supercell(cubic_perovskite("Cs", "Pb", "Br", 5.87), matrix)
            atoms.set_cell(atoms.cell[:] @ (np.eye(3) + 0.01 * random.normal(size=(3, 3))).T, scale_atoms=True)
            atoms.positions += 0.1 * random.normal(size=(len(atoms), 3))
            frames.append(atoms[random.permutation(len(atoms))])
        return frames

    return make


@pytest.fixture
def labelled(rattled):
    """Function like `rattled` with energy, forces and stress in a calculator."""
    from ase.calculators.singlepoint import SinglePointCalculator

    def make(n, matrix=(2, 2, 1), seed=0, **left_out):
        random = np.random.default_rng(seed + 1)
        frames = rattled(n, matrix, seed)
        for atoms in frames:
            forces = random.normal(size=(len(atoms), 3))
            labels = {
                "energy": -3.3 * len(atoms) + 0.1 * random.normal(),
                "forces": forces - forces.mean(0),
                "stress": 0.01 * random.normal(size=6),
            }
            kept = {k: v for k, v in labels.items() if left_out.get(k, True)}
            atoms.calc = SinglePointCalculator(atoms, **kept)
        return frames

    return make
