"""What umbrella sampling found, in meV per formula unit."""

import numpy as np

from anharmonic.analysis.tilts import angles
from anharmonic.errors import AnharmonicError
from anharmonic.files import write_csv
from anharmonic.free_energy.landau import STRAINS, landau_coefficients
from anharmonic.free_energy.mbar import LEAST_OVERLAP
from anharmonic.sweep.result import plain
from anharmonic.sweep.scan import formula_units


def landau_record(potential, supercell, options, found, unbiased=None):
    """One temperature of a summary; a tilt is given by its tangent and by its angle.

    Parameters
    ----------
    potential : Potential
    supercell : Supercell
    options : LandauOptions
    found : LandauFreeEnergy
    unbiased : LandauFreeEnergy, optional
        Of a run without a bias, in the same bins; its zero is set by the bins that both have.
    """
    n_units = formula_units(potential.crystal) * supercell.n_cells
    meV = 1000 / n_units
    strain = options.along in STRAINS
    label = f"{options.along.replace('-', ' ')}" if strain else f"{options.along} tilt, tangent"
    record = {
        "temperature_K": options.temperature,
        "along": options.along,
        "x_label": label.capitalize(),
        "n_formula_units": n_units,
        "q": found.q,
        "angle_degrees": None if strain else angles(found.q),
        "free_energy_meV": meV * found.free_energy,
        "error_meV": meV * found.error,
        "window_means": found.means,
        "overlap": found.overlap,
        "lowest_at": found.q[np.nanargmin(found.free_energy)],
        "coefficients": _coefficients(found, meV),
        "warnings": _warnings(options, found),
    }
    if unbiased is not None:
        record |= _beside(found, unbiased, meV)
    return plain(record)


def _beside(found, unbiased, meV):
    """The unbiased free energy, shifted to the other with the weights of its errors; its deviation in them."""
    error = np.hypot(found.error, unbiased.error)
    usable = np.isfinite(error) & (unbiased.error > 0) & np.isfinite(found.free_energy + unbiased.free_energy)
    shift, off = 0.0, np.full(len(error), np.nan)
    if usable.any():
        off = unbiased.free_energy - found.free_energy
        shift = np.average(off[usable], weights=1 / error[usable] ** 2)
    return {
        "unbiased_meV": meV * (unbiased.free_energy - shift),
        "unbiased_error_meV": meV * unbiased.error,
        "root_mean_square_deviation": np.sqrt(np.mean(((off - shift) / error)[usable] ** 2)) if usable.any() else None,
    }


def write_landau(points, path):
    """Write all bins of all temperatures as CSV."""
    rows = []
    for p in points:
        angle = p["angle_degrees"] or [None] * len(p["q"])
        columns = zip(p["q"], angle, p["free_energy_meV"], p["error_meV"], strict=True)
        rows += [[p["temperature_K"], p["along"], *row] for row in columns]
    write_csv(path, ["temperature_K", "along", "q", "angle_degrees", "free_energy_meV", "error_meV"], rows)


def _coefficients(found, meV):
    """``a, b, c`` of ``a q^2 + b q^4 + c q^6`` (meV per formula unit) with errors; None if there are too few bins."""
    try:
        values, errors = landau_coefficients(found.q, meV * found.free_energy, meV * found.error)
    except AnharmonicError:
        return None
    return {"powers": [2, 4, 6], "values_meV": values, "errors_meV": errors}


def _warnings(options, found):
    short = ", ".join(f"{c:.3g}" for c in options.centres[found.short])
    warnings = [f"too few independent samples in the windows at {short}: sample longer"] if short else []
    poor = np.flatnonzero(found.overlap < LEAST_OVERLAP)
    if not len(poor):
        return warnings
    pairs = ", ".join(f"{options.centres[k]:.3g} - {options.centres[k + 1]:.3g}" for k in poor)
    return [*warnings, f"windows hardly overlap at {pairs}: take more windows, or sample longer"]
