"""Transition temperatures from the phases named along a sweep.

What two adjacent temperatures prove is that the phase changes between them, no more. So the error
bar is the bracket: it always reaches both temperatures, and is never below half the step however
good the statistics are (and says nothing about hysteresis: compare heating with cooling).

Where a name returns after a few temperatures (A A B A B B: a flicker), the change is not resolved at
this step and run length. Between different phases one transition is reported, whose bracket spans the
whole flicker; an excursion that ends where it began (A A B A A) is reported as both changes, and so is
a stray name that has its place elsewhere in the sweep (A A B C C C B B B). All of these are marked
``unresolved``, and ``sequence`` lists every name in the bracket: nothing is dropped.

A phase that is in doubt at each of its temperatures may not be there at all: the transitions on both
sides of it are ``unresolved`` too.
"""

from itertools import pairwise

import numpy as np

from anharmonic.errors import AnharmonicError

BRIEF = 2
"""A phase seen at no more than this many temperatures in a row, and then left for one seen before, is a flicker."""

TILTS = "tilt_in_phase", "tilt_anti_phase"
"""Keys of the angles of a point."""


def find_transitions(points, direction):
    """Find where the phase changes along one run of temperatures.

    Parameters
    ----------
    points : sequence of dict
        In the order in which they were run: ``temperature_K``, ``phase``, and where there are tilts
        ``glazer``, ``tilt_in_phase`` and ``tilt_anti_phase`` (three angles each, degrees) and ``doubtful``.
    direction : str
        ``"heating"`` or ``"cooling"``.

    Returns
    -------
    list of dict
        ``from``, ``to``, ``temperature_K``, ``error_K``, ``direction``, ``unresolved`` and, of the
        bracket, ``sequence``: pairs of temperature (K) and name.

    Raises
    ------
    AnharmonicError
        If the temperatures do not rise (fall) throughout.
    """
    _check_order([p["temperature_K"] for p in points], direction)
    names = [(p["phase"], p.get("glazer")) for p in points]
    found = []
    for first, last, flickers in _brackets(names):
        unresolved = flickers or any(_is_doubtful(points, names, k) for k in (first, last))
        temperature, error = _locate(points, first, last, unresolved)
        start, end = _distinct_labels(names[first], names[last])
        found.append({
            "from": start,
            "to": end,
            "temperature_K": temperature,
            "error_K": error,
            "direction": direction,
            "unresolved": unresolved,
            "sequence": [[float(p["temperature_K"]), p["phase"]] for p in points[first : last + 1]],
        })  # fmt: skip
    return found


def in_kelvin(transition):
    """Temperature and error of one of `find_transitions`, in words; the error is rounded up."""
    return f"{transition['temperature_K']:.0f} ± {np.ceil(transition['error_K']):.0f}"


def bracket(transition):
    """Temperatures (K), low and high, between which the phase of one of `find_transitions` changes."""
    found = [temperature for temperature, _ in transition["sequence"]]
    return min(found), max(found)


def _check_order(temperatures, direction):
    if direction not in ("heating", "cooling"):
        raise AnharmonicError(f"the direction is 'heating' or 'cooling', found {direction!r}")
    steps = np.diff(temperatures) * (1 if direction == "heating" else -1)
    if (steps <= 0).any():
        verb = {"heating": "rise", "cooling": "fall"}[direction]
        raise AnharmonicError(f"temperatures of a {direction} run {verb} throughout, found {list(temperatures)}")


def _brackets(names):
    """``(first, last, unresolved)`` indices of the points on both sides of each change."""
    changes = [0, *(i for i in range(1, len(names)) if names[i] != names[i - 1]), len(names)]
    runs = [(names[lo], lo, hi - 1) for lo, hi in pairwise(changes) if lo < hi]
    k = 0
    while k + 1 < len(runs):
        end = _last_return(runs, k)
        if end == k:
            yield runs[k][2], runs[k + 1][1], _is_stray(runs, k) or _is_stray(runs, k + 1)
            k += 1
        elif _passes_on(runs, k, end):
            yield runs[k][2], runs[end + 1][1], True
            k = end + 1
        else:
            yield from ((runs[j][2], runs[j + 1][1], True) for j in range(k, end))
            k = end


def _is_doubtful(points, names, k):
    """Whether the phase around point `k` is in doubt at all its temperatures, and a longer run may settle it."""
    begin = next((i + 1 for i in range(k, -1, -1) if names[i] != names[k]), 0)
    end = next((i for i in range(k, len(names)) if names[i] != names[k]), len(names))
    return all(p.get("doubtful") and _holds_tilts(p) for p in points[begin:end])


def _holds_tilts(point):
    """Whether the supercell holds all tilts: a doubt of those that it does not hold stays."""
    return bool(np.isfinite(np.array([point.get(key, np.zeros(3)) for key in TILTS], float)).all())


def _is_brief(run):
    return run[2] - run[1] < BRIEF


def _is_stray(runs, k):
    """Whether run `k` is brief while its phase has a longer run elsewhere."""
    name, first, last = runs[k]
    return _is_brief(runs[k]) and any(other == name and hi - lo > last - first for other, lo, hi in runs)


def _last_return(runs, k):
    """Last run with the name of run `k` that only brief runs of other names part from it; `k` if there is none."""
    last = k
    for m in range(k + 1, len(runs)):
        returns = runs[m][0] == runs[k][0]
        last = m if returns else last
        if not _is_brief(runs[m]):
            break
    return last


def _passes_on(runs, k, end):
    """Whether the flicker from run `k` to `end` is one between the phases before and after it."""
    is_settled = end + 1 == len(runs) or not _is_brief(runs[end])
    return not is_settled and runs[end + 1][0] in {name for name, _, _ in runs[k:end]}


def _locate(points, first, last, unresolved):
    """Temperature and error (K): where the order parameter extrapolates to zero within the bracket, else its middle."""
    low, high = points[first]["temperature_K"], points[last]["temperature_K"]
    temperature = (low + high) / 2
    if not unresolved:
        zero = _extrapolated_zero(points, first, last)
        temperature = temperature if zero is None else zero
    return float(temperature), float(max(abs(temperature - low), abs(temperature - high)))


def _extrapolated_zero(points, first, last):
    """Temperature (K) at which the squared order parameter of the tilted side, linear in T, vanishes."""
    kind = _tilt_that_vanishes(points[first].get("glazer"), points[last].get("glazer"))
    if kind is None:
        return None
    key, grows = kind
    near, far = (last, last + 1) if grows else (first, first - 1)
    if not 0 <= far < len(points) or points[far].get("glazer") != points[near].get("glazer"):
        return None
    t1, t2 = (points[i]["temperature_K"] for i in (near, far))
    q1, q2 = (np.nansum(np.square(np.array(points[i][key], float))) for i in (near, far))
    if not q2 > q1 > 0:
        return None
    zero = t1 + q1 * (t1 - t2) / (q2 - q1)
    ends = sorted((points[first]["temperature_K"], points[last]["temperature_K"]))
    return zero if ends[0] < zero < ends[1] else None


def _tilt_that_vanishes(before, after):
    """``(key, grows)`` of the one kind of tilt that is in one phase only; None if there is no such kind."""
    if before is None or after is None:
        return None
    only = [(key, sign in after) for key, sign in zip(TILTS, "+-", strict=True) if (sign in before) != (sign in after)]
    return only[0] if len(only) == 1 else None


def _distinct_labels(before, after):
    """Names of two phases, with their tilt systems where the names alone do not tell them apart."""
    if before[0] != after[0]:
        return before[0], after[0]
    return tuple(f"{name} {glazer}" for name, glazer in (before, after))
