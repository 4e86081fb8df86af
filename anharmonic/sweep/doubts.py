"""What a run is too short for, in words: how long it was, what it lacks, how much longer it should be."""

import math

import numpy as np

from anharmonic.analysis.statistics import SHORT

TURNS = 10
"""So many changes of the domain make averages over domains."""

SIGMAS = 4.0
"""Two routes to one number disagree if they differ by more standard errors than this."""

DOUBTED = (
    "a longer run may change the name of the phase: its tilts move too slowly for this one, or its error bars do not "
    "tell them apart"
)
"""Of a temperature whose tilts do not settle the phase."""


def doubts_of(run, record, energy, alignment):
    """Sentences on one temperature; none if there is nothing to doubt.

    Parameters
    ----------
    run : RecordedRun
    record : dict
        Of `anharmonic.sweep.thermodynamics`, without its doubts.
    energy : Estimate
        Of the enthalpy.
    alignment : Alignment or None

    Returns
    -------
    list of str
    """
    step, unit = run.axis
    found, length = [], record["n_samples"] * step
    if bool(energy.is_short):
        memory = _time(2 * float(energy.correlation_time) * step, unit)
        found.append(
            f"the energy keeps its value for {memory} and the run holds only {float(energy.n_effective):.0f} "
            f"independent ones in {_time(length, unit)}: run {needed(energy)} times as long"
        )
    if record.get("doubtful"):
        found.append(DOUBTED)
    if alignment is not None and not run.is_exchange:
        found += _turning(alignment, length, unit)
    if record["n_discarded"] > 0.25 * (record["n_samples"] + record["n_discarded"]):
        found.append(
            f"the first {_time(record['n_discarded'] * step, unit)} of the production were not yet in equilibrium and "
            "do not count: equilibrate longer"
        )
    if record.get("elastic_constants_short"):
        found.append("the cell moves too slowly for this run to know its elastic constants: their errors are too small")
    if record.get("born_stable") is False:
        found.append("a strain costs no energy within the noise: the elastic constants do not show a stable crystal")
    walls = {axis: layers["walls"] for axis, layers in record.get("layers", {}).items() if layers["walls"]}
    for axis, number in walls.items():
        signs = record["layers"][axis]["signs"]
        found.append(
            f"layers turn about {axis} as {signs}: {number} domain walls, the averages are those of several domains"
        )
    return found


def group_doubts(group, tilted):
    """Sentences on the space group of mean positions beside the one that tilts name; None where they name none."""
    if tilted is None or tilted == group:
        return []
    return [
        f"{group} by its mean positions, {tilted} by its tilts: the run is too short to tell, or more than tilts is "
        "ordered"
    ]


def _turning(alignment, length, unit):
    turns = alignment.n_turns
    if not 0 < turns < TURNS:
        return []
    times = {1: "once", 2: "twice"}.get(turns, f"{turns} times")
    return [
        f"the tilts turned {times} in {_time(length, unit)}: averages are taken within one domain; for averages over "
        f"all domains run {math.ceil(TURNS / turns)} times as long"
    ]


def _time(number, unit):
    """A time with its unit, in three digits; no powers of ten below a million."""
    return f"{float(f'{number:.3g}'):g} {unit}"


def needed(found):
    """How many times as long a run must be for `SHORT` correlation times."""
    return max(2, math.ceil(float(np.max(SHORT * found.correlation_time / found.n_samples))))


def interval_doubts(record):
    """Sentences on one interval between temperatures."""
    name = f"{record['from_K']:g} - {record['to_K']:g} K {record['direction']}".strip()
    found = []
    for what, key in (("heat capacity", "heat"), ("expansion of the volume", "volume")):
        sigmas = record.get(f"sigmas_{key}")
        if sigmas is not None and record["one_phase"] and abs(sigmas) > SIGMAS:
            found.append(
                f"{name}: the {what} from fluctuations and from the slope of the mean differ by {abs(sigmas):.1f} "
                "standard errors: a phase change between these temperatures, a step too large for the curve, or a run "
                "too short"
            )
    return found
