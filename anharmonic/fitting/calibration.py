"""Whether predicted deviations are right: the share of errors within their intervals, and errors over deviations."""

from dataclasses import dataclass, field

import numpy as np
from scipy.stats import norm

from anharmonic.conventions import GPA
from anharmonic.fitting.geometry import Geometry
from anharmonic.fitting.prediction import Weights
from anharmonic.fitting.uncertainty import FIXED, LEVELS, is_free
from anharmonic.fitting.unit_predictions import UnitPredictions
from anharmonic.potential.posterior import KINDS

UNITS = {"energy": ("meV/atom", 1000.0), "forces": ("meV/A", 1000.0), "stress": ("GPa", 1.0 / GPA)}


@dataclass(frozen=True)
class Calibration:
    """Errors of predictions beside their predicted standard deviations, for frames that no fit has seen.

    Components that symmetry fixes are left out.

    Attributes
    ----------
    errors, deviations : dict of ndarray, shape (n,)
        By kind: eV per atom, eV/A, eV/A^3. Energies of a group are centred: labels have no common zero.
    frames : ndarray, shape (n_frames, 2)
        Root mean squares over the forces of a frame: predicted deviation, error (eV/A); NaN where none is free.
    """

    errors: dict
    deviations: dict
    frames: np.ndarray = field(repr=False)

    def fractions(self, kind, levels=LEVELS):
        """Share of the errors of a kind within the intervals that should hold the shares `levels`."""
        ratio = abs(self.errors[kind]) / self.deviations[kind]
        return np.array([np.mean(ratio <= norm.ppf(0.5 + 0.5 * level)) for level in levels])

    def bins(self, kind, n):
        """Root mean squares of deviations and errors in `n` equal parts of the labels, by deviation: (n, 2)."""
        order = np.array_split(np.argsort(self.deviations[kind], kind="stable"), n)
        both = self.deviations[kind], self.errors[kind]
        return np.array([[np.sqrt(np.mean(x[part] ** 2)) for x in both] for part in order])

    @property
    def kinds(self):
        """Kinds of which there are labels."""
        return [kind for kind in KINDS if len(self.errors[kind])]

    def record(self):
        """JSON-like: numbers, found shares, root mean squares, by kind."""
        return {
            kind: {
                "n": len(self.errors[kind]),
                "nominal": list(LEVELS),
                "found": [round(float(x), 4) for x in self.fractions(kind)],
                "rms_error": float(np.sqrt(np.mean(self.errors[kind] ** 2)) * UNITS[kind][1]),
                "rms_deviation": float(np.sqrt(np.mean(self.deviations[kind] ** 2)) * UNITS[kind][1]),
            }
            for kind in self.kinds
        }


def calibrate(potential, dataset, comparison):
    """The `Calibration` of a potential with a posterior on frames that it was not fitted to.

    Parameters
    ----------
    potential : Potential
    dataset : Dataset
    comparison : Comparison
        Of the same frames, energies centred by group.
    """
    unit = UnitPredictions(Geometry(potential.basis), potential.model, last_layers=True)
    scales, found = potential.posterior.scales, {kind: ([], []) for kind in KINDS}
    frames = np.full((len(dataset), 2), np.nan)
    by_group = {}
    for k, row in enumerate(unit.rows(dataset, Weights(), offsets=False)):
        sensitivity, kinds = potential.posterior.factor.T @ row.jacobian, row.kinds
        residuals = {1: comparison.forces[k], 2: comparison.stress[k]}
        for number, pairs in residuals.items():
            if (kinds == number).any():
                deviation = scales[number] * np.linalg.norm(sensitivity[:, kinds == number], axis=0)
                found[KINDS[number]][0].append(np.diff(pairs, axis=1)[:, 0])
                found[KINDS[number]][1].append(deviation)
        if (kinds == 1).any() and is_free(found["forces"][1][-1]).any():
            frames[k] = [np.sqrt(np.mean(found["forces"][i][-1] ** 2)) for i in (1, 0)]
        if kinds[0] == 0:
            n_atoms = row.n_cells * comparison.n_sites
            by_group.setdefault(row.group, []).append((sensitivity[:, 0] / n_atoms, np.diff(comparison.energy[k])[0]))
    for members in (m for m in by_group.values() if len(m) > 1):
        slopes = np.array([slope for slope, _ in members])
        found["energy"][0].append(np.array([error for _, error in members]))
        found["energy"][1].append(scales[0] * np.linalg.norm(slopes - slopes.mean(axis=0), axis=1))
    flat = {kind: [np.concatenate(x) if x else np.zeros(0) for x in both] for kind, both in found.items()}
    frames[~(frames[:, 0] > FIXED * np.nanmax(frames[:, 0], initial=0.0))] = np.nan
    free = {kind: is_free(deviations) for kind, (_, deviations) in flat.items()}
    errors, deviations = ({kind: flat[kind][i][free[kind]] for kind in KINDS} for i in (0, 1))
    return Calibration(errors, deviations, frames)


def calibration_table(calibrations):
    """Plain text table of `Calibration` by name."""
    head = f"{'calibration':<26}{'labels':>9}" + "".join(f"{f'{100 * x:g} %':>8}" for x in LEVELS)
    lines = [f"{head}{'rms error':>13}{'predicted':>11}"]
    for name, calibration in calibrations.items():
        for kind, row in calibration.record().items():
            shares = "".join(f"{100 * x:>8.1f}" for x in row["found"])
            sizes = f"{row['rms_error']:>13.3g}{row['rms_deviation']:>11.3g} {UNITS[kind][0]}"
            lines.append(f"{f'{name}, {kind}':<26}{row['n']:>9}{shares}{sizes}")
    return "\n".join(lines)
