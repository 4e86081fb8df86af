"""What a reader of transition temperatures or free energies should know of the runs that they are from."""

import numpy as np

from anharmonic.analysis.curves import BLOCKS
from anharmonic.analysis.statistics import SHORT, correlation_time, drift

DRIFTED = 5.0
"""Standard errors by which the beginning and the end of a series differ by chance once in a thousand, where the
beginning is worth ten independent samples: it is never worth fewer."""


def warnings_of(recorded, curves, states):
    """Sentences about runs: what was left out, and what their error bars do not tell.

    Parameters
    ----------
    recorded : sequence of RecordedRun
    curves : dict of Curves
        By number of cells, of all directions together.
    states : dict of list of State
        Likewise.
    """
    words = unfinished(recorded) + left_out(recorded, states)
    words += [_gaps(n, c) for n, c in sorted(curves.items()) if len(c.gaps)]
    if len(curves) < 3:
        words.append(f"{len(curves)} size{'s' * (len(curves) > 1)} of supercell: three tell what changes with size")
    return words + unsettled(recorded) + short_series({n: states[n] for n in sorted(curves)})


def unfinished(recorded):
    """Words about runs that were not finished."""
    return [
        f"{r.folder} is not finished: of its temperatures the finished ones are used"
        for r in recorded
        if not r.finished
    ]


def left_out(recorded, states):
    """What curves over temperature do not use, and why."""
    known = {n: {s.temperature for s in group} for n, group in sorted(states.items())}
    return too_few(recorded) + [
        f"{n} cells were sampled at {temperatures.pop():g} K alone, curves take two temperatures: left out"
        for n, temperatures in known.items()
        if len(temperatures) == 1
    ]


def too_few(recorded):
    """Temperatures without samples enough for error bars."""
    return [
        f"{run.folder} at {point.name} has {len(point.samples['energy'])} samples, error bars take {BLOCKS}: left out"
        for run in recorded
        for point in run.points
        if len(point.samples["energy"]) < BLOCKS
    ]


def _gaps(n, c):
    """Which temperatures do not overlap."""
    spans = ", ".join(f"{a:g} - {b:g} K" for a, b in c.gaps)
    return (
        f"neighbouring temperatures of {n} cells share no configurations ({spans}): curves are interpolated there, and "
        "crossings are no better than the steps; take smaller steps"
    )


def unsettled(recorded):
    """Temperatures at which the enthalpy had not settled when production began."""
    found = ((run, point, drift(point.enthalpy(run.volume))) for run in recorded for point in run.points)
    return [
        f"{run.folder} at {point.name} was not in equilibrium when production began: enthalpies of its first fifth and "
        f"of its last half differ by {abs(z):.0f} standard errors; equilibrate longer"
        for run, point, z in found
        if abs(z) > DRIFTED
    ]


def short_series(states):
    """Which order parameters were followed for too few correlation times, and how much longer a run should be.

    Parameters
    ----------
    states : dict of list of State
        By number of cells.

    Returns
    -------
    list of str
    """
    worst = {}
    for n, group in states.items():
        for state in group:
            for name, values in state.order.items():
                if name.startswith("strain") and len(state.order) > 2:
                    continue
                times = len(values) / float(correlation_time(np.linalg.norm(values, axis=1)))
                if times < worst.get((n, name), (SHORT, 0))[0]:
                    worst[n, name] = times, state.temperature
    return [
        f"{name} of {n} cells at {t:g} K forget themselves only {times / 2:.0f} times in the run: take one "
        f"{np.ceil(SHORT / times):.0f} times as long before you trust its error bar"
        for (n, name), (times, t) in sorted(worst.items())
    ]
