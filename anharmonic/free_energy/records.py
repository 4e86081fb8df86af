"""What integrations found, in meV per formula unit, as a summary that is read again."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from anharmonic.analysis import lattice_parameters
from anharmonic.conventions import BOLTZMANN
from anharmonic.errors import AnharmonicError, FileFormatError
from anharmonic.free_energy.mbar import LEAST_OVERLAP
from anharmonic.free_energy.phases import n_domains
from anharmonic.sweep.result import plain
from anharmonic.sweep.scan import formula_units

DISAGREE = 3.0
"""Standard errors between two estimates from the same samples that are worth a warning."""


def integration_record(potential, start, options, found):
    """One temperature of a summary.

    Parameters
    ----------
    potential : Potential
    start : tuple of (Configuration, str)
    options : IntegrationOptions
    found : Integration
    """
    state, name = start
    n_units = formula_units(potential.crystal) * state.supercell.n_cells
    meV = 1000 / n_units
    domains = n_domains(potential.crystal, _mean_state(state, found))
    share = BOLTZMANN * options.temperature * np.log(domains) if domains else 0.0
    lengths = lattice_parameters(potential.crystal, found.deformation)
    return plain({
        "temperature_K": options.temperature,
        "pressure_GPa": options.pressure_GPa,
        "cell": options.cell,
        "start": name,
        "reference": options.reference,
        "n_formula_units": n_units,
        "free_energy_meV": meV * found.free_energy,
        "error_meV": meV * found.difference_error,
        "reference_meV": meV * found.reference,
        "difference_meV": meV * found.difference,
        "quadrature_meV": meV * found.quadrature,
        "quadrature_error_meV": meV * found.quadrature_error,
        "enthalpy_meV": meV * found.enthalpy,
        "enthalpy_error_meV": meV * found.enthalpy_error,
        "entropy_kB": (found.enthalpy - found.free_energy) / (BOLTZMANN * options.temperature) / n_units,
        "domains": domains,
        "domains_meV": meV * share,
        "a": lengths[0], "b": lengths[1], "c": lengths[2],
        "coupling": found.couplings,
        "slope_meV": meV * found.slopes,
        "slope_error_meV": meV * found.slope_errors,
        "overlap": found.overlap,
        "warnings": _warnings(found),
    })  # fmt: skip


def read_points(path):
    """The points of a summary of ``anharmonic free-energy integrate``.

    Raises
    ------
    FileFormatError
        If the file is no such summary.
    """
    path = Path(path) / "summary.json" if Path(path).is_dir() else Path(path)
    if not path.is_file():
        raise AnharmonicError(f"no summary of an integration at {path}")
    try:
        summary = json.loads(path.read_text())
        points = summary["points"]
        is_one = summary["kind"] == "integration" and points[0]["free_energy_meV"] is not None
    except (ValueError, KeyError, TypeError, IndexError):
        is_one = False
    if not is_one:
        raise FileFormatError(f"{path} is no summary of anharmonic free-energy integrate")
    return summary, points


def _mean_state(state, found):
    """The mean of the crystal in the run: centres of the reference, mean F."""
    return replace(state, displacements=found.displacements, deformation=found.deformation)


def _warnings(found):
    """What casts doubt on a free energy."""
    short = ", ".join(f"{c:.3g}" for c in found.couplings[found.short])
    warnings = [f"too few independent samples at lambda {short}: sample longer"] if short else []
    poor = np.flatnonzero(found.overlap < LEAST_OVERLAP)
    if len(poor):
        pairs = ", ".join(f"{found.couplings[k]:.3g} - {found.couplings[k + 1]:.3g}" for k in poor)
        warnings.append(f"windows hardly overlap at lambda {pairs}: take more windows")
    apart = abs(found.difference - found.quadrature) / np.hypot(found.difference_error, found.quadrature_error)
    if apart > DISAGREE:
        warnings.append(f"MBAR and the integral over lambda are {apart:.1f} standard errors apart: take more windows")
    return warnings
