"""Which frames a training sees, and which tell its error: folds of a cross-validation, or growing random choices."""

from dataclasses import dataclass

import numpy as np

from anharmonic.fitting.selection.folds import fold_numbers
from anharmonic.fitting.selection.least_squares import NormalSums

INNER = 5
"""Parts of the frames of a training that choose the strength of its ridge, where there are no folds."""


@dataclass(frozen=True)
class Trainings:
    """Trainings that differ in their frames only; all arrays in the order of `Labels`.

    Attributes
    ----------
    training, validation : ndarray of bool, shape (n_trainings, n_frames)
    parts : ndarray of int, shape (n_trainings, n_frames)
        Parts of the frames of each training that are left out in turn to choose a ridge; -1 elsewhere.
    shared : ndarray of int, shape (n_frames,), or None
        One division of all frames that contains the parts of all trainings: folds.
    """

    training: np.ndarray
    validation: np.ndarray
    parts: np.ndarray
    shared: np.ndarray | None = None

    def __len__(self):
        return len(self.training)

    def problems(self, columns, labels, weights, n_groups):
        """For each training ``(NormalSums, its parts)``."""
        if self.shared is not None:
            sums = NormalSums.of_columns(columns, labels, weights, self.shared, n_groups)
            return [(sums, sorted(set(p[p >= 0].tolist()))) for p in self.parts]
        found = [NormalSums.of_columns(columns, labels, weights, p, n_groups) for p in self.parts]
        return [(sums, list(range(len(sums.counts)))) for sums in found]


def cross_validation(plan, dataset, order):
    """`Trainings` of the folds of a plan; `order` is that of the labels."""
    folds = fold_numbers(dataset, plan.folds, plan.fold_by, plan.seed)[order]
    held_out = folds == np.arange(plan.folds)[:, None]
    return Trainings(~held_out, held_out, np.where(held_out, -1, folds), folds)


def learning_curve(curve, test, seed, order):
    """`Trainings` on more and more frames, nested in each repeat, all tested on the same frames.

    Parameters
    ----------
    curve : LearningCurve
    test : ndarray of bool, shape (n_frames,)
        In the order of the data set.
    seed : int
    order : ndarray of int
        Of the labels.

    Returns
    -------
    Trainings
        Repeats run fastest.
    """
    pool, training, parts = np.flatnonzero(~test), [], []
    choices = [np.random.default_rng((seed, r)).permutation(pool) for r in range(curve.repeats)]
    for n in curve.frames:
        for choice in choices:
            part = np.full(len(test), -1)
            part[choice[:n]] = np.arange(min(n, len(choice))) % min(INNER, n)
            parts.append(part[order])
            training.append(part[order] >= 0)
    validation = np.broadcast_to(test[order], (len(parts), len(test)))
    return Trainings(np.array(training), validation, np.array(parts))


def everything(test, order):
    """One of `Trainings`: all frames but those of the test, on which it is judged."""
    parts = np.where(test, -1, np.arange(len(test)) % INNER)[order]
    return Trainings(parts[None] >= 0, test[order][None], parts[None])
