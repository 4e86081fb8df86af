"""The value of the most similar known crystals: no training, and its own explanation."""

from dataclasses import dataclass, field

import numpy as np

from anharmonic.errors import AnharmonicError
from anharmonic.screening.distances.nearest import nearest
from anharmonic.screening.metric import Metric

CLOSE = 1e-6
"""Least distance in the weights of neighbours."""


@dataclass
class NearestNeighbours:
    """Mean over the k nearest entries of a library, each with the inverse of its distance as weight.

    Cumby and Seth (2021), section 7.2, with k = 1 and GRID + composition.

    Attributes
    ----------
    metric : Metric
    k : int
    """

    metric: Metric = field(default_factory=Metric)
    k: int = 1

    def fit(self, library, values):
        """Remember a library and the values (n,) of its entries.

        Raises
        ------
        AnharmonicError
            If k is below 1, or there are fewer entries.
        """
        if not 1 <= self.k <= len(library):
            raise AnharmonicError(f"the number of neighbours is from 1 to {len(library)}; found {self.k}")
        self.rows_, self.values_ = self.metric.rows(library), np.asarray(values, float)
        return self

    def predict(self, library):
        """Values (n,) for the entries of a library."""
        return self.explain(library)[0]

    def explain(self, library, on_block=None):
        """Values (n,), numbers (n, k) and distances (n, k) of the neighbours they come from."""
        numbers, distances = nearest(self.metric.rows(library), self.rows_, self.k, on_block=on_block)
        weights = 1 / np.maximum(distances, CLOSE)
        return (weights * self.values_[numbers]).sum(1) / weights.sum(1), numbers, distances
