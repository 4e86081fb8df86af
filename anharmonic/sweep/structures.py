"""Average structures, displacement parameters and pair distributions of a recorded run."""

import numpy as np

from anharmonic.analysis.average_structure import LARGEST_TOLERANCE, AverageStructure, average_structure, isotropic
from anharmonic.analysis.off_centre import off_centre
from anharmonic.analysis.pair_distribution import PairDistribution, pair_distribution
from anharmonic.conventions import to_voigt
from anharmonic.crystal.folding import Folding
from anharmonic.errors import AnharmonicError
from anharmonic.sampling.site_moments import moments
from anharmonic.sweep.doubts import group_doubts
from anharmonic.sweep.result import plain
from anharmonic.sweep.thermodynamics import alignment_of

FEWEST = 4
"""Snapshots of a temperature that make an average structure."""

NARROW = 1.5
"""A space group that holds no further than this many times the tolerance of the error bars is uncertain."""

ADVICE = "record them with `--observe sites`, or take snapshots with `--snapshots STEPS`"
"""What a run needs."""


def average_of(run, point):
    """Average structure of one temperature; None if the run recorded neither moments of sites nor snapshots.

    Moments that were recorded at every sample come first; else `FEWEST` snapshots or more do. Either is turned into
    one domain, by the tilts of all samples.

    Returns
    -------
    AverageStructure or None
    """
    folding, deformation = Folding.of_supercell(run.supercell), point.samples["deformation"].astype(float)
    alignment = alignment_of(run, point)
    if "sites" in point.samples:
        series = point.samples["sites"].astype(float)
    elif len(point.frames) >= FEWEST:
        states = [run.snapshots[k] for k in point.frames]
        series = np.stack([np.asarray(moments(s.displacements, folding.members), float) for s in states])
        deformation = np.stack([s.deformation for s in states]).astype(float)
        alignment = None if alignment is None else alignment.of_samples(point.rows)
    else:
        return None
    if alignment is not None:
        series, deformation = alignment.moments(series), alignment.deformation(deformation)
    return average_structure(run.crystal, folding.folded, series, deformation)


def structure_record(run, point, average: AverageStructure, tilted=None):
    """What an average structure says, JSON-like; `tilted` is the space group that the tilts name."""
    try:
        symmetry = average.symmetry
    except AnharmonicError as error:
        return {"temperature_K": point.temperature, "direction": point.label, "doubts": [str(error)]}
    low, high = average.tolerance_range()
    _, positions, _ = average.spglib_cell
    n_cells = average.configuration.supercell.n_cells
    atoms = []
    for atom, tensor in average.displacement_parameters():
        value, error = isotropic(tensor)
        atoms.append({
            "atom": atom,
            "species": run.crystal.species[atom // n_cells],
            "site": atom // n_cells,
            "wyckoff": str(symmetry.wyckoffs[atom]),
            "multiplicity": int((symmetry.equivalent_atoms == atom).sum()),
            "fractional": positions[atom] % 1,
            "U_iso_A2": value,
            "U_iso_error_A2": error,
            "U_A2": to_voigt(tensor.mean),
            "U_error_A2": to_voigt(tensor.error),
            "principal_U_A2": np.linalg.eigvalsh(tensor.mean),
        })  # fmt: skip
    return plain({
        "temperature_K": point.temperature,
        "direction": point.label,
        "space_group": str(symmetry.international),
        "number": int(symmetry.number),
        "tolerance_A": average.tolerance,
        "same_group_from_A": low,
        "same_group_to_A": high,
        "position_error_A": float(average.position_error.max()),
        "cell_A": average.configuration.cell,
        "off_centre": off_centre(average.configuration, average.position_error),
        "atoms": atoms,
        "doubts": _doubts(average) + group_doubts(str(symmetry.international), tilted),
    })  # fmt: skip


def _doubts(average):
    found, (_, high) = [], average.tolerance_range()
    beyond = [symbol for tolerance, symbol in average.groups() if tolerance > high]
    if beyond and high < NARROW * average.tolerance:
        found.append(
            f"the space group {average.symmetry.international} holds up to a tolerance of {high:.2f} Å only, beyond it "
            f"is {beyond[0]}; the error bars make it {average.tolerance:.2f} Å"
        )
    if average.is_short:
        found.append(
            "mean positions come from fewer than 20 correlation times: the space group may be that of a run too short"
        )
    if average.tolerance > LARGEST_TOLERANCE:
        found.append(
            f"the error bars of the mean positions make a tolerance above {LARGEST_TOLERANCE:g} Å, within which "
            "different phases are equal: the space group may be too high"
        )
    return found


def structures(run, records, progress=lambda done, total: None):
    """Average structures of all temperatures.

    Parameters
    ----------
    run : RecordedRun
    records : sequence of dict
        The ``points`` of `anharmonic.sweep.thermodynamics.thermodynamics`.
    progress : callable
        Called with the number of temperatures done and of all.

    Returns
    -------
    list of (RecordedPoint, AverageStructure, dict)
        Records as of `structure_record`; empty if the run recorded nothing to average.
    """
    found = []
    for k, point in enumerate(run.points):
        average = average_of(run, point)
        if average is not None:
            tilted = records[k].get("space_group_of_tilts")
            found.append((point, average, structure_record(run, point, average, tilted)))
        progress(k + 1, len(run.points))
    return found


def pair_distributions(run, progress=lambda done, total: None):
    """Pair distributions by temperature, from snapshots.

    Returns
    -------
    list of (RecordedPoint, PairDistribution)
        Empty if there are no snapshots.
    """
    found: list[tuple[object, PairDistribution]] = []
    for k, point in enumerate(run.points):
        if len(point.frames) >= 2:
            states = [run.snapshots[n].configuration(run.structure) for n in point.frames]
            found.append((point, pair_distribution(states)))
        progress(k + 1, len(run.points))
    return found
