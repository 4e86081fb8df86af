"""Compounds ABX3 as what their formation energy is learnt from: elements by site, and shapes of the surfaces."""

from dataclasses import dataclass

import numpy as np

from anharmonic.errors import AnharmonicError
from anharmonic.screening.hirshfeld.profile import SHAPE, profile
from anharmonic.screening.hirshfeld.surfaces import standard_sites, surfaces_of_sites
from anharmonic.screening.library import Refused
from anharmonic.screening.perovskites.roles import roles

TOGETHER = 64
"""Structures whose surfaces are computed in the same batches."""


@dataclass(frozen=True)
class Compounds:
    """Some compounds.

    Attributes
    ----------
    names, formulas : tuple of str
    sites : ndarray, shape (n, 3), int16
        Atomic numbers on A, B and X.
    shapes : ndarray, shape (n, 22), float32
        Cube root of the volume per atom (A), then `profile.SHAPE` of A, of B and of X.
    """

    names: tuple
    formulas: tuple
    sites: np.ndarray
    shapes: np.ndarray

    def __len__(self):
        return len(self.names)

    def part(self, chosen):
        """The compounds with these numbers, or for which this mask is true."""
        numbers = np.arange(len(self))[chosen]
        texts = (tuple(texts[k] for k in numbers) for texts in (self.names, self.formulas))
        return Compounds(*texts, self.sites[numbers], self.shapes[numbers])


def compounds(entries, order=35, on_batch=None):
    """Describe structures; those that are no compounds ABX3 are listed with the reason.

    Parameters
    ----------
    entries : sequence of Entry
    order : int
        Of the Lebedev rule of the rays.
    on_batch : callable, optional
        Called with the numbers of structures done and of all structures.

    Returns
    -------
    found : Compounds
    entries : list of Entry
        Those that were described.
    refused : list of Refused
    """
    taken, sites, shapes, refused = [], [], [], []
    for begin in range(0, len(entries), TOGETHER):
        part = []
        for entry in entries[begin : begin + TOGETHER]:
            try:
                part.append((entry, roles(entry.atoms), standard_sites(entry.atoms)))
            except AnharmonicError as error:
                refused.append(Refused(entry.name, str(error)))
        for (entry, own, _), found in zip(part, surfaces_of_sites([p[2] for p in part], order), strict=True):
            try:
                shapes.append(_shape(entry.atoms, found, own))
            except AnharmonicError as error:
                refused.append(Refused(entry.name, str(error)))
            else:
                taken.append(entry)
                sites.append(tuple(own))
        if on_batch:
            on_batch(min(begin + TOGETHER, len(entries)), len(entries))
    described = Compounds(
        tuple(entry.name for entry in taken), tuple(entry.formula for entry in taken),
        np.array(sites, np.int16).reshape(-1, 3), np.array(shapes, np.float32).reshape(-1, 1 + 3 * len(SHAPE)),
    )  # fmt: skip
    return described, taken, refused


def _shape(atoms, surfaces, own):
    """Numbers (22,) of one structure."""
    if any(s.open == 1 or not s.areas.sum() > 0 for s in surfaces):
        raise AnharmonicError("an atom has no surface: its neighbours are farther away than twice 4.5 A")
    numbers = profile(surfaces, own)[:, : len(SHAPE)]
    return np.concatenate([[np.cbrt(atoms.get_volume() / len(atoms))], numbers.ravel()])
