"""Landau free energies: along an order parameter that is linear in displacements or strain, by umbrella sampling.

Windows with a harmonic bias on the order parameter (Torrie and Valleau, J. Comput. Phys. 23, 187 (1977)) cover it
evenly; MBAR takes the bias out. All else is free and in equilibrium: where the order parameter is held at 0, others may
be not. Unbiased samples alone give the same where the order parameter visits all of its range by itself.
"""

from dataclasses import dataclass, replace

import numpy as np

from anharmonic.analysis import TiltModes
from anharmonic.analysis.statistics import estimate
from anharmonic.analysis.tilts import LABELS
from anharmonic.conventions import BOLTZMANN
from anharmonic.errors import AnharmonicError
from anharmonic.evaluation import Evaluator
from anharmonic.free_energy import mbar
from anharmonic.free_energy.models import Biased, BiasedCoordinate, Coordinate
from anharmonic.free_energy.windows import WindowOptions, Windows, last_state, production
from anharmonic.potential.potential import precision

TILTS = tuple(label.replace(" tilt about ", "-") for label in LABELS)
"""Names of tilts as order parameters: in-phase-x and so on."""

STRAINS = {"strain-xx": (0, 0), "strain-yy": (1, 1), "strain-zz": (2, 2), "strain-xy": (0, 1)}

BLOCKS = 8
"""Parts of all windows in time, whose free energies give the error band."""

SPACING = 1.0
"""Standard deviation of q under the bias alone, in distances between windows."""


@dataclass(frozen=True, kw_only=True)
class LandauOptions(WindowOptions):
    """Options of umbrella sampling, besides those of all windows.

    Attributes
    ----------
    along : str
        Order parameter: a tilt such as ``in-phase-z`` (its tangent) or a strain such as ``strain-zz``.
    lowest, highest : float
        Centres of the first and the last window.
    windows : int
    bins : int
        Of the free energy, between those centres.
    """

    along: str = "in-phase-z"
    lowest: float = 0.0
    highest: float = 0.25
    windows: int = 12
    bins: int = 40

    def __post_init__(self):
        super().__post_init__()
        known = (*TILTS, *STRAINS)
        if self.along not in known:
            raise AnharmonicError(f"the order parameter is one of {', '.join(known)}; found {self.along!r}")
        if self.along in STRAINS and self.cell == "fixed":
            raise AnharmonicError(f"{self.along} does not change in a fixed cell")
        if self.windows < 2 or self.bins < 2 or not self.lowest < self.highest:
            raise AnharmonicError(
                f"umbrella sampling takes two windows and two bins or more over a rising range; found {self.windows} "
                f"windows and {self.bins} bins from {self.lowest:g} to {self.highest:g}"
            )

    @property
    def centres(self):
        """Of the windows."""
        return np.linspace(self.lowest, self.highest, self.windows)

    @property
    def stiffness(self):
        """Of the bias, eV: neighbours overlap whatever the free energy between them."""
        return BOLTZMANN * self.temperature / (SPACING * (self.centres[1] - self.centres[0])) ** 2

    @property
    def edges(self):
        """Of the bins."""
        return np.linspace(self.lowest, self.highest, self.bins + 1)


@dataclass(frozen=True)
class LandauFreeEnergy:
    """Free energy along an order parameter at one temperature.

    Attributes
    ----------
    q : ndarray, shape (n_bins,)
        Middles of the bins.
    free_energy, error : ndarray, shape (n_bins,)
        ``-kT log P(q)`` (eV of the whole supercell), its least value 0; NaN in bins without samples.
    means : ndarray, shape (n_windows,)
        Of q in each window.
    overlap : ndarray, shape (n_windows - 1,)
    short : ndarray, shape (n_windows,), bool
        Windows with too few independent samples for a trustworthy error.
    """

    q: np.ndarray
    free_energy: np.ndarray
    error: np.ndarray
    means: np.ndarray
    overlap: np.ndarray
    short: np.ndarray


def coordinate_of(name, crystal, supercell, dtype="float32"):
    """The `Coordinate` of a name.

    Raises
    ------
    AnharmonicError
        If the crystal or the supercell has no such tilt.
    """
    none = np.zeros((crystal.n_sites, 3, supercell.n_cells))
    if name in STRAINS:
        strain = np.zeros((3, 3))
        i, j = STRAINS[name]
        strain[i, j] += 0.5
        strain[j, i] += 0.5
        return Coordinate.of_arrays(none, strain, dtype)
    modes = TiltModes.of_crystal(crystal)
    if modes is None:
        raise AnharmonicError(f"{name} is a tilt of cubic perovskites, and {crystal.formula} is none")
    if modes.missing(supercell):
        raise AnharmonicError(modes.missing(supercell))
    return Coordinate.of_arrays(modes.projection(supercell)[TILTS.index(name)], dtype=dtype)


def landau(potential, start, options, folder=None, on_chunk=lambda progress, plan: None, stop=lambda: None):
    """Free energy along an order parameter by umbrella sampling.

    Parameters
    ----------
    potential : Potential
    start : tuple of (Configuration, str)
        Where the first window begins; each goes on from the one before.
    options : LandauOptions
    folder, on_chunk, stop
        See `anharmonic.free_energy.integration.integrate`.

    Returns
    -------
    LandauFreeEnergy
    """
    supercell = start[0].supercell
    coordinate = coordinate_of(options.along, potential.crystal, supercell, options.dtype)
    control = {"folder": folder, "on_chunk": on_chunk, "stop": stop}
    series = umbrella_samples(potential, start, options, coordinate, **control)
    return free_energy_of_windows(series, options)


