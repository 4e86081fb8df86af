"""Everything that curves of several supercells, heated and cooled, say about one transition."""

from itertools import pairwise

import numpy as np

from anharmonic.analysis.collapse import settled
from anharmonic.analysis.finite_size import (
    SURE,
    UNKNOWN,
    Measured,
    crossing,
    extrapolated,
    growth,
    latent_heat,
    measured,
    order_of,
    peak,
    shift,
)

ALL = "all"
"""Stands where curves are of heating and cooling together."""

HALF = 0.5
"""Order sets in where the cumulant goes from above this to below."""

WINDOW = 40.0
"""Peaks of the heat capacity that far (K) from a crossing belong to another transition."""

SHIFT = {"continuous": 1.41, "first-order": 3.0, "undecided": 1.41}
"""Exponents of L with which peaks move: 1/nu of Heisenberg magnets in three dimensions (Campostrini et al., Phys. Rev.
B 65, 144520 (2002): nu = 0.711), or the dimension."""


def transition(name, found):
    """Everything about the transition of one order parameter; None if it does not order within the temperatures.

    Supercells count that were sampled on both sides of it: others may have been run for another transition.

    Parameters
    ----------
    name : str
    found : dict
        `Curves` by direction and number of cells.
    """
    ordering = [n for n, curve in found[ALL].items() if orders(curve, name)]
    if not ordering:
        return None
    place = _half(found[ALL][max(ordering)], name)
    found = {way: {n: c for n, c in group.items() if _tells(c, name, place)} for way, group in found.items()}
    by_size = found[ALL]
    sizes = sorted(by_size)
    lengths = np.cbrt(sizes)
    crossings = {pair: crossing(*(by_size[n] for n in pair), name) for pair in pairwise(sizes)}
    peaks = {n: peak(by_size[n], f"susceptibility {name}") for n in sizes}
    exponent = growth(lengths, [peaks[n][1] for n in sizes])
    largest = by_size[sizes[-1]]
    kind = order_of(exponent if len(sizes) > 2 else UNKNOWN, _lowest(largest, name))
    limit = extrapolated(lengths, [peaks[n][0] for n in sizes], SHIFT[kind])
    chosen, collapses = settled(by_size, name)
    best, basis = _best(name, by_size, crossings, limit, peaks, chosen, collapses)
    heats = {n: peak(by_size[n], "heat_capacity", best.value, WINDOW) for n in sizes}
    routes = [_route("cumulants cross", pair, t) for pair, t in crossings.items()]
    routes += [_route("cumulants on one curve", group, c.temperature) for group, c in collapses.items()]
    routes += [_route("susceptibility peaks", (n,), peaks[n][0]) for n in sizes]
    routes += [_route("susceptibility peaks, infinite crystal", tuple(sizes), limit)] if len(sizes) > 1 else []
    routes += [_route("heat capacity peaks", (n,), heats[n][0]) for n in sizes]
    return {
        "order_parameter": name,
        "temperature_K": best.value,
        "error_K": best.error,
        "from": basis,
        "kind": kind,
        "susceptibility_exponent": _pair(exponent),
        "collapse": _collapse(chosen, collapses.get(chosen)),
        "lowest_cumulant": _pair(_lowest(largest, name)),
        "latent_heat_meV_per_cell": {n: _heat(by_size[n], best.value) for n in sizes},
        "hysteresis": _hysteresis(name, found),
        "routes": routes,
    }


