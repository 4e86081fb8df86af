"""Gradient boosting on what the library knows of a crystal: elements, volume, nearest neighbours."""

from dataclasses import dataclass

import numpy as np

from anharmonic.screening.composition import statistics
from anharmonic.screening.extras import extra
from anharmonic.screening.models.evaluation import enough

NEAR, FAR = 12, 60
"""Groups of GRID of which several levels, and the mean, are features."""
PARTS = 4
LEAST = 50
"""Entries below which the trees have no branches."""


@dataclass
class Boosting:
    """Gradient-boosted trees (scikit-learn's histogram form) for the least absolute error.

    Attributes
    ----------
    trees : int
    rate : float
        Learning rate.
    seed : int
    """

    trees: int = 800
    rate: float = 0.05
    seed: int = 0

    def fit(self, library, values):
        """Fit values (n,) of the entries of a library."""
        enough(len(library), "boosting", LEAST)
        self.model_ = extra("sklearn.ensemble").HistGradientBoostingRegressor(
            loss="absolute_error", max_iter=self.trees, learning_rate=self.rate, random_state=self.seed
        )
        self.model_.fit(features(library), values)
        return self

    def predict(self, library):
        """Values (n,) for the entries of a library."""
        return self.model_.predict(features(library))


def features(library):
    """Statistics of the elements, the volume per atom, and distances of the first groups (n, d)."""
    near = library.quantiles[:, :NEAR]
    parts = [part.mean(axis=-1) for part in np.array_split(near, min(PARTS, near.shape[-1]), axis=-1)]
    mean = library.quantiles[:, :FAR].mean(axis=-1)
    return np.concatenate([statistics(library.shares), library.volumes[:, None], mean, *parts], axis=1)
