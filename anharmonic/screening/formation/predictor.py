"""Formation energies of compounds ABX3, how sure they are, and which known compounds they come from."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files

import numpy as np
from ase.data import chemical_symbols

from anharmonic.records import load_record, save_record
from anharmonic.screening.formation.compounds import Compounds
from anharmonic.screening.formation.gaussian_process import GaussianProcess, fit
from anharmonic.screening.formation.kernel import Kernel

FORMAT, VERSION = "anharmonic formation energy predictor", 2
SHIPPED = "oqmd_abx3.h5"
BATCH = 256
APART = 3.0
"""Standard deviations between the two predictions from which on the structure is doubted."""


@dataclass(frozen=True)
class Similar:
    """A compound that was learnt from, and the correlation of its energy with the one asked for, 0 to 1."""

    name: str
    formula: str
    correlation: float


@dataclass(frozen=True)
class FormationEnergy:
    """A prediction.

    Attributes
    ----------
    structure, formula : str
    sites : tuple of str
        Elements on A, B and X.
    value, deviation : float
        From elements and surfaces, and its standard deviation; eV/atom.
    elements_value, elements_deviation : float
        From the elements on their sites alone, as if the structure were relaxed.
    strain : float
        Its lengths (the cube root of the volume) against those expected of its elements, minus 1.
    doubts : tuple of str
        Why the value may be a guess; empty where there is no reason.
    similar : tuple of Similar
    """

    structure: str
    formula: str
    sites: tuple
    value: float
    deviation: float
    elements_value: float
    elements_deviation: float
    strain: float
    doubts: tuple
    similar: tuple


@dataclass(frozen=True)
class FormationPredictor:
    """Three fitted processes: energies of elements and surfaces, energies of elements alone, and sizes of those.

    Attributes
    ----------
    surfaces, elements : GaussianProcess
        Of formation energies, eV/atom.
    sizes : GaussianProcess
        Of the cube root of the volume per atom, A, from the elements: by it, a lattice that is not relaxed shows.
    origin : dict of str to plain values
        What it was fitted to, and how good it is.
    """

    surfaces: GaussianProcess
    elements: GaussianProcess
    sizes: GaussianProcess
    origin: dict

    @classmethod
    def fit(cls, compounds, energies, origin=None, on_step=None):
        """Fit all to formation energies (n,), eV/atom, and the sizes of the compounds themselves."""
        tasks = (energies, True), (energies, False), (compounds.shapes[:, 0].astype(float), False)
        return cls(*(fit(compounds, *task, on_step=on_step) for task in tasks), origin or {})

    def predict(self, compounds, count=3, on_batch=None):
        """Predictions for compounds, each with the `count` most similar known ones.

        Parameters
        ----------
        compounds : Compounds
        count : int
        on_batch : callable, optional
            Called with the numbers of compounds done and of all.

        Returns
        -------
        list of FormationEnergy
        """
        found = []
        for begin in range(0, len(compounds), BATCH):
            part = compounds.part(slice(begin, begin + BATCH))
            models = self.surfaces, self.elements, self.sizes
            energies = zip(*(x for model in models for x in model.predict(part)), strict=True)
            near = zip(*self.surfaces.similar(part, count), strict=True)
            for k, (numbers, similar) in enumerate(zip(energies, near, strict=True)):
                found.append(self._prediction(part, k, [float(x) for x in numbers], similar))
            if on_batch:
                on_batch(len(found), len(compounds))
        return found

    def _prediction(self, compounds, k, numbers, similar):
        """The record of one compound; its energies by surfaces and elements, by elements, and its size, each +-."""
        known, energies = self.surfaces.known, numbers[:4]
        lengths = float(compounds.shapes[k, 0]), *numbers[4:]
        return FormationEnergy(
            compounds.names[k], compounds.formulas[k],
            tuple(chemical_symbols[z] for z in compounds.sites[k]), *energies,
            float(lengths[0] / lengths[1] - 1), tuple(self._doubts(compounds.sites[k], energies, lengths)),
            tuple(Similar(known.names[n], known.formulas[n], float(c)) for n, c in zip(*similar, strict=True)),
        )  # fmt: skip

    def _doubts(self, sites, energies, lengths):
        """Reasons not to trust a prediction."""
        for name, known, z in zip("ABX", self.surfaces.known.sites.T, sites, strict=True):
            if z not in known:
                yield f"nothing known has {chemical_symbols[z]} on {name}"
        if energies[1] > self.surfaces.edge:
            yield "less sure than 95 % of what is known would be"
        if abs(energies[0] - energies[2]) > APART * np.hypot(energies[1], energies[3]):
            yield "elements alone say otherwise"
        length, expected, deviation = lengths
        if abs(length - expected) > APART * deviation:
            yield f"not relaxed? lengths are {length / expected - 1:+.1%} from those expected of its elements"

    def save(self, path):
        """Write an HDF5 file."""
        save_record(path, self, FORMAT, VERSION)

    @classmethod
    def load(cls, path):
        """Read a file.

        Raises
        ------
        FileFormatError
            If it is damaged or holds something else.
        """
        return load_record(path, FORMAT, VERSION, (cls, GaussianProcess, Compounds, Kernel))


@cache
def shipped():
    """The predictor that comes with the package; its card is beside it (`formation/CARD.md`)."""
    with as_file(files("anharmonic.screening") / "formation" / SHIPPED) as path:
        return FormationPredictor.load(path)
