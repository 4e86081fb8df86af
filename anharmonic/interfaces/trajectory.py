"""Snapshots of a run as extended XYZ: appended between checkpoints, cut back to the checkpoint on a resume."""

import re
from pathlib import Path

import ase.io
import numpy as np
from ase.calculators.singlepoint import SinglePointCalculator

from anharmonic.files import replacing

STEP = re.compile(r"\bstep=(\d+)")


class Trajectory:
    """A file of snapshots.

    Parameters
    ----------
    path : path
    start : Configuration
        Crystal, supercell and order of the atoms.
    every : int
        Steps between snapshots.
    """

    def __init__(self, path, start, every):
        self.path, self.start, self.every = Path(path), start, every

    def cut(self, step):
        """Keep the complete snapshots up to `step`; what lies beyond will be written again."""
        if not self.path.exists():
            return
        lines_per_frame = self.start.n_atoms + 2
        with replacing(self.path) as part, open(self.path) as old, open(part, "w") as new:
            while True:
                frame = [line for _, line in zip(range(lines_per_frame), old, strict=False)]
                found = STEP.search(frame[1]) if len(frame) == lines_per_frame and frame[-1].endswith("\n") else None
                if found is None or int(found[1]) > step:
                    return
                new.writelines(frame)

    def add(self, progress, plan):
        """Append the state of a run if its step is one of `every`."""
        if progress.step % self.every:
            return
        atoms = self.atoms(progress.state, float(progress.samples["energy"][-1][-1]))
        stage = plan.stages[int(progress.samples["stage"][-1][-1])]
        equilibrated = bool(progress.samples["production"][-1][-1])
        atoms.info = {"step": progress.step, "temperature_K": stage.temperature, "production": equilibrated}
        ase.io.write(self.path, atoms, format="extxyz", append=True)

    def atoms(self, state, energy):
        """``ase.Atoms`` of a sampler's state with its potential energy (eV, relative to the reference crystal)."""
        displacements, deformation = (np.asarray(x, float) for x in (state.displacements, state.deformation))
        here = type(self.start)(self.start.crystal, self.start.supercell, deformation, displacements, self.start.order)
        atoms = here.to_atoms()
        atoms.calc = SinglePointCalculator(atoms, energy=energy)
        return atoms
