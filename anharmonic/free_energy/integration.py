"""Absolute free energies: thermodynamic integration from an Einstein or a harmonic crystal to the potential.

Along ``(1 - lambda) U_reference + lambda U`` (Kirkwood, J. Chem. Phys. 3, 300 (1935); for crystals Frenkel and Ladd,
J. Chem. Phys. 81, 3188 (1984)), in a fixed or in a flexible cell. From the same samples the difference follows by MBAR
and by the integral of ``<U - U_reference>`` over lambda: the first fails where windows do not overlap, the second where
the integrand is not smooth between them.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import roots_jacobi

from anharmonic.analysis.statistics import estimate
from anharmonic.conventions import BOLTZMANN, GPA
from anharmonic.errors import AnharmonicError
from anharmonic.evaluation import Evaluator
from anharmonic.evaluation.hessian import second_derivatives
from anharmonic.free_energy import mbar
from anharmonic.free_energy.exact import kinetic_energy, reference_free_energy
from anharmonic.free_energy.models import Coupled, Difference
from anharmonic.free_energy.references import Einstein, Harmonic
from anharmonic.free_energy.windows import WindowOptions, Windows, last_state, production
from anharmonic.potential.potential import precision
from anharmonic.potential.relaxation import relax
from anharmonic.sampling.conditions import Conditions
from anharmonic.sweep.plan import one_of

REFERENCES = ("einstein", "harmonic")
PREPARATION, LONGER = "preparation", 4
"""The run that an Einstein crystal is taken from, in lengths of a window."""

FIRST_SPRING, FIRST_WELL = 1.0, 1.0
"""Of the Einstein crystal that stands in for it (eV/A^2, eV)."""

LEAST_SPREAD = 1e-4
"""Added to the spread of every atom (A), as a share of the mean: no spring is infinite."""


@dataclass(frozen=True, kw_only=True)
class IntegrationOptions(WindowOptions):
    """Options of an integration, besides those of all windows.

    Attributes
    ----------
    reference : str
        ``"einstein"``, whose springs come from a run of the potential, or ``"harmonic"``, about the relaxed start.
    windows : int
        Values of lambda, both ends included.
    """

    reference: str = "einstein"
    windows: int = 16

    def __post_init__(self):
        super().__post_init__()
        one_of("references", self.reference, REFERENCES)
        if self.windows < 3:
            raise AnharmonicError(f"an integration takes at least 3 windows; found {self.windows}")


@dataclass(frozen=True)
class Integration:
    """A free energy and what it comes from; energies in eV of the whole supercell.

    Attributes
    ----------
    couplings : ndarray, shape (n_windows,)
        lambda, falling from 1 to 0.
    slopes, slope_errors : ndarray, shape (n_windows,)
        ``<U - U_reference>``.
    overlap : ndarray, shape (n_windows - 1,)
        Of neighbours.
    reference : float
        Free energy of the reference, exact.
    difference, difference_error : float
        From the reference to the potential, by MBAR.
    quadrature, quadrature_error : float
        The same by the integral over lambda.
    enthalpy, enthalpy_error : float
        Mean of U + W at lambda = 1, and of the kinetic energy.
    deformation : ndarray, shape (3, 3)
        Mean F there.
    displacements : ndarray, shape (n_sites, 3, n_cells)
        Centres of the reference (A).
    short : ndarray, shape (n_windows,), bool
        Windows with too few independent samples for a trustworthy error.
    """

    couplings: np.ndarray
    slopes: np.ndarray
    slope_errors: np.ndarray
    overlap: np.ndarray
    reference: float
    difference: float
    difference_error: float
    quadrature: float
    quadrature_error: float
    enthalpy: float
    enthalpy_error: float
    deformation: np.ndarray
    displacements: np.ndarray
    short: np.ndarray

    @property
    def free_energy(self):
        """By MBAR (eV)."""
        return self.reference + self.difference


def integrate(potential, start, options, folder=None, on_chunk=lambda progress, plan: None, stop=lambda: None):
    """Free energy of a phase at a temperature, see `anharmonic.free_energy.exact` for what it counts.

    Parameters
    ----------
    potential : Potential
    start : tuple of (Configuration, str)
        A state of the phase, as of `start_at_rest`; its F is that of a fixed cell.
    options : IntegrationOptions
    folder : path, optional
        For the run files of the windows; what is there is continued.
    on_chunk, stop : callable
        See `anharmonic.sweep.sweep`.

    Returns
    -------
    Integration

    Raises
    ------
    AnharmonicError
        If the reference is no stable crystal, windows do not overlap, or samples are too few.
    """
    state, name = start
    couplings, weights = nodes(options.windows)
    prepared = options.reference == "einstein"
    labels = [PREPARATION] * prepared + [f"lambda {x:.4f}" for x in couplings]
    windows = Windows(
        potential, state.supercell, options, name, labels, {"difference": Difference()}, folder, on_chunk, stop,
        {0: LONGER} if prepared else {},
    )  # fmt: skip
    with precision(options.dtype):
        target = Evaluator.create(potential, state.supercell, options.dtype)
        reference, begin = (_einstein if prepared else _harmonic)(windows, target, state)
        runs = []
        for k, coupling in enumerate(couplings):
            model = Coupled(target, reference, np.asarray(coupling, options.dtype))
            runs.append(windows.perform(k + prepared, model, begin))
            begin = last_state(runs[-1])
    return _evaluated(potential, state, options, reference, couplings, weights, runs)


def nodes(n):
    """Values of lambda from 1 to 0 and their weights in an integral, (n,) each.

    Gauss and Lobatto's, both ends included, in x with ``lambda = x^2``: a crystal whose springs vanish meets the
    potential's anharmonicity at small lambda, where it is to be resolved.
    """
    inner = roots_jacobi(n - 2, 1, 1)[0]
    x = np.concatenate([[-1.0], inner, [1.0]])
    legendre = np.polynomial.legendre.Legendre.basis(n - 1)(x)
    weights = 2 / (n * (n - 1) * legendre**2)
    x, weights = (x + 1) / 2, weights / 2
    return x[::-1] ** 2, (weights * 2 * x)[::-1]


def einstein_of_samples(displacements, deformations, modes, conditions, volume, dtype="float32"):
    """The Einstein crystal with the means and the spreads of some samples.

    Parameters
    ----------
    displacements : ndarray, shape (n, n_sites, 3, n_cells)
        A.
    deformations : ndarray, shape (n, 3, 3)
    modes : ndarray, shape (n_modes, 3, 3)
    conditions : Conditions
    volume : float
        Of the undeformed supercell (A^3).
    dtype : str
    """
    kt = BOLTZMANN * float(conditions.temperature)
    u = np.asarray(displacements, float)
    u = u - u.mean(axis=(1, 3), keepdims=True)
    centres, deformation = u.mean(axis=0), np.mean(deformations, axis=0, dtype=float)
    off = u - centres
    spread = np.einsum("nsxc,nsyc->scxy", off, off) / (len(u) - 1)
    spread += LEAST_SPREAD * np.trace(spread, axis1=2, axis2=3).mean() / 3 * np.eye(3)
    springs = np.moveaxis(kt * np.linalg.inv(spread), 1, 3)
    amounts = np.tensordot(np.asarray(deformations, float) - deformation, modes, ((1, 2), (1, 2)))
    stiffness = (
        kt * np.linalg.inv(np.cov(amounts.T).reshape(len(modes), len(modes))) if len(modes) else np.zeros((0, 0))
    )
    return Einstein.create(centres, springs, deformation, modes, stiffness, conditions, volume, dtype)


def _einstein(windows, target, state):
    """The Einstein crystal of a run of the potential, and the state that the run has reached."""
    options, modes = windows.options, windows.modes
    found = _surroundings(windows)
    springs = np.broadcast_to(FIRST_SPRING * np.eye(3)[None, :, :, None], (*state.displacements.shape[:2], 3, 1))
    springs = np.broadcast_to(springs, (*springs.shape[:3], state.supercell.n_cells))
    first = state.displacements, springs, state.deformation, modes, FIRST_WELL * np.eye(len(modes))
    stand_in = Einstein.create(*first, *found, options.dtype)
    model = Coupled(target, stand_in, np.asarray(1.0, options.dtype))
    run = windows.perform(0, model, (state.displacements, state.deformation), snapshots=True)
    chosen = np.asarray(run.snapshots.read("production"), bool)
    samples = (run.snapshots.read(name)[chosen] for name in ("displacements", "deformation"))
    return einstein_of_samples(*samples, modes, *found, options.dtype), last_state(run)


def _harmonic(windows, target, state):
    """The harmonic crystal about the minimum next to the start, and that minimum."""
    options, modes = windows.options, windows.modes
    relaxed, _ = relax(windows.potential, state, cell=len(modes) > 0)
    second, _, minimum = second_derivatives(windows.potential, relaxed, modes)
    where = relaxed.displacements, relaxed.deformation
    return Harmonic.create(*where, modes, second, minimum, *_surroundings(windows), options.dtype), where


def _surroundings(windows):
    """Conditions, and the volume of the undeformed supercell (A^3)."""
    options = windows.options
    volume = windows.potential.crystal.volume * windows.supercell.n_cells
    return Conditions.of(options.temperature, options.pressure_GPa * GPA, dtype="float64"), volume


def _evaluated(potential, state, options, reference, couplings, weights, runs):
    """The `Integration` of finished runs."""
    kt, masses = BOLTZMANN * options.temperature, np.repeat(potential.crystal.masses, state.supercell.n_cells)
    series = [production(run, "difference")[0] for run in runs]
    slopes = [estimate(s) for s in series]
    solved = free_energy_of_couplings(couplings, series, kt)
    energy, deformation = production(runs[0], "energy", "deformation")
    volume = potential.crystal.volume * state.supercell.n_cells
    enthalpy = estimate(energy + options.pressure_GPa * GPA * volume * np.linalg.det(deformation))
    return Integration(
        couplings,
        np.array([s.mean for s in slopes]),
        np.array([s.error for s in slopes]),
        solved.overlap,
        reference_free_energy(reference, masses, options.temperature),
        -kt * float(solved.free_energies[-1]),
        kt * float(solved.errors[0, -1]),
        float(weights @ [s.mean for s in slopes]),
        float(np.sqrt(weights**2 @ [s.error**2 for s in slopes])),
        float(enthalpy.mean) + kinetic_energy(len(masses), options.temperature),
        float(enthalpy.error),
        deformation.mean(axis=0),
        np.asarray(reference.centres, float),
        np.array([bool(s.is_short) for s in slopes]),
    )


def free_energy_of_couplings(couplings, series, kt):
    """MBAR over windows of couplings.

    Parameters
    ----------
    couplings : array_like, shape (n_windows,)
    series : sequence of ndarray, shape (n_samples,)
        ``U - U_reference`` of each window (eV); correlated.
    kt : float
        eV.

    Returns
    -------
    Windows
    """
    return mbar.solve_products(np.asarray(couplings) / kt, series)
