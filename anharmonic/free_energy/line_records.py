"""What a line along temperature found, in meV per formula unit, and how it compares with integrations on it."""

from math import hypot
from pathlib import Path

import numpy as np

from anharmonic.conventions import BOLTZMANN
from anharmonic.errors import AnharmonicError
from anharmonic.files import write_csv
from anharmonic.free_energy.records import read_points
from anharmonic.sweep.result import plain, write_summary
from anharmonic.sweep.samplers import potential_name
from anharmonic.sweep.scan import formula_units


def read_anchors(paths, samples):
    """Points of integrations of the crystal of a run, by rising temperature.

    Parameters
    ----------
    paths : sequence of path
        Folders or summaries.
    samples : dict
        As of `samples_of_run`.

    Raises
    ------
    AnharmonicError
        If an integration is of another crystal, supercell or load, or its domains are not known.
    """
    found = []
    for path in paths:
        summary, points = read_points(path)
        mine = potential_name(samples["options"]), samples["structure"].supercell.matrix.tolist()
        theirs = summary["potential"], summary["supercell"]
        if mine != theirs:
            raise AnharmonicError(f"{path} is of {theirs[0]} {theirs[1]}, and the run of {mine[0]} {mine[1]}")
        found += points
    load, cell = samples["options"].get("pressure_GPa", 0.0), samples["options"].get("cell") or "fixed"
    for point in found:
        if (point["pressure_GPa"], point["cell"]) != (load, cell):
            raise AnharmonicError(
                f"the integration at {point['temperature_K']:g} K has the cell {point['cell']} under "
                f"{point['pressure_GPa']:g} GPa, and the run the cell {cell} under {load:g} GPa"
            )
        if point["domains"] is None:
            raise AnharmonicError(f"the number of domains at {point['temperature_K']:g} K is unknown in odd supercells")
    return sorted(found, key=lambda point: point["temperature_K"])


def line_record(line, samples, anchors):
    """The summary of a `TemperatureLine`.

    Parameters
    ----------
    line : TemperatureLine
    samples : dict
        As of `samples_of_run`.
    anchors : list of dict
        As of `read_anchors`; the first makes free energies absolute.
    """
    structure = samples["structure"]
    n_units = formula_units(structure.crystal) * structure.supercell.n_cells
    places = range(len(line.temperatures))
    points = [_point(line, k, n_units, anchors[0] if anchors else None) for k in places]
    short = [f"{t:g}" for t in line.temperatures[line.short]]
    warnings = [f"too few independent samples for an honest error at {', '.join(short)} K"] if short else []
    return plain({
        "kind": "temperatures",
        "potential": potential_name(samples["options"]),
        "supercell": structure.supercell.matrix.tolist(),
        "n_formula_units": n_units,
        "points": points,
        "anchors": [
            {"temperature_K": a["temperature_K"], "free_energy_meV": _all_domains(a), "error_meV": a["error_meV"]}
            for a in anchors
        ],
        "routes": [_route(line, n_units, anchors[0], end) for end in anchors[1:]],
        "warnings": warnings,
    })  # fmt: skip


def write_line(record, folder):
    """Write summary.json and temperatures.csv."""
    write_summary(record, folder)
    write_csv(Path(folder) / "temperatures.csv", record["points"][0], record["points"])


def _point(line, k, n_units, anchor):
    """One temperature; absolute values only with an anchor."""
    temperature, kt = line.temperatures[k], BOLTZMANN * line.temperatures[k]
    meV = 1000 / n_units
    free, error, entropy = None, None, None
    if anchor:
        free, error = _from_anchor(line, n_units, anchor, temperature)
        entropy = (meV * line.enthalpies[k] - free) / (1000 * kt)
    return {
        "temperature_K": temperature,
        "enthalpy_meV": meV * line.enthalpies[k],
        "enthalpy_error_meV": meV * line.enthalpy_errors[k],
        "reduced": line.reduced[k] / n_units,
        "reduced_error": line.errors[0, k] / n_units,
        "reduced_by_integral": line.integral[k] / n_units,
        "free_energy_meV": free,
        "free_energy_error_meV": error,
        "entropy_kB": entropy,
        "overlaps_next": bool(k < len(line.overlapping) and line.overlapping[k]),
    }


def _from_anchor(line, n_units, anchor, temperature, by_integral=False):
    """G (meV per formula unit) at a temperature from an anchor at another, and its error."""
    change, error = line.change(anchor["temperature_K"], temperature, by_integral)
    ratio, scale = temperature / anchor["temperature_K"], 1000 * BOLTZMANN * temperature / n_units
    return ratio * _all_domains(anchor) + scale * change, hypot(ratio * anchor["error_meV"], scale * error)


def _all_domains(anchor):
    """The free energy of all domains together (meV per formula unit)."""
    return anchor["free_energy_meV"] - anchor["domains_meV"]


def _route(line, n_units, start, end):
    """Both routes to the free energy at an anchor, from another."""
    temperature = end["temperature_K"]
    along, error = _from_anchor(line, n_units, start, temperature)
    integral, integral_error = _from_anchor(line, n_units, start, temperature, by_integral=True)
    return {
        "from_K": start["temperature_K"],
        "to_K": temperature,
        "by_integration_meV": _all_domains(end),
        "by_integration_error_meV": end["error_meV"],
        "along_temperature_meV": along,
        "along_temperature_error_meV": error,
        "by_enthalpy_integral_meV": integral,
        "by_enthalpy_integral_error_meV": integral_error,
        "difference_meV": along - _all_domains(end),
        "difference_error_meV": float(np.hypot(error, end["error_meV"])),
    }
