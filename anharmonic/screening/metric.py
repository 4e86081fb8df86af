"""The distance between crystals: structure and composition, weighed."""

from dataclasses import dataclass, field

import numpy as np

from anharmonic.errors import AnharmonicError
from anharmonic.screening.composition import Composition


@dataclass(frozen=True)
class Metric:
    """Weighted sum of the earth mover's distances of structures (GRID) and of compositions.

    Attributes
    ----------
    structure : float
        Weight (1/A) of the mean earth mover's distance over the groups of GRID, without bins (`grid.quantiles`).
    composition : float
        Weight of the distance of the compositions, whose unit is one standard deviation of the scales.
    scales : Composition
    """

    structure: float = 1.0
    composition: float = 1.0
    scales: Composition = field(default_factory=Composition)

    def __post_init__(self):
        total = self.structure + self.composition
        if not (min(self.structure, self.composition) >= 0 and 0 < total < np.inf):
            raise AnharmonicError(
                "the weights of structure and composition are finite, 0 or more, and not both 0; "
                f"found {self.structure:g} and {self.composition:g}"
            )

    def rows(self, library):
        """Rows (n, d), float32, whose L1 distances are those of the entries of a `Library`."""
        parts = []
        if self.structure:
            groups = library.quantiles.reshape(len(library), -1)
            parts.append(groups * np.float32(self.structure / groups.shape[1]))
        if self.composition:
            parts.append(self.composition * self.scales.rows(library.shares))
        return np.concatenate(parts, axis=1).astype(np.float32)
