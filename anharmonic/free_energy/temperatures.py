"""Free energies along temperature: ``d(G/T) / d(1/T) = H`` (Gibbs and Helmholtz) from samples at several.

Where neighbouring temperatures overlap MBAR gives the difference of G/kT, elsewhere the integral of the enthalpy; that
integral is done everywhere, as a check from the same samples. What is integrated through a transition must have been in
equilibrium there: by replica exchange, or where the hysteresis is small.
"""

from dataclasses import dataclass

import numpy as np

from anharmonic.analysis.reweighting import islands
from anharmonic.analysis.statistics import estimate
from anharmonic.conventions import BOLTZMANN
from anharmonic.errors import AnharmonicError
from anharmonic.free_energy import mbar
from anharmonic.free_energy.exact import kinetic_energy
from anharmonic.sweep.recorded import open_run


@dataclass(frozen=True)
class TemperatureLine:
    """Free energies over kT along temperature; energies in eV of the whole supercell, kinetic ones included.

    Attributes
    ----------
    temperatures : ndarray, shape (n,)
        K, rising.
    enthalpies, enthalpy_errors : ndarray, shape (n,)
    steps, step_errors : ndarray, shape (n - 1,)
        Change of G/kT from each temperature to the next.
    errors : ndarray, shape (n, n)
        Standard errors of the changes between any two temperatures.
    integral, integral_errors : ndarray, shape (n,), (n, n)
        G/kT by the integral of the enthalpy, relative to the first temperature, and errors of differences.
    overlapping : ndarray, shape (n - 1,), bool
        Where MBAR was possible.
    short : ndarray, shape (n,), bool
        Temperatures with too few independent samples for a trustworthy error.
    """

    temperatures: np.ndarray
    enthalpies: np.ndarray
    enthalpy_errors: np.ndarray
    steps: np.ndarray
    step_errors: np.ndarray
    errors: np.ndarray
    integral: np.ndarray
    integral_errors: np.ndarray
    overlapping: np.ndarray
    short: np.ndarray

    @property
    def reduced(self):
        """G/kT relative to the first temperature, shape (n,)."""
        return np.concatenate([[0.0], np.cumsum(self.steps)])

    def index(self, temperature):
        """The place of a temperature (K).

        Raises
        ------
        AnharmonicError
            If it was not sampled.
        """
        k = int(np.argmin(abs(self.temperatures - temperature)))
        if abs(self.temperatures[k] - temperature) > 1e-3:
            raise AnharmonicError(
                f"{temperature:g} K was not sampled; the temperatures are "
                f"{', '.join(f'{t:g}' for t in self.temperatures)} K"
            )
        return k

    def change(self, start, end, by_integral=False):
        """``(change of G/kT, its error)`` between two temperatures (K) that were sampled."""
        i, j = self.index(start), self.index(end)
        values, errors = (self.integral, self.integral_errors) if by_integral else (self.reduced, self.errors)
        return float(values[j] - values[i]), float(errors[i, j])


def along_temperature(temperatures, series, n_atoms):
    """Free energies from samples at several temperatures.

    Parameters
    ----------
    temperatures : array_like, shape (n,)
        K, in any order.
    series : sequence of ndarray, shape (n_samples,)
        ``U + W`` (eV) of the supercell at each, in equilibrium; correlated.
    n_atoms : int

    Returns
    -------
    TemperatureLine
    """
    order = np.argsort(temperatures)
    temperatures = np.asarray(temperatures, float)[order]
    series = [np.asarray(series[k], float) for k in order]
    if len(temperatures) < 2:
        raise AnharmonicError("a line along temperature takes at least two temperatures")
    betas = 1 / (BOLTZMANN * temperatures)
    found = [estimate(s) for s in series]
    means, errors = (np.array([getattr(f, name) for f in found]) for name in ("mean", "error"))
    integral, weights = _integral(betas, means, [s.var(ddof=1) for s in series])
    groups, overlapping = islands(betas, series), np.ones(len(betas) - 1, bool)
    overlapping[[group.stop - 1 for group in groups[:-1]]] = False
    motion = -1.5 * (n_atoms - 1) * np.log(temperatures / temperatures[0])
    steps, variances = np.diff(integral), np.zeros((len(betas), len(betas)))
    for group in groups:
        if group.stop - group.start > 1:
            solved = mbar.solve_products(betas[group], series[group])
            steps[group.start : group.stop - 1] = np.diff(solved.free_energies)
            variances[group, group] = solved.errors**2
    variances = _across(variances, overlapping, weights, errors)
    between = weights[:, None] - weights[None]
    return TemperatureLine(
        temperatures,
        means + kinetic_energy(n_atoms, temperatures),
        errors,
        steps + np.diff(motion),
        np.sqrt(np.diag(variances, 1)),
        np.sqrt(variances),
        integral + motion,
        np.sqrt(between**2 @ errors**2),
        overlapping,
        np.array([bool(f.is_short) for f in found]),
    )


def samples_of_run(path):
    """Equilibrium samples of the enthalpy of a run of ``sweep``, ``exchange``, ``md`` or ``mc``, finished or not.

    Returns
    -------
    dict
        ``temperatures`` (K), ``series`` of U + W (eV), ``tilts`` (n_samples, 6) at each (tangents; none for crystals
        without), ``strains`` F - 1 (n_samples, 3, 3), ``structure`` (Configuration), ``options`` of the run.

    Raises
    ------
    FileFormatError, AnharmonicError
        If the file is no run file, or of a ramp, several pressures, or two directions.
    """
    run = open_run(path, unfinished=True)
    if run.options.get("direction") == "both":
        raise AnharmonicError(f"{path} went up and down: take a run in one direction, or a replica exchange")
    if run.options.get("pressures_GPa"):
        raise AnharmonicError(f"{path} has several pressures: a line along temperature has one")
    return {
        "temperatures": [point.temperature for point in run.points],
        "series": [point.enthalpy(run.volume) for point in run.points],
        "tilts": [point.samples["projections"].astype(float) for point in run.points],
        "strains": [point.samples["deformation"].astype(float) - np.eye(3) for point in run.points],
        "structure": run.structure,
        "options": run.options,
    }


def _integral(betas, means, variances):
    """Integral of the enthalpy over 1/kT from the first on, and its weights (n, n) of the means.

    The trapezoidal rule with the ends' slopes, ``dH / d(1/kT)``, which are minus the variances: of fourth order (Euler
    and Maclaurin).
    """
    width, slopes = np.diff(betas), -np.asarray(variances)
    parts = width * (means[1:] + means[:-1]) / 2 - width**2 / 12 * np.diff(slopes)
    weights = np.zeros((len(betas), len(betas)))
    for k, w in enumerate(width):
        weights[k + 1] = weights[k]
        weights[k + 1, [k, k + 1]] += w / 2
    return np.concatenate([[0.0], np.cumsum(parts)]), weights


def _across(variances, overlapping, weights, errors):
    """Variances of changes between places of different islands: of the parts in islands and the gaps between them."""
    total, n = variances.copy(), len(variances)
    for i in range(n):
        for j in range(i + 1, n):
            gaps = [k for k in range(i, j) if not overlapping[k]]
            if not gaps:
                continue
            stops = [i, *(s for k in gaps for s in (k, k + 1)), j]
            inside = sum(variances[a, b] for a, b in zip(stops[::2], stops[1::2], strict=True))
            bridges = sum(weights[k + 1] - weights[k] for k in gaps)
            total[i, j] = total[j, i] = inside + bridges**2 @ errors**2
    return total
