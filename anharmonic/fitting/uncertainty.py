"""What a fit knows of its own errors: the posterior of the weights, calibrated on frames left out, and the domain."""

from collections import Counter

import equinox as eqx
import jax
import numpy as np
from scipy.stats import norm

from anharmonic.fitting.linear import NormalEquations, kinds_of
from anharmonic.potential.domain import Domain, n_low
from anharmonic.potential.linear_weights import linear_weights
from anharmonic.potential.models import Network
from anharmonic.potential.posterior import KINDS, Posterior
from anharmonic.potential.potential import environment

FIXED = 1e-3
"""Labels whose predicted deviation is smaller than this share of the usual one are fixed by symmetry (or nearly so):
what is left there is the noise of the labels."""

LEVELS = (0.5, 0.68, 0.9, 0.95)
"""Intervals of a normal distribution that are looked at: the shares of errors that should lie within."""


def fit_posterior(basis, lattice, offsets, equations, strength, training, held_out):
    """The calibrated posterior of a solved or trained model.

    Errors of a linear model are those of each training frame by the fit to the others, which
    follow from one fit (Allen, Technometrics 16, 125 (1974)); those of networks, whose first
    layers have seen all training frames, are of the validation frames.

    Parameters
    ----------
    basis : ClusterBasis
    lattice : LatticePotential
        Without walls.
    offsets : ndarray, shape (n_groups,)
        Energy offsets of the fit (eV per cell).
    equations : NormalEquations
        Of the training frames and the expansions.
    strength : float
        Of the ridge.
    training, held_out : Batches

    Returns
    -------
    Posterior, NormalEquations
        And the equations that it was made from.
    """
    nets = _has_networks(lattice.model)
    if nets:
        equations = training.add_to(NormalEquations(basis, lattice, len(offsets), last_layers=True))
    covariance = equations.covariance(strength)
    solution = np.concatenate([*linear_weights(lattice.model, nets), offsets])
    by_validation = nets and held_out.pairs
    chosen = held_out if by_validation else training
    groups = Counter(int(g) for batch, _ in training.pairs for g in batch.frames.group)
    known = {group for group, n in groups.items() if n > (0 if by_validation else 1)}
    errors = [_errors(row, solution, covariance, known, by_validation) for row in chosen.rows(equations)]
    n, scales = equations.n_weights, _scales(*(np.concatenate(x) for x in zip(*errors, strict=True)))
    values, axes = np.linalg.eigh(covariance[:n, :n])
    return Posterior(axes * np.sqrt(np.maximum(values, 0.0)), scales), equations


def fit_domain(basis, lattice, batches):
    """The domain of the frames of some device batches."""
    low, found = tuple(map(n_low, basis.invariants)), []
    for batch in batches:
        phi = _environments(lattice, batch, low)
        found += list(np.asarray(phi, float))
    return Domain.of_environments(found, basis.crystal.site_classes)


def _errors(row, solution, covariance, known, seen_by_none):
    """Errors, their variances before the scales, and kinds of the labels of one frame left out of the fit."""
    jacobian, labels, frame = row
    kinds = kinds_of(frame)
    if int(frame.frames.group[0]) not in known:
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


def _has_networks(model):
    is_network = lambda x: isinstance(x, Network)  # noqa: E731
    return any(map(is_network, jax.tree.leaves(model, is_leaf=is_network)))


@eqx.filter_jit
def _environments(lattice, batch, low):
    frames = batch.frames
    one = lambda u, f: environment(lattice, u, f, batch.translations, low)  # noqa: E731
    return jax.vmap(one)(frames.displacements, frames.deformation)
