"""A candidate with all that the screens say of it."""

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols

from anharmonic.screening.candidates.settings import SCREENS, ScreenSettings
from anharmonic.screening.formation.predictor import FormationEnergy
from anharmonic.screening.perovskites.roles import Roles


@dataclass(frozen=True)
class Screened:
    """A candidate after the screens.

    Attributes
    ----------
    name : str
    atoms : ase.Atoms
        The primitive Niggli cell, A first, then B, then X (`generator.standard`); as it was given if it is no ABX3.
    formula : str
    roles : Roles or None
        None if it is no compound ABX3.
    space_group : str
        Within 0.1 A.
    verdicts : dict of str to Verdict
        By `SCREENS`.
    prediction : FormationEnergy or None
        None where it was not run.
    settings : ScreenSettings
    notes : tuple of str
        Warnings that belong to no screen.
    """

    name: str
    atoms: Atoms
    formula: str
    roles: Roles | None
    space_group: str
    verdicts: dict
    prediction: FormationEnergy | None
    settings: ScreenSettings
    notes: tuple = ()

    @property
    def reasons(self):
        """Why it fails, in the order of the screens; empty if it passes."""
        return tuple(f"{name}: {self.verdicts[name].words}" for name in self.failed)

    @property
    def failed(self):
        """Names of the screens that it fails."""
        return failures(self.verdicts, self.settings)

    @property
    def passed(self):
        return not self.failed

    @property
    def warnings(self):
        """What is strange without being a reason against it."""
        found = [f"{name}: {v.warning}" for name, v in self.verdicts.items() if v.warning]
        only = [f"{n}: {self.verdicts[n].words}" for n in self.settings.warn if self.verdicts[n].passed is False]
        return (*self.notes, *found, *only)

    @property
    def numbers(self):
        """The number of every screen, or None."""
        return {name: self.verdicts[name].value for name in SCREENS}

    @property
    def symbols(self):
        """Of A, B and X, or nothing."""
        return tuple(chemical_symbols[number] for number in self.roles or ())

    @property
    def compound(self):
        """The formula in the order A, B, X; as it is for what is no ABX3."""
        return "{}{}{}3".format(*self.symbols) if self.roles else self.formula

    @property
    def rank(self):
        """What candidates are ordered by, ascending: eV/atom; infinite where they fail or no energy is known."""
        if not self.passed or self.prediction is None:
            return float("inf")
        target = self.settings.target_energy
        return self.prediction.value if target is None else float(np.abs(self.prediction.value - target))


def failures(verdicts, settings):
    """Names of the screens that fail, in their order, without those that only warn."""
    return tuple(
        name for name in SCREENS if name in verdicts and verdicts[name].passed is False and name not in settings.warn
    )
