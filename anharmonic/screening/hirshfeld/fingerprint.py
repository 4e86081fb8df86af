"""The fingerprint of a crystal: a histogram of the distances inside and outside of its Hirshfeld surfaces."""

from dataclasses import dataclass

import numpy as np

from anharmonic.errors import AnharmonicError
from anharmonic.screening.hirshfeld.surfaces import standard_sites, surfaces, surfaces_of_sites
from anharmonic.screening.library import Refused

TOGETHER = 64
"""Structures whose surfaces are computed in the same batches."""


@dataclass(frozen=True)
class FingerprintSettings:
    """Range (A) of both distances, bins along each, and how points become counts.

    The default range is that which the numbers of Williams, Mukherjee and Rajan (2020) fit, made for oxides; `halides`
    reaches farther.

    Attributes
    ----------
    lowest, highest : float
    bins : int
    spread : bool
        Shares a point between the four nearest bins, which makes the fingerprint continuous; else it counts in one.
    order : int
        Of the Lebedev rule of the rays.
    """

    lowest: float = 0.76
    highest: float = 2.80
    bins: int = 50
    spread: bool = True
    order: int = 35

    def __post_init__(self):
        if not 0 < self.lowest < self.highest or self.bins < 1:
            raise AnharmonicError(
                f"a fingerprint reaches from above 0 A to farther out, in at least one bin; "
                f"found {self.lowest:g} to {self.highest:g} A in {self.bins}"
            )

    @classmethod
    def halides(cls, **options):
        """A range that loses nothing of chlorides, bromides and iodides."""
        return cls(lowest=0.76, highest=3.40, **options)

    @property
    def width(self):
        """Of a bin, A."""
        return (self.highest - self.lowest) / self.bins

    @property
    def edges(self):
        """Edges (bins + 1,) of the bins, A."""
        return np.linspace(self.lowest, self.highest, self.bins + 1)


@dataclass(frozen=True)
class Fingerprint:
    """A fingerprint, and what was lost on the way.

    Attributes
    ----------
    counts : ndarray, shape (bins, bins)
        Share of the area of all surfaces, by the distance inside (rows) and outside (columns); their sum is `1 - lost`.
    lost : float
        Share of the area beyond the range.
    open, folded : float
        Largest shares of directions in which a surface has no end, or is cut more than once.
    volumes : dict of (int, int) to float
        Volume (A^3) of the surface by number of the site's kind and atomic number.
    """

    counts: np.ndarray
    lost: float
    open: float
    folded: float
    volumes: dict


def fingerprint(atoms, settings=None):
    """The fingerprint of a crystal: its surfaces, each as often as its site.

    Parameters
    ----------
    atoms : ase.Atoms
    settings : FingerprintSettings, optional

    Returns
    -------
    Fingerprint

    Raises
    ------
    AnharmonicError
        If the structure is none, or none of its surfaces is closed anywhere.
    """
    settings = settings or FingerprintSettings()
    return _of_surfaces(surfaces(atoms, settings.order), settings)


def fingerprints(entries, settings=None, on_batch=None):
    """Fingerprints of many structures; those that have none are listed with the reason.

    Parameters
    ----------
    entries : sequence of Entry
    settings : FingerprintSettings, optional
    on_batch : callable, optional
        Called with the numbers of structures done and of all structures.

    Returns
    -------
    found : list of (Entry, Fingerprint)
    refused : list of Refused
    """
    settings, found, refused = settings or FingerprintSettings(), [], []
    for begin in range(0, len(entries), TOGETHER):
        part = []
        for entry in entries[begin : begin + TOGETHER]:
            try:
                part.append((entry, standard_sites(entry.atoms)))
            except AnharmonicError as error:
                refused.append(Refused(entry.name, str(error)))
        for (entry, _), own in zip(part, surfaces_of_sites([sites for _, sites in part], settings.order), strict=True):
            try:
                found.append((entry, _of_surfaces(own, settings)))
            except AnharmonicError as error:
                refused.append(Refused(entry.name, str(error)))
        if on_batch:
            on_batch(min(begin + TOGETHER, len(entries)), len(entries))
    return found, refused


def _of_surfaces(found, settings):
    """The fingerprint of the surfaces of a crystal."""
    inner, outer = (np.concatenate([getattr(s, name) for s in found]) for name in ("inner", "outer"))
    areas = np.concatenate([s.multiplicity * s.areas for s in found])
    if not areas.sum() > 0:
        raise AnharmonicError("no atom has a surface: its neighbours are farther away than twice 4.5 A")
    counts = histogram(inner, outer, areas / areas.sum(), settings)
    volumes = {(k, s.number): s.volume for k, s in enumerate(found)}
    lost = max(0.0, float(1 - counts.sum()))
    return Fingerprint(counts, lost, max(s.open for s in found), max(s.folded for s in found), volumes)


def histogram(inner, outer, weights, settings):
    """Weights (n,) of points at distances inside and outside, as counts (bins, bins)."""
    total = np.zeros((settings.bins, settings.bins))
    shift = 0.5 if settings.spread else 0.0
    places = [(x - settings.lowest) / settings.width - shift for x in (inner, outer)]
    corners = [np.floor(x).astype(int) for x in places]
    parts = [x - c for x, c in zip(places, corners, strict=True)]
    for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)) if settings.spread else ((0, 0),):
        share = weights
        if settings.spread:
            share = weights * abs(1 - i - parts[0]) * abs(1 - j - parts[1])
        rows, columns = corners[0] + i, corners[1] + j
        inside = (rows >= 0) & (rows < settings.bins) & (columns >= 0) & (columns < settings.bins)
        np.add.at(total, (rows[inside], columns[inside]), share[inside])
    return total
