"""Correlations of tilts of a recorded run, and their table."""

import numpy as np

from anharmonic.analysis import TiltModes
from anharmonic.analysis.tilt_correlations import TiltCorrelations, tilt_correlations
from anharmonic.files import write_csv
from anharmonic.sampling.observables import axis_offsets

COLUMN = "correlation"
"""Name of the column of a run that recorded them."""


def correlations_of_run(run):
    """Correlations of tilts, temperature by temperature.

    Parameters
    ----------
    run : RecordedRun

    Returns
    -------
    list of (RecordedPoint, TiltCorrelations)
        Empty if the run did not record them.
    """
    modes, found = TiltModes.of_crystal(run.crystal), []
    for point in run.points:
        if modes is not None and COLUMN in point.samples:
            series = point.samples[COLUMN], axis_offsets(run.supercell), modes.commensurate(run.supercell)
            found.append((point, tilt_correlations(*series)))
    return found


def correlation_record(point, found: TiltCorrelations):
    """One temperature: an entry for each rotation axis, direction and distance that was recorded."""
    angles = np.degrees(np.arctan(np.sqrt(found.mean_square)))
    entries = [
        {
            "tilt_about": "xyz"[axis], "along": "xyz"[way], "distance_cells": int(distance),
            "correlation": found.mean[axis, way, distance], "error": found.error[axis, way, distance],
            "rms_tilt_deg": angles[axis],
        }
        for axis, way, distance in np.argwhere(np.isfinite(found.mean))
    ]  # fmt: skip
    return {"temperature_K": point.temperature, "direction": point.label, "correlations": entries}


def write_correlations(records, path):
    """A CSV with a line for each entry of each temperature (see `correlation_record`)."""
    rows = []
    for record in records:
        where = [record["temperature_K"], record["direction"]]
        for entry in record["correlations"]:
            *place, value, error, angle = entry.values()
            rows.append([*where, *place, *(None if x is None else f"{x:.6g}" for x in (value, error, angle))])
    columns = ["temperature_K", "direction", "tilt_about", "along", "distance_cells", "correlation", "error"]
    write_csv(path, [*columns, "rms_tilt_deg"], rows)
