"""Effective charges from labels, for want of Born charges: those whose dipoles leave least to the clusters."""

import numpy as np
from ase.formula import non_metals
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize

from anharmonic.electrostatics import BornCharges, charge_modes
from anharmonic.errors import AnharmonicError
from anharmonic.fitting.linear import NormalEquations
from anharmonic.fitting.predictor import Predictor

STARTS = 12
"""Minimisations from random charges."""

MOST_MODES = 30
"""Free charges beyond which they are not fitted: their products are as many as the square of this."""


def fit_charges(unit, dataset, weights, strength):
    """Charges over the square root of the dielectric constant that minimise the loss, clusters refitted with them.

    The energy is a quadratic form in the charges that symmetry leaves free. Everything linear is eliminated from the
    normal equations, so that what is minimised depends on the charges alone.

    Parameters
    ----------
    unit : UnitPredictions
    dataset : Dataset
    weights : Weights
    strength : float
        Of the ridge on the weights.

    Returns
    -------
    BornCharges
        With a dielectric constant of 1.

    Raises
    ------
    AnharmonicError
        If symmetry leaves no charges (crystals of one element), or very many.
    """
    crystal = dataset.crystal
    modes = charge_modes(crystal)
    if not len(modes):
        raise AnharmonicError(f"symmetry allows no charges in {crystal.formula}: leave [electrostatics] out")
    if len(modes) > MOST_MODES:
        raise AnharmonicError(f"symmetry leaves {len(modes)} charges free, too many to fit: give Born charges")
    pairs = [(a, b) for a in range(len(modes)) for b in range(a, len(modes))]
    predictors = {pair: Predictor(unit.geometry, born=_charges(modes[list(set(pair))].sum(0))) for pair in pairs}
    equations = NormalEquations(unit.n_weights, len(pairs) + len(dataset.groups))
    for row, frame in zip(unit.rows(dataset, weights), dataset, strict=True):
        equations.add([row.with_unknowns(_products(predictors, frame.configuration), after=unit.n_weights)])
    form, pull = _eliminated(equations, np.arange(len(pairs)) + unit.n_weights, strength)
    found = _best(lambda z: np.array([z[a] * z[b] for a, b in pairs]), form, pull, len(modes))
    charges = np.tensordot(found, modes, 1)
    return _charges(charges * _sign(crystal, charges))


def charges_table(potential):
    """Charges of all sites as plain text."""
    born, rows = potential.born, []
    for symbol, tensor in zip(potential.crystal.species, born.charges, strict=True):
        rows.append(f"{symbol:<4}" + "   ".join(" ".join(f"{x + 0.0:7.3f}" for x in row) for row in tensor.round(3)))
    dielectric = " ".join(f"{x:.3f}" for x in np.linalg.eigvalsh(born.dielectric))
    return "\n".join(
        [f"charges of dipoles (e; xx xy xz, yx ...), dielectric tensor with eigenvalues {dielectric}", *rows]
    )


def _products(predictors, configuration):
    """Labels for a unit of each product of two charges."""
    single = {pair: predictor(configuration) for pair, predictor in predictors.items()}
    return np.array([
        labels if a == b else labels - single[a, a] - single[b, b] for (a, b), labels in single.items()
    ])  # fmt: skip


def _eliminated(equations, kept, strength):
    """Quadratic form and linear term of the loss in the kept unknowns, all others at their best."""
    matrix = equations.matrix.copy()
    n = equations.n_weights
    matrix[np.arange(n), np.arange(n)] += strength
    rest = np.setdiff1d(np.arange(len(matrix)), kept)
    inner = matrix[np.ix_(rest, rest)] + 1e-12 * np.eye(len(rest))
    mixed = matrix[np.ix_(rest, kept)]
    solved = cho_solve(cho_factor(inner), np.column_stack([mixed, equations.target[rest]]))
    form = matrix[np.ix_(kept, kept)] - mixed.T @ solved[:, :-1]
    return form, equations.target[kept] - mixed.T @ solved[:, -1]


def _best(products, form, pull, n):
    """Charges (n,) with the lowest loss of some starts."""

    def loss(z):
        c = products(z)
        return c @ form @ c - 2 * pull @ c

    starts = np.random.default_rng(0).normal(size=(STARTS, n))
    found = [minimize(loss, start, method="BFGS") for start in starts]
    return min(found, key=lambda result: result.fun).x


def _charges(charges):
    return BornCharges(np.asarray(charges), np.eye(3))


def _sign(crystal, charges):
    """Charges and their negatives give the same energies: sites of non-metals are taken for negative."""
    traces = np.trace(charges, axis1=1, axis2=2)
    anions = [symbol in non_metals for symbol in crystal.species]
    return -1.0 if (traces[anions].sum() if any(anions) else -traces[0]) > 0 else 1.0
