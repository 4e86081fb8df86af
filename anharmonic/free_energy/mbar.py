"""Free energies of windows that overlap: the multistate Bennett acceptance ratio.

Shirts and Chodera, J. Chem. Phys. 129, 124105 (2008), by pymbar. It takes independent samples; correlated ones are
thinned out before.
"""

from dataclasses import dataclass, field

import numpy as np

from anharmonic.analysis.mbar import multistate_solver
from anharmonic.analysis.statistics import correlation_time
from anharmonic.errors import AnharmonicError

LEAST_OVERLAP = 0.03
"""Of neighbours (Klimovich, Shirts and Mobley, J. Comput.-Aided Mol. Des. 29, 397 (2015))."""

FEWEST = 10
"""Independent samples a window has at least."""


@dataclass(frozen=True)
class Windows:
    """Free energies of windows.

    Attributes
    ----------
    free_energies : ndarray, shape (n_windows,)
        Without unit (over kT), the first 0.
    errors : ndarray, shape (n_windows, n_windows)
        Standard errors of the differences.
    overlap : ndarray, shape (n_windows - 1,)
        Of neighbours, from the overlap matrix: a third if both have the same density and there are three.
    weights : ndarray, shape (n_samples, n_windows)
        Weight of every sample in the density of every window; columns add up to 1.
    counts : ndarray, shape (n_windows,), int
    """

    free_energies: np.ndarray
    errors: np.ndarray
    overlap: np.ndarray
    weights: np.ndarray = field(repr=False)
    counts: np.ndarray = field(repr=False)

    @property
    def is_connected(self):
        """Whether all neighbours overlap."""
        return bool((self.overlap >= LEAST_OVERLAP).all())


def solve(reduced, counts):
    """Free energies of windows from their samples.

    Parameters
    ----------
    reduced : array_like, shape (n_windows, n_samples)
        Energy over kT of every sample in every window; samples are ordered by the window they come from.
    counts : array_like, shape (n_windows,), int
        Samples of each window; a window may have none.

    Returns
    -------
    Windows

    Raises
    ------
    AnharmonicError
        If an energy is not finite.
    """
    reduced, counts = np.asarray(reduced, float), np.asarray(counts, int)
    if not np.isfinite(reduced).all():
        raise AnharmonicError("an energy of a window is not finite: the windows reach where the potential breaks down")
    reduced = reduced - reduced.min(axis=0)
    with multistate_solver() as solved:
        solver = solved(reduced, counts)
        found = solver.compute_free_energy_differences()
        overlap = solver.compute_overlap()["matrix"]
        weights = np.asarray(solver.weights(), float)
    between = np.minimum(np.diag(overlap, 1), np.diag(overlap, -1))
    errors = np.nan_to_num(np.asarray(found["dDelta_f"], float))
    return Windows(np.asarray(found["Delta_f"][0], float), errors, np.asarray(between, float), weights, counts)


def solve_products(factors, series):
    """Free energies of windows whose energy over kT is a factor times one quantity, from correlated samples.

    Parameters
    ----------
    factors : array_like, shape (n_windows,)
        Inverse temperatures for an enthalpy, say; of the inverse unit of the quantity.
    series : sequence of ndarray, shape (n_samples,)
        The quantity in each window.

    Returns
    -------
    Windows
    """
    thin = [thinned(s, strict=False)[0] for s in series]
    return solve(np.multiply.outer(factors, np.concatenate(thin)), [len(s) for s in thin])


def thinned(*series, strict=True):
    """Every g-th sample of series (n, ...) of one window, g twice the longest correlation time: a list of arrays.

    Unless `strict`, ten are left of any series.

    Raises
    ------
    AnharmonicError
        If fewer than ten independent samples are left.
    """
    time = max(float(correlation_time(s.reshape(len(s), -1)).max()) for s in map(np.asarray, series))
    every = max(1, int(np.ceil(2 * time)))
    if not strict:
        every = max(1, min(every, len(series[0]) // FEWEST))
    if len(series[0]) < FEWEST * every:
        raise AnharmonicError(
            f"{len(series[0])} samples with a correlation time of {time:.0f} samples are fewer than {FEWEST} "
            "independent ones: sample longer"
        )
    return [np.asarray(s)[every - 1 :: every] for s in series]
