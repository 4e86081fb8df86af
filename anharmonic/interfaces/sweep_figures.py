"""Lattice parameters and tilts over temperature, from the summary of a sweep.

Heating (filled) above cooling (open) on one temperature axis, so that hysteresis is read downwards.
A domain may take another orientation in another run: each colour follows one physical axis, the
unique one (in-phase axis if there is one) first.
"""

import numpy as np

from anharmonic.errors import AnharmonicError
from anharmonic.interfaces.phase_labels import mark_transitions, name_phases
from anharmonic.interfaces.style import COLOURS, DODGE, MARKERS, MUTED, PAGE, figure

DIRECTIONS = ("heating", "cooling")
AXIS_LABELS = ("unique axis", "second axis", "third axis")
DISTINCT_SIGMAS = 5


def draw_lattice(summary, path):
    """Draw the pseudo-cubic lattice parameters.

    Parameters
    ----------
    summary : dict
        Of a sweep: ``potential``, ``supercell``, ``method``, ``points``, ``transitions``.
    path : path-like
        png, pdf or svg; png and pdf without a suffix.
    """
    directions = _directions(summary)
    with figure(path, PAGE, 0.5 + 2.2 * len(directions)) as drawing:
        panels = drawing.subplots(len(directions), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
        for axes, direction in zip(panels, directions, strict=True):
            points = _points_of(summary, direction)
            values, errors = (_column(these, "abc") for these in (points, _errors_of(points)))
            _draw_axes(axes, points, values, errors, direction)
            axes.set_ylabel("Lattice parameter (Å)")
        _finish(drawing, panels[:, None], directions, summary)


def draw_order(summary, path):
    """Draw the tilt angles, in-phase beside anti-phase; for a crystal without tilts the lattice distortion."""
    directions = _directions(summary)
    has_tilts = any(np.isfinite(_tilts(p)).any() for p in summary["points"])
    draw = _draw_tilts if has_tilts else _draw_distortion
    with figure(path, PAGE, 0.5 + 2.2 * len(directions)) as drawing:
        panels = drawing.subplots(len(directions), 1 + has_tilts, sharex=True, sharey=True, squeeze=False)
        for row, direction in zip(panels, directions, strict=True):
            draw(row, _points_of(summary, direction), direction)
        if has_tilts:
            panels[0, 0].set_ylim(bottom=-0.04 * panels[0, 0].get_ylim()[1])
        _finish(drawing, panels, directions, summary)


def physical_axes(points):
    """Which reference axis is the unique, second and third one at each point.

    The unique axis carries the in-phase tilt; without one it is the only axis with (or without) an
    anti-phase tilt; without tilts the axis whose length stands apart. The other two are ordered by
    length where they differ beyond their errors, else cyclically: sorting noise would split equal axes.
    Where nothing distinguishes the axes, the nearest temperature that does decides.

    Parameters
    ----------
    points : sequence of dict
        Points of one direction.

    Returns
    -------
    ndarray, shape (n_points, 3), int
    """
    temperatures = np.array([p["temperature_K"] for p in points], float)
    orders = [_axes_of(p) for p in points]
    known = [i for i, order in enumerate(orders) if order is not None]
    if not known:
        return np.tile(np.arange(3), (len(points), 1))
    nearest = [known[np.argmin(np.abs(temperatures[known] - t))] for t in temperatures]
    return np.array([orders[i] for i in nearest])


def _axes_of(point):
    """The three axes of one point; None where it does not tell them apart."""
    glazer, (in_phase, anti_phase) = point.get("glazer"), np.nan_to_num(np.abs(_tilts(point)))
    if glazer and "+" in glazer:
        unique = in_phase.argmin() if glazer.count("+") == 2 else in_phase.argmax()
    elif glazer and "-" in glazer:
        unique = anti_phase.argmax() if glazer.count("-") == 1 else anti_phase.argmin()
    elif point["phase"] != "cubic":
        unique = _length_apart(_column([point], "abc")[0])
    else:
        return None
    return [unique, *_other_axes(point, unique)]


def _length_apart(lengths):
    rank = np.argsort(lengths)
    return rank[2] if lengths[rank[2]] - lengths[rank[1]] > lengths[rank[1]] - lengths[rank[0]] else rank[0]


def _other_axes(point, unique):
    others = [(unique + 1) % 3, (unique + 2) % 3]
    (lengths,), (errors,) = _column([point], "abc"), _column(_errors_of([point]), "abc")
    difference = lengths[others[1]] - lengths[others[0]]
    is_larger = difference > DISTINCT_SIGMAS * np.hypot(*errors[others])
    return others[::-1] if is_larger else others


def _draw_tilts(row, points, direction):
    values, errors = np.abs(_tilts_of(points)), _tilts_of(_errors_of(points))
    for axes, value, error in zip(row, values, errors, strict=True):
        _draw_axes(axes, points, value, error, direction)
    row[0].set_ylabel("In-phase tilt (°)")
    row[1].set_ylabel("Anti-phase tilt (°)")


def _draw_distortion(row, points, direction):
    values, errors = (_column(these, "abc") for these in (points, _errors_of(points)))
    mean = values.mean(axis=1, keepdims=True)
    _draw_axes(row[0], points, 100 * (values / mean - 1), 100 * errors / mean, direction)
    row[0].set_ylabel("Length against mean (%)")


def _draw_axes(axes, points, values, errors, direction):
    """Three series (n_points, 3), one for each physical axis."""
    temperatures = np.array([p["temperature_K"] for p in points], float)
    order = physical_axes(points)
    values, errors = (np.take_along_axis(v, order, axis=1) for v in (values, errors))
    dodge = DODGE * np.ptp(temperatures)
    for k in range(3):
        axes.errorbar(
            temperatures + dodge * (k - 1),
            values[:, k],
            errors[:, k],
            fmt=MARKERS[k],
            ls="-",
            color=COLOURS[k],
            mfc=COLOURS[k] if direction == "heating" else "white",
            lw=0.6,
            elinewidth=0.8,
            label=AXIS_LABELS[k],
        )


def _finish(drawing, panels, directions, summary):
    """Names, transitions, legend, labels: the same in both figures."""
    width = (PAGE - 0.8) / panels.shape[1]
    for row, direction in zip(panels, directions, strict=True):
        for axes in row:
            name_phases(axes, _points_of(summary, direction), width)
        row[-1].annotate(
            direction, (1, 0.5), (4, 0), "axes fraction", "offset points", rotation=270, va="center", style="italic"
        )
    for axes in panels[-1]:
        axes.set_xlabel("Temperature (K)")
    for i, axes in enumerate(panels.ravel() if panels.size > 1 else ()):
        axes.annotate(f"({chr(ord('a') + i)})", (0, 1), (-12, 5), "axes fraction", "offset points", ha="right")
    drawing.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    drawing.suptitle(_title(summary), fontsize=7, color=MUTED)
    drawing.draw_without_rendering()
    for row, direction in zip(panels, directions, strict=True):
        for axes in row:
            mark_transitions(axes, [t for t in summary["transitions"] if t["direction"] == direction])


def _title(summary):
    matrix = np.asarray(summary["supercell"])
    matrix = np.diag(matrix) if matrix.ndim == 1 else matrix
    is_diagonal = np.array_equal(matrix, np.diag(np.diag(matrix)))
    cells = "×".join(map(str, np.diag(matrix))) if is_diagonal else f"{abs(round(np.linalg.det(matrix)))}"
    return f"{summary['potential']}, {cells} cells, {str(summary['method']).upper()}"


def _directions(summary):
    found = [d for d in DIRECTIONS if any(p["direction"] == d for p in summary["points"])]
    if not found:
        raise AnharmonicError("a sweep figure takes at least one temperature; the summary has no points")
    return found


def _points_of(summary, direction):
    return [p for p in summary["points"] if p["direction"] == direction]


def _column(points, keys):
    """Numbers (n_points, n_keys) of the points, NaN where there is none."""
    return np.array([[p.get(key) for key in keys] for p in points], float)


def _tilts(point):
    """In-phase and anti-phase angles of a point, shape (2, 3), NaN where there is none."""
    return _tilts_of([point])[:, 0]


def _errors_of(points):
    return [p["errors"] for p in points]


def _tilts_of(points):
    keys = "tilt_in_phase", "tilt_anti_phase"
    return np.array([[p.get(key) or [None] * 3 for p in points] for key in keys], float)
