"""Kernel ridge regression with the earth mover's distance in the kernel."""

from dataclasses import dataclass, field

import numpy as np

from anharmonic.screening.distances.nearest import distance_matrix
from anharmonic.screening.extras import extra
from anharmonic.screening.metric import Metric
from anharmonic.screening.models.evaluation import enough

GAMMAS, ALPHAS = (0.3, 1.0, 3.0), (1e-3, 1e-2, 1e-1)
LEAST, SEARCHED, FOLDS = 8, 2000, 4
"""Entries that are needed, entries on which the hyperparameters are chosen, and parts of their cross-validation."""


@dataclass
class EmdKernelRidge:
    """Ridge regression of the logarithm with the kernel exp(-gamma d / median d), d the distance of a `Metric`.

    The distance is of the first norm between rows, so the kernel is positive definite. gamma and the ridge are chosen
    by cross-validation on at most 2,000 entries.

    Attributes
    ----------
    metric : Metric
    seed : int
    """

    metric: Metric = field(default_factory=Metric)
    seed: int = 0

    def fit(self, library, values):
        """Fit positive values (n,) of the entries of a library."""
        enough(len(library), "kernel", LEAST)
        rows, target = self.metric.rows(library), np.log(values)
        self.mean_ = target.mean()
        chosen = np.random.default_rng(self.seed).permutation(len(rows))[:SEARCHED]
        self.scale_, self.gamma_, alpha = self._search(rows[chosen], target[chosen] - self.mean_)
        kernel = self._kernel(distance_matrix(rows))
        self.ridge_ = (
            extra("sklearn.kernel_ridge")
            .KernelRidge(alpha=alpha, kernel="precomputed")
            .fit(kernel, target - self.mean_)
        )
        self.rows_ = rows
        return self

    def predict(self, library):
        """Values (n,) for the entries of a library."""
        kernel = self._kernel(distance_matrix(self.metric.rows(library), self.rows_))
        return np.exp(self.ridge_.predict(kernel) + self.mean_)

    def _kernel(self, distances):
        return np.exp(distances * np.float32(-self.gamma_ / self.scale_))

    def _search(self, rows, target):
        """Median distance, gamma and ridge of the least mean absolute error."""
        distances, found = distance_matrix(rows), []
        apart = distances[distances > 0]
        scale = float(np.median(apart)) if len(apart) else 1.0
        for gamma in GAMMAS:
            search = extra("sklearn.model_selection").GridSearchCV(
                _ridge(), {"alpha": ALPHAS}, cv=FOLDS, scoring="neg_mean_absolute_error"
            )
            search.fit(np.exp(-gamma / scale * distances), target)
            found.append((-search.best_score_, gamma, search.best_params_["alpha"]))
        return scale, *min(found)[1:]


def _ridge(**options):
    return extra("sklearn.kernel_ridge").KernelRidge(kernel="precomputed", **options)
