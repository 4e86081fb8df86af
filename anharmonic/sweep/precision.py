"""Runs until a requested precision: the names of observables, their units, and when their means are good enough.

Energies are in meV per reference cell, lengths in A, volumes in A^3 per reference cell, tilts in degrees,
stresses in GPa. Of an observable with several components the largest error counts.
"""

import numpy as np

from anharmonic.analysis import equilibration_start, estimate, lattice_parameters
from anharmonic.analysis.tilts import angles
from anharmonic.conventions import GPA
from anharmonic.errors import AnharmonicError

UNITS = {"energy": "meV/cell", "a": "Å", "b": "Å", "c": "Å", "volume": "Å³/cell", "tilts": "°", "stress": "GPa"}
"""Observables that a run can be told to wait for, with the units of their errors."""


def check_precisions(until, observed):
    """Requested precisions as a sorted tuple of (name, error).

    Raises
    ------
    AnharmonicError
        If a name is unknown or asked for twice, or an error is not above 0.
    """
    until = tuple(sorted((str(name), float(error)) for name, error in until))
    for name, error in until:
        if name not in UNITS:
            known = ", ".join(f"{key} ({unit})" for key, unit in UNITS.items())
            raise AnharmonicError(f"a precision is asked of one of {known}; found {name!r}")
        if not error > 0 or not np.isfinite(error):
            raise AnharmonicError(f"the precision of {name} is above 0 {UNITS[name]}; found {error:g}")
        if name == "stress" and "stress" not in observed:
            raise AnharmonicError("a precision of the stress needs it recorded: --observe stress")
    names = [name for name, _ in until]
    if len(set(names)) < len(names):
        raise AnharmonicError(f"a precision is asked of each observable once; found {', '.join(names)}")
    return until


def precision_criterion(crystal, n_cells, until):
    """What a run asks after its chunks: whether all requested precisions are reached; None if none is requested."""
    if not until:
        return None
    return lambda samples: all(
        found <= error for found, (_, error) in zip(reached(crystal, n_cells, samples, until)[1], until, strict=True)
    )


def reached(crystal, n_cells, samples, until):
    """How precise the means of observables are.

    Equilibration that is left is cut off where the observable that needs it longest is in equilibrium
    (see `equilibration_start`). An error that cannot be trusted, of a series shorter than 20 correlation
    times, is infinite.

    Parameters
    ----------
    crystal : Crystal
    n_cells : int
    samples : mapping of arrays (n_samples, ...)
    until : tuple of (str, float)

    Returns
    -------
    int, list of float
        The first sample that counts, and the standard errors of the means, in the units of `UNITS`.
    """
    series = [_values(crystal, n_cells, samples, name) for name, _ in until]
    start = max(equilibration_start(values) for values in series)
    return start, [_error(values[start:]) for values in series]


def _error(values):
    """Largest standard error of the means of some columns."""
    values = values.reshape(len(values), -1)
    if len(values) < 2 or not values.shape[1]:
        return np.inf
    found = estimate(values)
    return float(np.max(np.where(found.is_short, np.inf, found.error)))


def _values(crystal, n_cells, samples, name):
    """Series of an observable, in the unit of `UNITS`."""
    if name == "energy":
        return 1000 * np.asarray(samples["energy"], float) / n_cells
    if name == "tilts":
        return angles(np.asarray(samples["projections"], float))
    if name == "stress":
        return np.asarray(samples["stress"], float) / GPA
    deformation = np.asarray(samples["deformation"], float)
    if name == "volume":
        return crystal.volume * np.linalg.det(deformation)
    return lattice_parameters(crystal, deformation)[:, "abc".index(name)]
