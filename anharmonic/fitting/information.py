"""Which structures would teach a fit most: greedy D-optimal design on the unit predictions of its expansions.

Labels of a structure, with their tolerances as noise, multiply the determinant of the information
matrix of the weights by ``det(1 + J^T C J)``: J are the unit predictions of all its labels, C the covariance
so far (Fedorov, Theory of Optimal Experiments, 1972, ch. 3). Neither needs a label. The covariance is updated
after every choice, so that structures that tell the same are not chosen together.
"""

import numpy as np

from anharmonic.errors import AnharmonicError


def in_tolerances(unit, dataset, weights):
    """Unit predictions of each frame in units of the tolerances.

    Parameters
    ----------
    unit : UnitPredictions
        Of a polynomial, whose feature scales make the weights comparable.
    dataset : Dataset
        Labels are not used.
    weights : Weights
        Its tolerances.

    Returns
    -------
    list of ndarray, shape (n_weights, n_labels)
        By frame: an energy, its forces and nine components of stress.
    """
    found = []
    for row in unit.rows(dataset, weights, offsets=False):
        energy = weights.energy_tolerance * row.n_cells * unit.n_sites
        found.append(row.jacobian / row.by_kind(energy, weights.force_tolerance, weights.stress_tolerance))
    return found


def choose(known, candidates, count, ridge=1.0):
    """The candidates that teach most, the best first.

    Parameters
    ----------
    known, candidates : list of ndarray, shape (n_weights, n_labels)
        As of `in_tolerances`.
    count : int
        Candidates to choose at most.
    ridge : float
        Information on each weight before any label.

    Returns
    -------
    list of (int, float)
        Index of the candidate, and the logarithm of the factor by which it multiplies the determinant.

    Raises
    ------
    AnharmonicError
        If there is no candidate.
    """
    if not candidates:
        raise AnharmonicError("there is no candidate to choose from")
    covariance = np.linalg.inv(ridge * np.eye(len(candidates[0])) + sum(j @ j.T for j in known))
    left, chosen = dict(enumerate(candidates)), []
    while left and len(chosen) < count:
        gains = {k: _gain(jacobian, covariance) for k, jacobian in left.items()}
        best = max(gains, key=gains.get)
        covariance = _updated(covariance, left.pop(best))
        chosen.append((best, gains[best]))
    return chosen


def _gain(jacobian, covariance):
    """Logarithm of ``det(1 + J^T C J)``."""
    return float(np.linalg.slogdet(np.eye(jacobian.shape[1]) + jacobian.T @ covariance @ jacobian)[1])


def _updated(covariance, jacobian):
    """The covariance once the labels of a structure are known (Woodbury's identity)."""
    pulled = covariance @ jacobian
    return covariance - pulled @ np.linalg.solve(np.eye(jacobian.shape[1]) + jacobian.T @ pulled, pulled.T)
