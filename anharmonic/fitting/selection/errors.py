"""Errors of many models on chosen frames."""

import numpy as np

from anharmonic.conventions import GPA
from anharmonic.fitting.selection.labels import FORCE, NORMAL, SHEAR

KINDS = {"energy": "meV/atom", "forces": "meV/A", "stress": "GPa"}


def errors(labels, energies, components, offsets, chosen):
    """Root mean square and mean absolute errors of one model.

    Parameters
    ----------
    labels : Labels
    energies : ndarray, shape (n_frames,)
        Predicted, eV, in the order of the labels.
    components : sequence of ndarray, shape (n_block_frames, n_components)
    offsets : ndarray, shape (n_groups,)
        Of energies, eV per cell; energies of a group with NaN are left out: no training frame tells their zero.
    chosen : ndarray of bool, shape (n_frames,)

    Returns
    -------
    dict
        ``energy_rmse``, ``energy_mae`` (meV/atom), ``forces_...`` (meV/A), ``stress_...`` (GPa); None without labels.
    """
    zero = offsets[labels.group] * labels.n_cells
    known = chosen & labels.has_energy & np.isfinite(zero)
    residual = (energies + zero - labels.energy)[known] / (labels.n_cells * labels.n_sites)[known]
    found = _measures("energy", 1000 * residual, np.ones(len(residual)))
    rows = list(zip(components, labels.components, labels.kinds, labels.blocks(chosen), strict=True))
    for name, members, unit in (("forces", (FORCE,), 1e-3), ("stress", (NORMAL, SHEAR), GPA)):
        residual, weights = [], []
        for predicted, label, kinds, inside in rows:
            wanted = np.isin(kinds, members) & inside[:, None]
            residual.append((predicted - label)[wanted] / unit)
            weights.append(np.where(kinds == SHEAR, 2.0, 1.0)[wanted])
        found |= _measures(name, np.concatenate(residual), np.concatenate(weights))
    return found


def _measures(name, residual, weights):
    if not residual.size:
        return {f"{name}_rmse": None, f"{name}_mae": None}
    return {
        f"{name}_rmse": float(np.sqrt(np.average(residual**2, weights=weights))),
        f"{name}_mae": float(np.average(abs(residual), weights=weights)),
    }
