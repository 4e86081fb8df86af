"""How well a potential reproduces labels: errors by part, by phase, and by energy window."""

from dataclasses import dataclass

import numpy as np

from anharmonic.conventions import GPA
from anharmonic.data.batches import relative_energy
from anharmonic.fitting.geometry import Geometry
from anharmonic.fitting.predictor import Predictor

WINDOW = 0.025
N_WINDOWS = 6


@dataclass(frozen=True)
class Comparison:
    """Predicted and labelled values of a data set, frame by frame.

    Attributes
    ----------
    energy : ndarray, shape (n_frames, 2)
        Label and prediction, eV per atom, relative to the data set's lowest label.
    forces : list of ndarray, shape (n_components, 2)
        eV/A, by frame; empty where a frame has none.
    stress : ndarray, shape (n_frames, 9, 2)
        eV/A^3; NaN where a frame has none.
    phases : list of str
    n_sites : int
        Atoms per reference cell.
    """

    energy: np.ndarray
    forces: list
    stress: np.ndarray
    phases: list
    n_sites: int


def compare(potential, dataset, offsets=None):
    """Predict a data set in float64.

    Parameters
    ----------
    potential : Potential
    dataset : Dataset
    offsets : ndarray, shape (n_groups,), optional
        Energy offsets (eV per cell) of the data set's groups; default: the mean
        residual of each group, since labels have no common zero.
    """
    predict = Predictor(Geometry(potential.basis), potential.model, potential.born)
    return compare_predictions(dataset, (predict(frame.configuration) for frame in dataset), offsets)


def compare_predictions(dataset, predictions, offsets=None):
    """A `Comparison` with predictions (n_labels,) of each frame: an energy, forces, nine components of stress."""
    energy, stress = np.full((len(dataset), 2), np.nan), np.full((len(dataset), 9, 2), np.nan)
    forces = [np.zeros((0, 2))] * len(dataset)
    for k, (frame, predicted) in enumerate(zip(dataset, predictions, strict=True)):
        if frame.energy is not None:
            energy[k] = np.array([relative_energy(frame, dataset.energy_offset), predicted[0]]) / frame.n_cells
        if frame.forces is not None:
            forces[k] = np.stack([np.ravel(frame.forces), predicted[1:-9]], axis=1)
        if frame.stress is not None:
            stress[k] = np.stack([np.ravel(frame.stress), predicted[-9:]], axis=1)
    groups, n_sites = np.array([dataset.groups.index(f.group) for f in dataset]), dataset.crystal.n_sites
    energy = _with_offsets(energy, groups, offsets) / n_sites
    return Comparison(energy, forces, stress, [frame.phase for frame in dataset], n_sites)


def error_report(comparison):
    """Errors of a comparison: overall, by phase, and by energy window (fig. 8b of the paper).

    Returns
    -------
    dict
        ``{"all": row, "phases": {name: row}, "windows": {"0-25 meV": row}}``; a row has n_frames and
        RMSE and MAE of energy (meV/atom), forces (meV/A), stress (GPa), None where there is no label.
        Windows are of label energies per reference cell.
    """
    everything = np.ones(len(comparison.phases), bool)
    names = np.array(comparison.phases)
    energy = comparison.energy[:, 0] * comparison.n_sites
    lowest = np.nanmin(energy) if np.isfinite(energy).any() else 0.0
    window = np.floor((energy - lowest) / WINDOW)
    labels = [f"{int(1000 * WINDOW * k)}-{int(1000 * WINDOW * (k + 1))} meV" for k in range(N_WINDOWS)]
    windows = {label: window == k for k, label in enumerate(labels)}
    windows[f"above {int(1000 * WINDOW * N_WINDOWS)} meV"] = window >= N_WINDOWS
    return {
        "all": _row(comparison, everything),
        "phases": {name: _row(comparison, names == name) for name in sorted(set(comparison.phases))},
        "windows": {label: _row(comparison, chosen) for label, chosen in windows.items() if chosen.any()},
    }


def report_table(report, title):
    """Plain text table of an `error_report`."""
    head = f"{title:<26}{'frames':>7}{'E rmse':>9}{'E mae':>8}{'F rmse':>9}{'F mae':>8}{'S rmse':>8}{'S mae':>8}"
    units = f"{'':<33}{'meV/atom':>9}{'':>8}{'meV/A':>9}{'':>8}{'GPa':>8}"
    rows = {"all": report["all"], **report["phases"], **report["windows"]}
    return "\n".join([head, units, *(_line(name, row) for name, row in rows.items())])


def _line(name, row):
    cells = f"{name:<26}{row['n_frames']:>7}"
    for kind, width, digits in (("energy", 9, 2), ("forces", 9, 1), ("stress", 8, 3)):
        rmse, mae = (_number(row[f"{kind}_{what}"], digits) for what in ("rmse", "mae"))
        cells += f"{rmse:>{width}}{mae:>8}"
    return cells


def _number(value, digits):
    return "-" if value is None else f"{value:.{digits}f}"


def _row(comparison, chosen):
    forces = [f for f, keep in zip(comparison.forces, chosen, strict=True) if keep]
    row = {"n_frames": int(chosen.sum())}
    values = {
        "energy": 1000 * comparison.energy[chosen],
        "forces": 1000 * np.concatenate(forces),
        "stress": comparison.stress[chosen].reshape(-1, 2) / GPA,
    }
    for kind, pairs in values.items():
        residual = np.diff(pairs[np.isfinite(pairs).all(axis=1)], axis=1)
        row[f"{kind}_rmse"] = float(np.sqrt(np.mean(residual**2))) if residual.size else None
        row[f"{kind}_mae"] = float(np.mean(abs(residual))) if residual.size else None
    return row


def _with_offsets(energy, groups, offsets):
    """Energies (n_frames, 2), the predictions moved by the offset of their group (default: its mean residual)."""
    energy = energy.copy()
    for group in np.unique(groups):
        chosen = groups == group
        residual = energy[chosen, 0] - energy[chosen, 1]
        mean = np.nanmean(residual) if np.isfinite(residual).any() else 0.0
        energy[chosen, 1] += mean if offsets is None else offsets[group]
    return energy