def umbrella_samples(potential, start, options, coordinate, **control):
    """Samples of the order parameter in all windows, list of (n_samples,); `control` and the rest as of `landau`."""
    state, name = start
    labels = [f"{options.along} {c:.4f}" for c in options.centres]
    observables = {"coordinate": BiasedCoordinate()}
    windows = Windows(potential, state.supercell, options, name, labels, observables, **control)
    with precision(options.dtype):
        target, begin = Evaluator.create(potential, state.supercell, options.dtype), _moved(state, coordinate, options)
        found = []
        for k, centre in enumerate(options.centres):
            model = Biased(target, coordinate, *(np.asarray(v, options.dtype) for v in (centre, options.stiffness)))
            run = windows.perform(k, model, begin)
            begin = last_state(run)
            found.append(production(run, "coordinate")[0])
    return found


def free_energy_of_windows(series, options):
    """The free energy along q from samples (n_samples,) of all windows; the error from parts in time.

    Parameters
    ----------
    series : sequence of ndarray, shape (n_samples,)
    options : LandauOptions

    Returns
    -------
    LandauFreeEnergy
    """
    whole, solved = _profile(series, options)
    parts = [_profile([np.array_split(s, BLOCKS)[b] for s in series], options)[0] for b in range(BLOCKS)]
    return _with_error(whole, parts, options, series, solved.overlap)


def free_energy_of_samples(samples, temperature, edges):
    """``-kT log P(q)`` (eV) in bins from unbiased samples (n,), its least value 0; NaN in bins without samples."""
    counts, _ = np.histogram(samples, edges)
    return _logarithm(counts / np.diff(edges), BOLTZMANN * temperature)


def free_energy_of_run(samples, temperature, options):
    """The same with an error from parts in time: a `LandauFreeEnergy` of unbiased samples of q (n,).

    Parameters
    ----------
    samples : ndarray, shape (n,)
        In equilibrium, in time order.
    temperature : float
        K.
    options : LandauOptions
        For the bins.
    """
    samples = np.asarray(samples, float)
    if len(samples) < 2 * BLOCKS:
        raise AnharmonicError(f"a free energy takes at least {2 * BLOCKS} samples; found {len(samples)}")
    whole = free_energy_of_samples(samples, temperature, options.edges)
    parts = [free_energy_of_samples(s, temperature, options.edges) for s in np.array_split(samples, BLOCKS)]
    return _with_error(whole, parts, options, [samples], np.zeros(0))


def landau_coefficients(q, free_energy, error, powers=(2, 4, 6)):
    """Coefficients of ``F0 + a q^2 + b q^4 + c q^6`` by weighted least squares, and their errors.

    Parameters
    ----------
    q, free_energy, error : array_like, shape (n,)
        Bins that are not finite, or without an error, are left out.
    powers : sequence of int

    Returns
    -------
    ndarray, ndarray, shape (n_powers,)
        In the unit of the free energy.
    """
    q, free_energy, error = (np.asarray(x, float) for x in (q, free_energy, error))
    usable = np.isfinite(free_energy) & np.isfinite(error)
    if usable.sum() <= len(powers) + 1:
        raise AnharmonicError(f"{usable.sum()} bins with samples are too few for {len(powers) + 1} coefficients")
    weights = 1 / np.maximum(error[usable], np.median(error[usable]))
    scale = abs(q[usable]).max()
    design = np.stack([np.ones(usable.sum()), *((q[usable] / scale) ** p for p in powers)], axis=1) * weights[:, None]
    solution = np.linalg.lstsq(design, free_energy[usable] * weights, rcond=None)[0]
    spread = np.sqrt(np.diag(np.linalg.inv(design.T @ design)))
    scales = scale ** -np.array(powers, float)
    return solution[1:] * scales, spread[1:] * scales


def _profile(series, options):
    """``-kT log P`` in bins, and the solved windows."""
    kt, q = BOLTZMANN * options.temperature, np.concatenate(series)
    bias = 0.5 * options.stiffness * (q[None] - options.centres[:, None]) ** 2 / kt
    unbiased = np.concatenate([bias, np.zeros((1, len(q)))])
    solved = mbar.solve(unbiased, [*(len(s) for s in series), 0])
    counts, _ = np.histogram(q, options.edges, weights=solved.weights[:, -1])
    solved = replace(solved, overlap=solved.overlap[:-1])
    return _logarithm(counts / np.diff(options.edges), kt), solved


def _with_error(whole, parts, options, series, overlap):
    """A free energy relative to its least value, with the standard error of parts (n_parts, n_bins) likewise."""
    lowest = np.nanargmin(whole)
    parts = np.array(parts) - np.array(parts)[:, [lowest]]
    error = parts.std(axis=0, ddof=1) / np.sqrt(len(parts))
    middles = (options.edges[1:] + options.edges[:-1]) / 2
    found = [estimate(s) for s in series]
    means, short = np.array([f.mean for f in found]), np.array([bool(f.is_short) for f in found])
    return LandauFreeEnergy(middles, whole - whole[lowest], error, means, overlap, short)


def _logarithm(density, kt):
    """``-kT log density``, its least value 0."""
    with np.errstate(divide="ignore"):
        energy = np.where(density > 0, -kt * np.log(density), np.nan)
    return energy - np.nanmin(energy)


def _moved(state, coordinate, options):
    """The start, moved along the order parameter to the centre of the first window."""
    u, deformation = state.displacements, state.deformation
    pattern, strain = (np.asarray(x, float) for x in (coordinate.pattern, coordinate.strain))
    now = np.sum(pattern * u) + np.sum(strain * (deformation - np.eye(3)))
    share = (options.lowest - now) / (np.sum(pattern**2) + np.sum(strain**2))
    return u + share * pattern, deformation + share * strain
