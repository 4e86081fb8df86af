"""Small crystals for the tests of screening, built from lattice parameters."""

import numpy as np
from ase import Atoms
from ase.build import bulk, make_supercell
from ase.data import atomic_numbers
from ase.spacegroup import crystal

from anharmonic.screening.perovskites.roles import Roles

ILMENITE = crystal(
    ["Fe", "Ti", "O"], [(0, 0, 0.35537), (0, 0, 0.1464), (0.31743, 0.02332, 0.24506)],
    spacegroup=148, cellpar=[5.0884, 5.0884, 14.0855, 90, 90, 120],
)  # fmt: skip
POST_PEROVSKITE = crystal(
    ["Ca", "Ir", "O", "O"], [(0, 0.2498, 0.25), (0, 0, 0), (0, 0.9331, 0.25), (0, 0.6315, 0.4445)],
    spacegroup=63, cellpar=[3.145, 9.862, 7.298, 90, 90, 90],
)  # fmt: skip
HEXAGONAL = crystal(
    ["Ba", "Ni", "O"], [(1 / 3, 2 / 3, 0.75), (0, 0, 0), (0.1462, 0.2924, 0.25)],
    spacegroup=194, cellpar=[5.629, 5.629, 4.811, 90, 90, 120],
)  # fmt: skip
"""Compounds ABX3 that are no perovskites: FeTiO3, CaIrO3 and BaNiO3."""


def ions(text):
    """Roles from symbols such as ``"Sr Ti O"``."""
    return Roles(*(atomic_numbers[symbol] for symbol in text.split()))


def perovskite(a=3.905, symbols="SrTiO3", shift=0.0):
    """ABX3, with B shifted along z by `shift` (A)."""
    positions = [[0, 0, 0], [0.5] * 3, [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
    atoms = Atoms(symbols, cell=[a] * 3, scaled_positions=positions, pbc=True)
    atoms.positions[1, 2] += shift
    return atoms


def ruddlesden_popper(n, a=3.905, gap=2.4):
    """Sr(n+1) Ti(n) O(3n+1): n layers of perovskite, a gap (A) of rock salt, and again, shifted by half a diagonal."""
    if n == 0:
        return bulk("SrO", "rocksalt", a=5.16)
    symbols, places = [], []
    for base, s in ((0.0, 0.0), (n * a + gap, 0.5)):
        for k in range(n + 1):
            symbols += ["Sr", "O"]
            places += [(s, s, base + k * a), (0.5 + s, 0.5 + s, base + k * a)]
        for k in range(n):
            z = base + (k + 0.5) * a
            symbols += ["Ti", "O", "O"]
            places += [(0.5 + s, 0.5 + s, z), (0.5 + s, s, z), (s, 0.5 + s, z)]
    height = 2 * (n * a + gap)
    scaled = np.array(places) / [1, 1, height]
    return Atoms(symbols, cell=[a, a, height], scaled_positions=scaled, pbc=True)


def random_crystal(seed, n_atoms=None):
    """A crystal without symmetry whose atoms keep apart."""
    rng = np.random.default_rng(seed)
    n_atoms = n_atoms or int(rng.integers(1, 9))
    cell = np.diag(rng.uniform(2.6, 3.6, 3)) * np.cbrt(n_atoms) + rng.uniform(-0.6, 0.6, (3, 3))
    while True:
        atoms = Atoms(rng.choice(["Na", "Cl", "Fe", "O"], n_atoms), cell=cell, pbc=True)
        atoms.set_scaled_positions(rng.uniform(size=(n_atoms, 3)))
        distances = atoms.get_all_distances(mic=True)[~np.eye(n_atoms, dtype=bool)]
        if n_atoms == 1 or distances.min() > 1.2:
            return atoms


def other_cells(atoms, seed=0):
    """The same crystal in a supercell, in another cell, and turned and moved, with its atoms in another order."""
    rng = np.random.default_rng(seed)
    turned = atoms.copy()
    turned.rotate(47.0, (1, 2, 3), rotate_cell=True)
    turned.translate([0.3, -1.2, 7.7])
    turned.wrap()
    return [
        atoms.repeat((2, 1, 3)),
        make_supercell(atoms, [[1, 1, 0], [0, 1, 0], [2, 0, 1]]),
        turned[rng.permutation(len(turned))],
    ]


def histograms():
    """Two sets of twenty sparse histograms (20, 50) of unit mass."""
    rng = np.random.default_rng(0)
    found = rng.exponential(size=(2, 20, 50)) * (rng.uniform(size=(2, 20, 50)) < 0.3)
    return found / found.sum(-1, keepdims=True)
