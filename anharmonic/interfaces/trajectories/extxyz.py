"""Extended XYZ: text, read by OVITO, ASE and most others."""

from ase.io import write


def write_extxyz(path, structure, frames):
    """Write frames as extended XYZ; cell, positions (A), energy (eV) and step of each."""
    with open(path, "w", encoding="utf-8") as file:
        for frame in frames:
            write(file, frame.atoms(structure), format="extxyz")
