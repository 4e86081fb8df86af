#!/usr/bin/env python3
"""Gather the DFT labels of CsPbBr3 into one data set: assemble.py LABELS... --out labels.extxyz

Two things are done to the labels, and nothing else:
- The Pulay stress of the 340 eV cutoff, P / V on each diagonal component with P = 0.2329 eV per atom
  (`label_systematic.py --pulay`), is subtracted.
- Each structure is named a phase by its tilts, which says what it looks like, not what it is at
  equilibrium: in-phase and anti-phase angles above 4 degrees make it orthorhombic, in-phase ones alone
  tetragonal, none cubic, anti-phase ones alone "anti-phase".

Strong random displacements (tag sys-random) are left out, and counted: they are far above what any run at the
temperatures of interest visits (100 to 300 meV per atom), and spoil a fit of low order there. Beyond the data, walls
take over.
"""

import argparse

import ase.io
import numpy as np
from ase.calculators.singlepoint import SinglePointCalculator

import anharmonic as ah
from anharmonic.analysis import TiltModes, angles

PULAY_PER_ATOM = 0.2329
TILTED = 4.0
LEFT_OUT = "sys-random"
LATTICE = 5.868


def main():
    """Read, correct, name, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labels", nargs="+", help="extxyz files with energies, forces and stresses")
    parser.add_argument("--out", required=True, help="the data set to write (extxyz)")
    options = parser.parse_args()
    crystal = reference_crystal()
    labelled = [atoms for path in options.labels for atoms in ase.io.read(path, ":")]
    frames = [prepared(atoms, crystal) for atoms in labelled if atoms.info.get("tag") != LEFT_OUT]
    ase.io.write(options.out, frames, format="extxyz")
    print(f"{len(frames)} frames in {options.out}; {len(labelled) - len(frames)} of tag {LEFT_OUT} left out")


def reference_crystal():
    """The cubic crystal."""
    sites = [[0, 0, 0], [0.5, 0.5, 0.5], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
    return ah.Crystal.from_sites(LATTICE * np.eye(3), sites, ["Cs", "Pb", "Br", "Br", "Br"])


def prepared(atoms, crystal):
    """A copy with the corrected stress and the name of its phase."""
    stress = atoms.get_stress(voigt=False) - PULAY_PER_ATOM * len(atoms) / atoms.get_volume() * np.eye(3)
    energy, forces = atoms.get_potential_energy(force_consistent=True), atoms.get_forces(apply_constraint=False)
    copy = atoms.copy()
    copy.info["phase"] = phase_of(atoms, crystal)
    copy.calc = SinglePointCalculator(copy, energy=energy, free_energy=energy, forces=forces, stress=stress)
    return copy


def phase_of(atoms, crystal):
    """What the tilts make of a structure."""
    configuration = ah.map_atoms(crystal, atoms)
    modes = TiltModes.of_crystal(crystal)
    projection = np.nan_to_num(modes.projection(configuration.supercell))
    tilts = abs(angles((projection * configuration.displacements).sum((1, 2, 3))))
    in_phase, anti_phase = tilts[:3].max() > TILTED, tilts[3:].max() > TILTED
    names = {(True, True): "orthorhombic", (True, False): "tetragonal", (False, True): "anti-phase"}
    return names.get((bool(in_phase), bool(anti_phase)), "cubic")


if __name__ == "__main__":
    main()
