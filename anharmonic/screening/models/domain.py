"""Where predictions can be trusted: how near the known crystals are."""

from dataclasses import dataclass

import numpy as np

from anharmonic.screening.distances.nearest import nearest
from anharmonic.screening.metric import Metric

SAMPLE, SHARE = 1000, 0.95


@dataclass(frozen=True)
class Domain:
    """A library as the range of what is known.

    Attributes
    ----------
    metric : Metric
    rows : ndarray, shape (n, d)
    edge : float
        Distance within which 95 % of the library have their nearest neighbour.
    """

    metric: Metric
    rows: np.ndarray
    edge: float

    @classmethod
    def of(cls, metric, library, seed=0):
        """The domain of a library; its edge from a sample of 1,000 entries."""
        rows = metric.rows(library)
        chosen = np.random.default_rng(seed).permutation(len(rows))[:SAMPLE]
        _, distances = nearest(rows[chosen], rows, 2)
        return cls(metric, rows, float(np.quantile(distances[:, -1], SHARE)))

    def nearest(self, library, count):
        """Numbers and distances (n, count) of the nearest known entries."""
        return nearest(self.metric.rows(library), self.rows, count)
