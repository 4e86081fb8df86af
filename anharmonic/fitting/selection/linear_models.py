"""Linear models of the invariants (eq. 2), solved directly: ridge, LASSO, automatic relevance determination."""

import warnings
from dataclasses import dataclass

import numpy as np

from anharmonic.fitting.selection.folds import scikit_learn
from anharmonic.fitting.selection.labels import loss_weights


@dataclass(frozen=True)
class Rows:
    """The weighted least-squares problem of some frames, energy offsets projected out.

    Attributes
    ----------
    matrix : ndarray, shape (n_rows, p)
    target : ndarray, shape (n_rows,)
    parts : ndarray of int, shape (n_rows,)
        Fold of the frame that a row belongs to.
    """

    matrix: np.ndarray
    target: np.ndarray
    parts: np.ndarray

    @classmethod
    def of_columns(cls, columns, labels, weights, training, parts):
        """Rows of the frames of a training."""
        by_energy, by_component = loss_weights(labels, weights, training)
        scale = np.sqrt(by_energy)
        energy = np.concatenate([columns.energy, labels.energy[None]]) * scale
        for group in np.unique(labels.group):
            zero = np.where(labels.group == group, labels.n_cells * scale, 0.0)
            if zero.any():
                energy = energy - np.outer(energy @ zero, zero) / (zero @ zero)
        rows, owners = [energy[:, training]], [parts[training]]
        by_block = zip(
            columns.components, labels.components, by_component, labels.blocks(training), labels.blocks(parts),
            strict=True,
        )  # fmt: skip
        for values, label, weight, inside, part in by_block:
            block = np.concatenate([values, label[None]]) * np.sqrt(weight)
            rows.append(block[:, inside].reshape(len(block), -1))
            owners.append(np.repeat(part[inside], label.shape[1]))
        rows = np.concatenate(rows, axis=1)
        return cls(rows[:-1].T, rows[-1], np.concatenate(owners))


def fit_linear(method, rows):
    """Weights (p,) by ``"lasso"`` (strength by the folds among the rows) or ``"ard"``.

    Rows are brought to unit mean square of the target first: both methods look at its size. The LASSO follows
    its whole path by least angles; that the path ends early is no failure.
    """
    linear = scikit_learn("linear_model")
    size = np.sqrt(np.mean(rows.target**2))
    if method == "ard":
        model = linear.ARDRegression(fit_intercept=False)
    else:
        folds = scikit_learn("model_selection").PredefinedSplit(rows.parts)
        model = linear.LassoLarsCV(cv=folds, fit_intercept=False, max_iter=2 * rows.matrix.shape[1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", scikit_learn("exceptions").ConvergenceWarning)
        return model.fit(rows.matrix / size, rows.target / size).coef_


def best_offsets(columns, labels, weights, training, solution, n_groups):
    """Energy offsets (n_groups,), eV per cell, that minimise the loss of the training for given weights."""
    by_energy, _ = loss_weights(labels, weights, training)
    residual, found = labels.energy - solution @ columns.energy, np.full(n_groups, np.nan)
    for group in range(n_groups):
        share = np.where(labels.group == group, by_energy, 0.0)
        if share.any():
            found[group] = (share * labels.n_cells) @ residual / (share @ labels.n_cells**2)
    return found
