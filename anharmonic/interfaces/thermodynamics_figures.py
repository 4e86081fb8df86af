"""Thermodynamics over temperature: heat capacity and expansion by two routes, elastic constants, displacements."""

import numpy as np

from anharmonic.analysis.transitions import bracket
from anharmonic.errors import AnharmonicError
from anharmonic.interfaces.style import BAND, COLOURS, DODGE, MARKERS, MUTED, PAGE, evenly, figure

DULONG_PETIT = 3.0
"""Heat capacity of a harmonic crystal, k per atom."""

CUBIC = {
    "$C_{11}$": ((0, 0), (1, 1), (2, 2)),
    "$C_{12}$": ((0, 1), (0, 2), (1, 2)),
    "$C_{44}$": ((3, 3), (4, 4), (5, 5)),
}
"""Elastic constants that are drawn: each averaged over the three axes."""


def draw_thermodynamics(record, path):
    """Draw six panels against temperature.

    Parameters
    ----------
    record : dict
        Of `anharmonic.sweep.thermodynamics.thermodynamics`, with ``structures``: a list of
        `anharmonic.sweep.structures.structure_record`; none leaves the displacement parameters out. The brackets of
        its transitions are shaded.
    path : path-like
        png, pdf or svg; png and pdf without a suffix.
    """
    if not record["points"]:
        raise AnharmonicError("a figure of thermodynamics takes at least one temperature, found none")
    structures = [s for s in record["structures"] if "atoms" in s]
    drawers = [_heat_capacity, _volume, _volume_expansion, _linear_expansion, _elastic]
    with figure(path, PAGE, 6.6) as drawing:
        panels = drawing.subplots(3, 2, sharex=True).ravel()
        for axes, draw in zip(panels, drawers, strict=False):
            draw(axes, record)
        _displacements(panels[5], structures)
        for k, axes in enumerate(panels):
            for t in record["transitions"]:
                axes.axvspan(*bracket(t), fc=BAND, ec="white", lw=1, zorder=0)
            axes.annotate(f"({'abcdef'[k]})", (0, 1), (-12, 5), "axes fraction", "offset points", ha="right")
            if axes.get_legend_handles_labels()[0]:
                many = len(axes.get_legend_handles_labels()[0]) > 3
                axes.legend(loc="upper center" if many else "best", handlelength=1.4, ncols=4 if many else 1,
                            columnspacing=1.0)  # fmt: skip
        for axes in panels[4:]:
            axes.set_xlabel("Temperature (K)")
        title = f"{record['potential']}, {record['n_atoms']} atoms; classical, at constant stress"
        drawing.suptitle(title, fontsize=7, color=MUTED)


def _directions(points):
    return list(dict.fromkeys(p["direction"] for p in points))


def _points(axes, points, key, error, k=0, label=None, index=None):
    """Values of points with error bars; those of cooling are open."""
    for n, direction in enumerate(_directions(points)):
        chosen = [p for p in points if p["direction"] == direction and p.get(key) is not None]
        if not chosen:
            continue
        values, errors = (np.array([p[name] for p in chosen], float) for name in (key, error))
        values, errors = (v if index is None else v[:, index] for v in (values, errors))
        temperatures = np.array([p["temperature_K"] for p in chosen], float)
        dodge = 0.0 if index is None else (k - 1) * DODGE * np.ptp([p["temperature_K"] for p in points])
        axes.errorbar(
            temperatures + dodge, values, errors, fmt=MARKERS[k], color=COLOURS[k],
            mfc="white" if direction == "cooling" else COLOURS[k], label=label if n == 0 else None, elinewidth=0.8,
        )  # fmt: skip


def _slopes(axes, intervals, key, error):
    """Slopes of means as bars over their intervals; those across two phases are dotted."""
    label = "slope of the mean"
    for interval in intervals:
        ends, value = (interval["from_K"], interval["to_K"]), interval[key]
        style = "-" if interval["one_phase"] else ":"
        axes.plot(ends, [value] * 2, style, color=COLOURS[1], lw=1.0, label=label)
        axes.errorbar(np.mean(ends), value, interval[error], fmt="none", ecolor=COLOURS[1], elinewidth=0.8)
        label = None


def _heat_capacity(axes, record):
    names = "heat_capacity_kB_per_atom", "heat_capacity_error_kB_per_atom"
    axes.axhline(DULONG_PETIT, color=MUTED, lw=0.6, ls="--", zorder=0)
    _slopes(axes, record["intervals"], *names)
    _points(axes, record["points"], *names, label="fluctuations")
    axes.set_ylabel("Heat capacity\n($k_B$ / atom)")
    axes.margins(y=0.25)


