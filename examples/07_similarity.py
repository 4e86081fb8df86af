"""How alike crystals are: earth mover's distance of GRID beside the cosine of radial distribution functions.

Families whose order a chemist knows: Ruddlesden-Popper phases, displaced Ti, an expanding lattice (Cumby and Seth,
AI4SD report 7 (2021), figure 2).

python examples/07_similarity.py
"""

import argparse
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk

from anharmonic.interfaces.screening_figures import draw_comparison
from anharmonic.screening import GridSettings, grid, grid_emd
from anharmonic.screening.descriptors.grid import radial_distribution
from anharmonic.screening.distances.emd import cosine_dissimilarity

A, GAP = 3.905, 2.4
"""A: the lattice parameter of SrTiO3, and the thickness of the rock-salt layer between its blocks."""


def perovskite(symbols, a, shift=0.0):
    atoms = Atoms(symbols, cell=[a] * 3, pbc=True, scaled_positions=[
        [0, 0, 0], [0.5] * 3, [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])  # fmt: skip
    atoms.positions[1, 2] += shift
    return atoms


def ruddlesden_popper(n):
    """Sr(n+1) Ti(n) O(3n+1), idealised."""
    places = []
    for base, s in ((0.0, 0.0), (n * A + GAP, 0.5)):
        for k in range(n + 1):
            places += [("Sr", s, s, base + k * A), ("O", 0.5 + s, 0.5 + s, base + k * A)]
        for k in range(n):
            z = base + (k + 0.5) * A
            places += [("Ti", 0.5 + s, 0.5 + s, z), ("O", 0.5 + s, s, z), ("O", s, 0.5 + s, z)]
    symbols, x, y, z = zip(*places, strict=True)
    positions = np.stack([A * np.array(x), A * np.array(y), z], axis=1)
    return Atoms(symbols, positions, cell=[A, A, 2 * (n * A + GAP)], pbc=True)


def distances(crystals):
    """From the last one, by both measures."""
    settings = GridSettings()
    grids = [grid(atoms, settings) for atoms in crystals]
    sums = [radial_distribution(found) for found in grids]
    return {
        "GRID, earth mover": np.array([grid_emd(found, grids[-1], settings.width) for found in grids]),
        "RDF, cosine": np.array([cosine_dissimilarity(found, sums[-1]) for found in sums]),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="similarity", help="folder for the figure")
    parser.add_argument("--short", action="store_true", help="few points, for a quick look")
    options = parser.parse_args()
    points = 5 if options.short else 13
    shifts, lattice = np.linspace(0.3, 0, points), np.linspace(4.2, 3.0, points)
    layered = [bulk("SrO", "rocksalt", a=5.16), ruddlesden_popper(1), ruddlesden_popper(2), perovskite("SrTiO3", A)]
    families = [
        (["SrO", "Sr2TiO4", "Sr3Ti2O7", "SrTiO3"], "Phase, from SrTiO3", layered),
        (shifts, "Ti displacement in BaTiO3 (Å)", [perovskite("BaTiO3", 4.0, shift) for shift in shifts]),
        (lattice, "Lattice parameter (Å), from 3 Å", [perovskite("SrTiO3", a) for a in lattice]),
    ]
    panels = [(x, label, distances(crystals)) for x, label, crystals in families]
    for _, label, found in panels:
        print(label, *(f"\n  {name}: {np.round(d, 3)}" for name, d in found.items()))
    draw_comparison(panels, Path(options.out) / "similarity.png")