def _best(name, by_size, crossings, limit, peaks, chosen, collapses):
    """Temperature with its error, and in words what it is from.

    What other routes are off by, beyond two standard errors, belongs to the error.
    """
    sizes = sorted(by_size)
    known = [pair for pair, t in crossings.items() if t.is_known]
    if chosen:
        found, others = collapses[chosen].temperature, (limit, *(crossings[pair] for pair in known[-1:]))
        words = ", ".join(map(str, chosen))
        return _doubted(found, [_apart(found, t) for t in others]), f"cumulants of {words} cells on one curve"
    if known:
        small, large = known[-1]
        found, doubts = crossings[small, large], []
        if len(known) > 1 and sizes[-3:] == [known[-2][0], small, large]:
            doubts.append(shift(*(by_size[n] for n in sizes[-3:]), name))
        return _doubted(found, [*doubts, _apart(found, limit)]), f"cumulants of {small} and {large} cells"
    if limit.is_known:
        return limit, "susceptibilities, extrapolated to the infinite crystal"
    n = sizes[-1]
    return peaks[n][0], f"the susceptibility of {n} cells alone: nothing is known of the effect of size"


def _apart(found, other):
    """By how much (K) another route is off."""
    return Measured(other.value - found.value, float(np.hypot(other.error, found.error)))


def _doubted(found, doubts):
    """A temperature whose error has what of its doubts is beyond two standard errors."""
    excess = [max(abs(d.value) - SURE * d.error, 0.0) for d in doubts if np.isfinite(d.error)]
    return Measured(found.value, float(np.hypot(found.error, max(excess, default=0.0))))


def _hysteresis(name, found):
    """Where the transition is by direction, by the route that says it best, and by how much the directions differ."""
    ways = [way for way in ("heating", "cooling") if found.get(way)]
    if not ways:
        return {}
    places = [[route(found[way], name) for way in ways] for route in (_crossing_of_largest, _peak_of_largest)]
    best = min(places, key=lambda both: max(t.error if t.is_known else np.inf for t in both))
    record = {f"{way}_K": _pair(t) for way, t in zip(ways, best, strict=True)}
    if len(ways) == 2 and all(t.is_known for t in best):
        up, down = best
        record["difference_K"] = _pair(Measured(up.value - down.value, float(np.hypot(up.error, down.error))))
    return record


def _crossing_of_largest(by_size, name):
    sizes = sorted(by_size)
    return crossing(by_size[sizes[-2]], by_size[sizes[-1]], name) if len(sizes) > 1 else UNKNOWN


def _peak_of_largest(by_size, name):
    return peak(by_size[max(by_size)], f"susceptibility {name}")[0]


def orders(curve, name):
    """Whether the cumulant of a supercell goes from above to below a half."""
    if f"cumulant {name}" not in curve.values:
        return False
    values = curve[f"cumulant {name}"]
    return bool(values[: len(values) // 2].max() > HALF > values[len(values) // 2 :].min())


def _half(curve, name):
    """Temperature (K) at which the cumulant goes for good from above to below a half."""
    values = curve[f"cumulant {name}"]
    k = int(np.flatnonzero(values > HALF).max())
    return float(curve.temperatures[min(k + 1, len(values) - 1)] + curve.temperatures[k]) / 2


def _tells(curve, name, place):
    """Whether a supercell orders within its temperatures, or was sampled on both sides of where another one does (K):
    the cumulant of a small one falls over a wider range than was sampled."""
    between = curve.span[0] < place < curve.span[1]
    return orders(curve, name) or (between and f"cumulant {name}" in curve.values)


def _lowest(curve, name):
    return measured(lambda v: float(v.min()), curve.values[f"cumulant {name}"])


def _collapse(sizes, found):
    """One curve for cumulants of all sizes: which, and how well."""
    if not found:
        return None
    return {"n_cells": list(sizes), "inverse_nu": _pair(found.exponent), "scatter": found.scatter,
            "temperature_K": _pair(found.temperature)}  # fmt: skip


def _route(words, sizes, found):
    return {"route": words, "n_cells": list(sizes), "temperature_K": found.value, "error_K": found.error}


def _pair(found):
    return {"value": found.value, "error": found.error}


def _heat(curve, near):
    """Latent heat in meV per cell."""
    found = latent_heat(curve, near, WINDOW)
    return _pair(Measured(1e3 * found.value, 1e3 * found.error))