def _volume(axes, record):
    _points(axes, record["points"], "volume_A3_per_cell", "volume_error_A3_per_cell")
    axes.set_ylabel("Volume (Å³ / cell)")


def _volume_expansion(axes, record):
    names = "volume_expansion_1e-6_per_K", "volume_expansion_error_1e-6_per_K"
    _slopes(axes, record["intervals"], *names)
    _points(axes, record["points"], *names, label="fluctuations")
    axes.set_ylabel("Volume expansion\n(10$^{-6}$ / K)")


def _linear_expansion(axes, record):
    names = "thermal_expansion_1e-6_per_K", "thermal_expansion_error_1e-6_per_K"
    for k in range(3):
        _points(axes, record["points"], *names, k, f"$\\alpha_{{{'xyz'[k] * 2}}}$", index=k)
    axes.set_ylabel("Linear expansion\n(10$^{-6}$ / K)")


def _elastic(axes, record):
    points = [dict(p) for p in record["points"] if p.get("elastic_constants_GPa") is not None]
    for k, (label, entries) in enumerate(CUBIC.items()):
        rows, columns = np.array(entries).T
        for p in points:
            p["drawn"] = float(np.array(p["elastic_constants_GPa"], float)[rows, columns].mean())
            # equal by symmetry or nearly so: their errors are not independent
            p["error"] = float(np.array(p["elastic_constants_error_GPa"], float)[rows, columns].mean())
        _points(axes, points, "drawn", "error", k, label)
    _points(axes, record["points"], "bulk_modulus_GPa", "bulk_modulus_error_GPa", 3, "bulk modulus")
    axes.set_ylabel("Elastic constants\n(GPa)")
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.25 * (high - low))  # room for the legend


def _displacements(axes, structures):
    """Isotropic displacement parameters: mean over the atoms of a species."""
    if not structures:
        axes.text(0.5, 0.5, "no structures recorded:\n--observe sites", ha="center", va="center", color=MUTED,
                  transform=axes.transAxes)  # fmt: skip
        axes.set_ylabel("$U_{iso}$ (Å²)")
        return
    for k, species in enumerate(dict.fromkeys(a["species"] for a in structures[0]["atoms"])):
        points = []
        for s in structures:
            atoms = [a for a in s["atoms"] if a["species"] == species]
            weights = np.array([a["multiplicity"] for a in atoms], float)
            value = np.average([a["U_iso_A2"] for a in atoms], weights=weights)
            error = np.average([a["U_iso_error_A2"] for a in atoms], weights=weights)
            points.append(
                {"temperature_K": s["temperature_K"], "direction": s["direction"], "u": value, "error": error}
            )
        _points(axes, points, "u", "error", k % len(MARKERS), species)
    axes.set_ylabel("$U_{iso}$ (Å²)")
    axes.set_ylim(bottom=0)


def draw_pair_distributions(found, path, most=4):
    """Draw g(r), a panel for each pair of species.

    Parameters
    ----------
    found : sequence of (str, PairDistribution)
        Names of temperatures and their distributions; `most` of them, evenly chosen, are drawn.
    path : path-like
    most : int
    """
    if not found:
        raise AnharmonicError(
            "a figure of pair distributions takes at least one temperature with snapshots, found none"
        )
    chosen = evenly(found, most)
    names = list(chosen[0][1].functions)
    rows = -(-len(names) // 2)
    with figure(path, PAGE, 0.6 + 1.7 * rows) as drawing:
        panels = drawing.subplots(rows, 2, sharex=True, squeeze=False).ravel()
        for axes, name in zip(panels, names, strict=False):
            for k, (label, distribution) in enumerate(chosen):
                function, r = distribution.functions[name], distribution.distances
                axes.plot(r, function.mean, color=COLOURS[k], lw=0.8, label=label)
                axes.fill_between(
                    r, function.mean - function.error, function.mean + function.error, color=COLOURS[k], alpha=0.3, lw=0
                )
            axes.axhline(1, color=MUTED, lw=0.5, ls="--", zorder=0)
            axes.set_ylim(bottom=0)
            axes.set_xlim(_first_distance(chosen), chosen[0][1].distances[-1])
            axes.set_ylabel(f"$g(r)$, {name.replace('-', '–')}")
        for axes in panels[len(names) :]:
            axes.set_visible(False)
        for axes in panels[max(0, len(names) - 2) : len(names)]:
            axes.set_xlabel("Distance (Å)")
        drawing.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(chosen))


def _first_distance(chosen):
    """Where the axis begins (A): a little before the first pair of any kind."""
    _, distribution = chosen[0]
    anything = np.sum(
        [f.mean for _, d in chosen for f in d.functions.values() if len(f.mean) == len(distribution.distances)], axis=0
    )
    return max(0.0, distribution.distances[np.argmax(anything > 0)] - 0.5)
