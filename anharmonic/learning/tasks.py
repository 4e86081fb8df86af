"""What a round of learning leaves to workers: runs that sample, and structures that are labelled."""

from dataclasses import dataclass
from pathlib import Path

import ase.io
from ase import Atoms

from anharmonic.files import replacing
from anharmonic.learning.labellers import Waiting, labelled
from anharmonic.learning.plan import LearnPlan
from anharmonic.learning.sampling import sample
from anharmonic.potential.library import load
from anharmonic.stopping import Stopped


@dataclass(frozen=True)
class Sampling:
    """A run; see `sample`.

    Attributes
    ----------
    potential : Path
    plan : LearnPlan
    file : Path
    start : tuple of (Configuration, str)
    temperature : float
        K.
    """

    potential: Path
    plan: LearnPlan
    file: Path
    start: tuple
    temperature: float

    def perform(self, stop):
        """Structures with their grades, and why the run ended early."""
        return sample(load(self.potential), self.plan, self.file, self.start, self.temperature, stop)


@dataclass(frozen=True)
class Labelling:
    """A structure to be labelled.

    Attributes
    ----------
    labeller : AseLabeller, CommandLabeller or VaspLabeller
    atoms : ase.Atoms
        With facts for the labels.
    folder : Path
        For inputs.
    file : Path
        For the labels, extended XYZ.
    """

    labeller: object
    atoms: Atoms
    folder: Path
    file: Path

    def perform(self, stop):
        """Whether there are labels; False where somebody else makes them."""
        if signal_number := stop():
            raise Stopped(signal_number)
        try:
            found = labelled(self.atoms, self.labeller, self.folder)
        except Waiting:
            return False
        with replacing(self.file) as part:
            ase.io.write(part, found, format="extxyz")
        return True


def perform(task, report, stop):
    """Do a `Sampling` or a `Labelling`."""
    return task.perform(stop)
