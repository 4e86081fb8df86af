import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.spacegroup import crystal as build

from anharmonic.crystal import Crystal


def _perovskite():
    half = [[0, 0, 0], [0.5, 0.5, 0.5], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
    return Atoms("CsPbBr3", scaled_positions=half, cell=[5.87] * 3, pbc=True)


STRUCTURES = {
    "perovskite": _perovskite,
    "bcc": lambda: bulk("Fe", "bcc", a=2.87),
    "hcp": lambda: bulk("Mg", "hcp", a=3.21, c=5.21),
    "diamond": lambda: bulk("Si", "diamond", a=5.43),
    "rocksalt": lambda: bulk("NaCl", "rocksalt", a=5.64),
    "fluorite": lambda: bulk("CaF2", "fluorite", a=5.46),
    "orthorhombic": lambda: build(
        ["Cs", "Pb", "Br", "Br"],
        [(0.990, 0.030, 0.25), (0.5, 0, 0), (0.053, 0.494, 0.25), (0.794, 0.206, 0.026)],
        spacegroup=62,
        setting=1,
        cellpar=[8.207, 8.255, 11.759, 90, 90, 90],
    ),
}


@pytest.fixture
def structure():
    """Structures of common crystals, by name."""
    return lambda name: STRUCTURES[name]()


@pytest.fixture
def reference():
    """Crystals by name, primitive or conventional."""
    return lambda name, primitive=True: Crystal.from_atoms(STRUCTURES[name](), primitive)


@pytest.fixture
def polar():
    """A polar crystal with a cubic lattice: turning the lattice does not turn the crystal into itself."""
    sites = [[0, 0, 0], [0.5, 0.5, 0.6], [0.5, 0, 0.1], [0, 0.5, 0.1]]
    return Crystal.from_sites(4 * np.eye(3), sites, ["Ba", "Ti", "O", "O"])
