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


def write_correlations(found: list[tuple[object, TiltCorrelations]], path):
    """A CSV with a line for each temperature, rotation axis, direction and distance."""
    columns = ["temperature_K", "direction", "tilt_about", "along", "distance_cells", "correlation", "error"]
    rows = []
    for point, c in found:
        for axis, way, distance in np.argwhere(np.isfinite(c.mean)):
            numbers = c.mean[axis, way, distance], c.error[axis, way, distance]
            rms = np.degrees(np.arctan(np.sqrt(c.mean_square[axis])))
            where = [point.temperature, point.label, "xyz"[axis], "xyz"[way], distance]
            rows.append([*where, *(f"{x:.6g}" for x in (*numbers, rms))])
    write_csv(path, [*columns, "rms_tilt_deg"], rows)
