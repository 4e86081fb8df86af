"""How good a model is: splits, errors, cross-validation."""

from dataclasses import asdict, dataclass

import numpy as np

from anharmonic.errors import AnharmonicError


@dataclass(frozen=True)
class Scores:
    """Errors of predictions.

    Attributes
    ----------
    mae, median : float
        Mean and median absolute error, in the unit of the values.
    rmse : float
    r2 : float
        Share of the variance that is explained.
    relative : float
        Mean absolute error of the logarithm; 0.1 is about 10 %.
    count : int
    """

    mae: float
    median: float
    rmse: float
    r2: float
    relative: float
    count: int

    def __str__(self):
        return f"MAE {self.mae:.2f}, median {self.median:.2f}, RMSE {self.rmse:.2f}, R2 {self.r2:.3f}"

    def asdict(self):
        """As plain numbers; None for what is not defined."""
        return {name: value if np.isfinite(value) else None for name, value in asdict(self).items()}


def scores(true, predicted):
    """Errors of predictions (n,) of positive values (n,)."""
    error, spread = np.asarray(predicted, float) - true, float(((true - np.mean(true)) ** 2).sum())
    with np.errstate(invalid="ignore", divide="ignore"):
        relative = float(np.mean(abs(np.log(np.maximum(predicted, 1e-9) / true))))
    return Scores(
        mae=float(abs(error).mean()),
        median=float(np.median(abs(error))),
        rmse=float(np.sqrt((error**2).mean())),
        r2=float(1 - (error**2).sum() / spread) if spread else float("nan"),
        relative=relative,
        count=len(error),
    )


def enough(count, model, least):
    """Refuse to fit a model to too few entries."""
    if count < least:
        raise AnharmonicError(
            f"the model {model} needs at least {least} entries to learn from; found {count}: try nearest"
        )


def splits(count, folds=5, seed=0):
    """Pairs (train, test) of numbers; the tests are parts of one random order and hold every number once.

    Raises
    ------
    AnharmonicError
        If there are fewer entries than folds, or fewer than two folds.
    """
    if not 2 <= folds <= count:
        raise AnharmonicError(f"the number of folds is from 2 to {count}, the number of entries; found {folds}")
    order = np.random.default_rng(seed).permutation(count)
    parts = np.array_split(order, folds)
    return [(np.setdiff1d(order, part, assume_unique=True), part) for part in parts]


def split_groups(groups, share=0.7, seed=0):
    """Mask (n,) of the entries whose groups are among a random share of all groups: no group is divided.

    Parameters
    ----------
    groups : array of str, shape (n,)
        Such as formulas, so that all structures of a formula are on one side.
    share : float
        Of the groups that are chosen, rounded down.
    seed : int
    """
    every, place = np.unique(groups, return_inverse=True)
    chosen = np.zeros(len(every), bool)
    chosen[np.random.default_rng(seed).permutation(len(every))[: int(share * len(every))]] = True
    return chosen[place]


def cross_validate(make, library, values, folds=5, seed=0, on_fold=None):
    """Predictions (n,) of every entry by a model that was fitted without its fold.

    Parameters
    ----------
    make : callable
        Returns a new model.
    library : Library
    values : ndarray, shape (n,)
    folds : int
    seed : int
        Of the folds.
    on_fold : callable, optional
        Called with the numbers of folds done and of all.
    """
    predicted = np.full(len(values), np.nan)
    for number, (train, test) in enumerate(splits(len(values), folds, seed)):
        predicted[test] = make().fit(library.part(train), values[train]).predict(library.part(test))
        if on_fold:
            on_fold(number + 1, folds)
    return predicted
