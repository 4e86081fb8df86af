"""A described set of crystals, and its file."""

import hashlib
from dataclasses import dataclass, replace

import numpy as np

from anharmonic.errors import AnharmonicError
from anharmonic.records import load_record, save_record
from anharmonic.screening.composition import fractions
from anharmonic.screening.descriptors.grid import GridSettings, quantiles
from anharmonic.screening.descriptors.neighbours import neighbour_distances
from anharmonic.screening.entries import HEAVIEST

FORMAT, VERSION = "anharmonic screening library", 2


@dataclass(frozen=True)
class Refused:
    """A structure that was not described, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Library:
    """Crystals by name, formula, shares of the elements, quantiles of GRID, volume, and known properties.

    Attributes
    ----------
    names, formulas : tuple of str
    shares : ndarray, shape (n, 104), float32
        Of the elements, by atomic number.
    quantiles : ndarray, shape (n, groups, levels), float32
        Of the distances, A (`grid.quantiles`).
    volumes : ndarray, shape (n,)
        A^3 per atom.
    property_names : tuple of str
    properties : ndarray, shape (n, n_properties)
        NaN where unknown.
    settings : GridSettings
    refused : tuple of Refused
    """

    names: tuple
    formulas: tuple
    shares: np.ndarray
    quantiles: np.ndarray
    volumes: np.ndarray
    property_names: tuple
    properties: np.ndarray
    settings: GridSettings
    refused: tuple = ()

    def __len__(self):
        return len(self.names)

    def property(self, name):
        """Values (n,) of a property.

        Raises
        ------
        AnharmonicError
            If no entry has it.
        """
        if name not in self.property_names:
            known = ", ".join(self.property_names) or "none"
            raise AnharmonicError(f"the library has no property {name!r}; it has {known}")
        return self.properties[:, self.property_names.index(name)]

    def part(self, chosen):
        """The entries with these numbers, or for which this mask is true."""
        numbers = np.arange(len(self))[chosen]
        arrays = {n: getattr(self, n)[numbers] for n in ("shares", "quantiles", "volumes", "properties")}
        texts = {n: tuple(getattr(self, n)[k] for k in numbers) for n in ("names", "formulas")}
        return replace(self, **arrays, **texts, refused=())

    def digest(self):
        """Of all that models learn from, 16 letters."""
        total = hashlib.sha256(repr((self.settings, self.property_names)).encode())
        for values in (self.shares, self.quantiles, self.volumes, self.properties):
            total.update(np.ascontiguousarray(values).tobytes())
        return total.hexdigest()[:16]

    def save(self, path):
        """Write an HDF5 file."""
        save_record(path, self, FORMAT, VERSION)

    @classmethod
    def load(cls, path):
        """Read a file.

        Raises
        ------
        FileFormatError
            If it is damaged or no library.
        """
        return load_record(path, FORMAT, VERSION, (cls, GridSettings, Refused))


def describe(entries, settings=None, on_entry=None):
    """Describe structures; those that cannot be are listed with the reason.

    Parameters
    ----------
    entries : sequence of Entry
    settings : GridSettings, optional
    on_entry : callable, optional
        Called with the numbers of structures done and of all structures.

    Returns
    -------
    Library
    """
    settings, described, refused = settings or GridSettings(), [], []
    for number, entry in enumerate(entries):
        try:
            found = neighbour_distances(entry.atoms, settings.groups)
        except AnharmonicError as error:
            refused.append(Refused(entry.name, str(error)))
        else:
            described.append((entry, quantiles(*found, settings.levels).astype(np.float32)))
        if on_entry:
            on_entry(number + 1, len(entries))
    return _library(described, settings, tuple(refused))


def _library(described, settings, refused):
    """The library of pairs (entry, quantiles)."""
    entries = [entry for entry, _ in described]
    names = tuple(dict.fromkeys(name for entry in entries for name in entry.properties))
    atoms = [entry.atoms for entry in entries]
    return Library(
        names=tuple(entry.name for entry in entries),
        formulas=tuple(entry.formula for entry in entries),
        shares=np.array([fractions(a.numbers) for a in atoms], np.float32).reshape(len(atoms), HEAVIEST + 1),
        quantiles=np.array([q for _, q in described], np.float32).reshape(-1, settings.groups, settings.levels),
        volumes=np.array([a.get_volume() / len(a) for a in atoms]),
        property_names=names,
        properties=np.array([[e.properties.get(n, np.nan) for n in names] for e in entries]).reshape(
            len(entries), len(names)
        ),
        settings=settings,
        refused=refused,
    )
