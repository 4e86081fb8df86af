"""Earth mover's distance between compositions, from one-dimensional scales of the elements.

A composition is a distribution over the elements. Placed on a scale, such as Glawe's chemical scale or a radius, it is
a distribution on a line, whose earth mover's distance has a closed form (for one scale: Hargreaves et al., Chem.
Mater. 32, 10610 (2020)). The mean over several scales tells more than any of them: similar compounds have elements of
similar chemistry, cohesion and size in similar shares.
"""

from dataclasses import dataclass

import numpy as np

from anharmonic.errors import AnharmonicError
from anharmonic.screening.elements import PROPERTIES, element_table
from anharmonic.screening.entries import HEAVIEST

SCALES = ("chemical_scale", "atomization_enthalpy", "radius")


def fractions(numbers):
    """Shares (104,) of the elements among atoms with these atomic numbers."""
    return np.bincount(numbers, minlength=HEAVIEST + 1) / len(numbers)


@dataclass(frozen=True)
class Composition:
    """A distance between compositions.

    Attributes
    ----------
    scales : tuple of str
        Names of `elements.PROPERTIES`. Each is standardised over the elements H to Lr: a distance of 1 is one standard
        deviation of the scale, for the whole composition, on the mean over the scales.
    """

    scales: tuple = SCALES

    def __post_init__(self):
        unknown = [name for name in self.scales if name not in PROPERTIES]
        if unknown or not self.scales:
            raise AnharmonicError(f"scales are some of {', '.join(PROPERTIES)}; found {', '.join(unknown) or 'none'}")

    def rows(self, shares):
        """Rows (n, d) whose L1 distance is the mean of the earth mover's distances, of shares (n, 104)."""
        return np.concatenate([self._scale(name, np.asarray(shares)) for name in self.scales], axis=1)

    def _scale(self, name, shares):
        """Cumulative shares (n, 102) along a scale, each times the step to the next element."""
        values = element_table()[name][1:]
        places = (values - values.mean()) / values.std()
        order = np.argsort(places, kind="stable")
        cumulative = np.cumsum(shares[:, 1:][:, order], axis=1)[:, :-1]
        return cumulative * np.diff(places[order]) / len(self.scales)


def statistics(shares):
    """Mean, spread, least and greatest value (n, 4 * n_properties) of every property of the elements."""
    shares = np.asarray(shares, float)[:, 1:]
    values = np.stack([element_table()[name][1:] for name in PROPERTIES], axis=1)
    mean = shares @ values
    spread = np.sqrt(np.maximum(shares @ values**2 - mean**2, 0))
    present = shares[..., None] > 0
    least = np.where(present, values, np.inf).min(axis=1)
    return np.concatenate([mean, spread, least, np.where(present, values, -np.inf).max(axis=1)], axis=1)
