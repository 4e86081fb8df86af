"""The record of one transition: what curves of several supercells, heated and cooled, say about it."""

import numpy as np

from anharmonic.analysis.evidence import Evidence
from anharmonic.analysis.finite_size import crossing, lag, latent_heat, peak
from anharmonic.analysis.measured import UNKNOWN, Measured

ALL = "all"
"""Stands where curves are of heating and cooling together."""

HALF = 0.5
"""Order sets in where the cumulant goes from above this to below."""

WINDOW = 40.0
"""Peaks of the heat capacity that far (K) from a crossing belong to another transition."""


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
    evidence = Evidence.of(name, found[ALL])
    best, basis = evidence.best()
    return {
        "order_parameter": name,
        "temperature_K": best.value,
        "error_K": best.error,
        "from": basis,
        "kind": evidence.kind,
        "susceptibility_exponent": _pair(evidence.growth),
        "collapse": _collapse(evidence.chosen, evidence.collapse),
        "lowest_cumulant": _pair(min(evidence.cumulants, key=lambda c: c.value)),
        "latent_heat_meV_per_cell": {n: _heat(curve, best.value) for n, curve in evidence.by_size.items()},
        "hysteresis": _hysteresis(name, found),
        "routes": list(_routes(evidence, best.value)),
    }


def _routes(evidence, near):
    """A line about each route to the temperature."""
    for pair, found in evidence.crossings.items():
        yield _route("cumulants cross", pair, found)
    for group, found in evidence.collapses.items():
        yield _route("cumulants on one curve", group, found.temperature)
    for n, (found, _) in evidence.peaks.items():
        yield _route("susceptibility peaks", [n], found)
    if len(evidence.sizes) > 1:
        yield _route("susceptibility peaks, infinite crystal", evidence.sizes, evidence.limit)
    for n, curve in evidence.by_size.items():
        yield _route("heat capacity peaks", [n], peak(curve, "heat_capacity", near, WINDOW)[0])


def _hysteresis(name, found):
    """Where the transition is by direction, by the route that says it best, and by how much the directions differ.

    Of supercells that were run in all directions; where neither crossings nor peaks tell, the area between the curves
    of the order parameter does.
    """
    ways = [way for way in ("heating", "cooling") if found.get(way)]
    common = set.intersection(*(set(found[way]) for way in ways)) if ways else ()
    if not common:
        return {}
    groups = [{n: found[way][n] for n in common} for way in ways]
    places = [[route(group, name) for group in groups] for route in (_crossing_of_largest, _peak_of_largest)]
    best = min(places, key=lambda both: max(t.error if t.is_known else np.inf for t in both))
    record = {f"{way}_K": _pair(t) for way, t in zip(ways, best, strict=True)}
    if len(ways) == 2:
        record["difference_K"] = _pair(_difference(name, *best, *groups))
    return record


def _difference(name, up, down, heated, cooled):
    """Heating minus cooling (K)."""
    if up.is_known and down.is_known:
        return Measured(up.value - down.value, float(np.hypot(up.error, down.error)))
    lags = [lag(heated[n], cooled[n], name) for n in heated]
    return min(lags, key=lambda found: found.error if found.is_known else np.inf)


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
