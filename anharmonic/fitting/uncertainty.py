"""What a fit knows of its own errors: the posterior of the weights, calibrated on frames left out."""

from collections import Counter

import jax
import numpy as np
from scipy.stats import norm

from anharmonic.potential.linear_weights import linear_weights
from anharmonic.potential.models import Network
from anharmonic.potential.posterior import KINDS, Posterior

FIXED = 1e-3
"""Labels whose predicted deviation is smaller than this share of the usual one are fixed by symmetry (or nearly so):
what is left there is the noise of the labels."""

LEVELS = (0.5, 0.68, 0.9, 0.95)
"""Intervals of a normal distribution that are looked at: the shares of errors that should lie within."""


def fit_posterior(unit, offsets, equations, strength, training, held_out, weights):
    """The calibrated posterior of a solved or trained model.

    Errors of a linear model are those of each training frame by the fit to the others, which
    follow from one fit (Allen, Technometrics 16, 125 (1974)); those of networks, whose first
    layers have seen all training frames, are of the validation frames.

    Parameters
    ----------
    unit : UnitPredictions
        Of the model without walls; last layers of networks count.
    offsets : ndarray, shape (n_groups,)
        Energy offsets of the fit (eV per cell).
    equations : NormalEquations
        Of the training frames.
    strength : float
        Of the ridge.
    training, held_out : Dataset
        None without validation frames.
    weights : Weights

    Returns
    -------
    Posterior
    """
    covariance = equations.covariance(strength)
    nets = has_networks(unit.model)
    solution = np.concatenate([*linear_weights(unit.model, nets), offsets])
    groups = Counter(training.groups.index(frame.group) for frame in training)
    by_validation = nets and held_out is not None
    known = {group for group, n in groups.items() if n > (0 if by_validation else 1)}
    rows = unit.rows(held_out if by_validation else training, weights)
    errors = [_errors(row, solution, covariance, known, by_validation) for row in rows]
    n, scales = equations.n_weights, _scales(*(np.concatenate(x) for x in zip(*errors, strict=True)))
    values, axes = np.linalg.eigh(covariance[:n, :n])
    return Posterior(axes * np.sqrt(np.maximum(values, 0.0)), scales)


def _errors(row, solution, covariance, known, seen_by_none):
    """Errors, their variances before the scales, and kinds of the labels of one frame left out of the fit."""
    (jacobian, labels), kinds = row.scaled(), row.kinds
    if row.group not in known:
        kinds[0] = -1
    errors, hat = jacobian.T @ solution - labels, jacobian.T @ covariance @ jacobian
    if not seen_by_none:
        errors, hat = (np.linalg.solve(np.eye(len(hat)) - hat, x) for x in (errors, hat))
    use = kinds >= 0
    return errors[use], np.diag(hat)[use], kinds[use]


def _scales(errors, variance, kinds):
    """By kind, the scale of the deviations that brings the shares of errors within `LEVELS` closest to nominal; 0 for a
    kind without labels. Shares do not follow single outliers."""
    scales = []
    for k in range(len(KINDS)):
        e, deviation = errors[kinds == k], np.sqrt(np.maximum(variance[kinds == k], 0.0))
        moving = is_free(deviation)
        scales.append(_best_scale(abs(e[moving]) / deviation[moving]) if moving.any() else 0.0)
    return np.array(scales)


def _best_scale(ratios):
    """The scale for errors over deviations (n,)."""
    widths = norm.ppf(0.5 + 0.5 * np.array(LEVELS))
    matching = np.quantile(ratios, LEVELS) / widths
    candidates = np.geomspace(matching.min(), matching.max(), 101)
    shares = (ratios <= widths[:, None, None] * candidates[:, None]).mean(axis=2)
    return candidates[np.argmin(((shares - np.array(LEVELS)[:, None]) ** 2).sum(axis=0))]


def is_free(deviations):
    """Which labels of a kind, by their predicted deviations (n,), are not fixed by symmetry."""
    return deviations > FIXED * np.sqrt(np.mean(deviations**2)) if len(deviations) else np.zeros(0, bool)


def has_networks(model):
    """Whether a model has networks."""
    is_network = lambda x: isinstance(x, Network)  # noqa: E731
    return any(map(is_network, jax.tree.leaves(model, is_leaf=is_network)))
