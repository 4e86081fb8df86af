"""Cross-validation of models that are linear in their weights: each frame is predicted by a fit without it."""

from dataclasses import dataclass

import numpy as np

from anharmonic.data.division import fold_indices
from anharmonic.fitting.linear import NormalEquations, strongest_ridge


@dataclass(frozen=True)
class CrossValidation:
    """Errors of held-out frames.

    Attributes
    ----------
    strength : float
        Of the ridge: the one given, else the strongest that is near the best on the held-out frames.
    predictions : list of ndarray, shape (n_labels,)
        Of all frames, each by a fit without it: energy, forces, stress.
    """

    strength: float
    predictions: list


def cross_validate(unit, dataset, weights, n_folds, ridge=None, split_by="frame", seed=0, track=iter, prior=0.0):
    """Solve a linear model without each part of a data set in turn.

    Parameters
    ----------
    unit : UnitPredictions
        Of a polynomial model.
    dataset : Dataset
    weights : Weights
    n_folds : int
    ridge : float, optional
        Strength for the whole data set; default: chosen on the held-out frames.
    split_by, seed
        As of `Dataset.folds`.
    track : callable
        Passes the rows on and may show progress.
    prior : ndarray, shape (n_weights,), optional
        Weights that the ridge pulls towards.

    Returns
    -------
    CrossValidation

    Raises
    ------
    DatasetError
        If there are fewer frames (or trajectories) than folds.
    """
    fold_of, n_groups = np.zeros(len(dataset), int), len(dataset.groups)
    for number, indices in enumerate(fold_indices(dataset.frames, n_folds, seed, split_by)):
        fold_of[indices] = number
    held_out = [NormalEquations(unit.n_weights, n_groups) for _ in range(n_folds)]
    for fold, row in zip(fold_of, track(unit.rows(dataset, weights)), strict=True):
        held_out[fold].add([row])
    share = 1 - 1 / n_folds
    trained = [NormalEquations.sum_of([*held_out[:k], *held_out[k + 1 :]]) for k in range(n_folds)]

    def loss(strength):
        return sum(
            test.loss(*train.solve(share * strength, prior)) for test, train in zip(held_out, trained, strict=True)
        )

    strength = strongest_ridge(loss) if ridge is None else ridge
    solutions = [np.concatenate(train.solve(share * strength, prior)) for train in trained]
    predictions = [
        row.jacobian.T @ solutions[fold] for fold, row in zip(fold_of, unit.rows(dataset, weights), strict=True)
    ]
    return CrossValidation(strength, predictions)
