"""Free energies: along the coupling, along temperature, along an order parameter."""

import numpy as np

from anharmonic.interfaces.style import COLOURS, COLUMN, INK, MUTED, PAGE, figure

LEAST_OVERLAP = 0.03


def draw_integration(points, path):
    """The integrand against lambda and the overlap of neighbouring windows, one colour for each temperature.

    Parameters
    ----------
    points : sequence of dict
        ``temperature_K``, ``coupling``, ``slope_meV``, ``slope_error_meV``, ``overlap``.
    path : path-like
        png, pdf or svg; png and pdf without a suffix.
    """
    with figure(path, PAGE, 2.7) as drawing:
        left, right = drawing.subplots(1, 2)
        for k, point in enumerate(points):
            colour, name = COLOURS[k % len(COLOURS)], f"{point['temperature_K']:g} K"
            # lambda is the square of what the axis shows: near 0 the integrand is steep
            x = [c**0.5 for c in point["coupling"]]
            height, error = (_numbers(point[key])[:-1] for key in ("slope_meV", "slope_error_meV"))
            left.errorbar(x[:-1], height, error, fmt="o-", color=colour, label=name)
            middle = [(a + b) / 2 for a, b in zip(x[1:], x[:-1], strict=True)]
            right.plot(middle, point["overlap"], "o-", color=colour)
        left.set(xlabel="$\\lambda^{1/2}$", ylabel="$\\langle U - U_{reference}\\rangle$ (meV / f.u.)")
        left.legend(labelcolor=INK)
        right.axhline(LEAST_OVERLAP, color=MUTED, lw=0.8, ls="--")
        right.annotate("least that MBAR needs", (0.02, LEAST_OVERLAP), (0, 2), textcoords="offset points", fontsize=7)
        right.set(xlabel="$\\lambda^{1/2}$", ylabel="Overlap of neighbouring windows", ylim=(0, None))
        for axes, letter in zip((left, right), "ab", strict=True):
            axes.set_title(f"({letter})", loc="left")


def draw_line(record, path):
    """Enthalpy and free energy along temperature, with the anchors.

    Parameters
    ----------
    record : dict
        As of `anharmonic.free_energy.line_records.line_record`.
    path : path-like
        png, pdf or svg; png and pdf without a suffix.
    """
    points, anchors = record["points"], record["anchors"]
    x = [p["temperature_K"] for p in points]
    with figure(path, PAGE, 2.7) as drawing:
        left, right = drawing.subplots(1, 2)
        heights, errors = (_numbers([p[key] for p in points]) for key in ("enthalpy_meV", "enthalpy_error_meV"))
        left.errorbar(x, heights, errors, fmt="o-", color=COLOURS[0])
        left.set(xlabel="T (K)", ylabel="Enthalpy (meV / f.u.)")
        if anchors:
            right.plot(x, [p["free_energy_meV"] for p in points], "-", color=COLOURS[0], label="along temperature")
            at, values = ([a[key] for a in anchors] for key in ("temperature_K", "free_energy_meV"))
            right.plot(at, values, "s", mfc="white", mec=COLOURS[1], ms=5, label="from a reference crystal")
            right.set(ylabel="G (meV / f.u.)")
            lines = [_difference(route) for route in record["routes"]]
            right.text(0.04, 0.05, "\n".join(lines), transform=right.transAxes, fontsize=7)
            right.legend(labelcolor=INK)
        else:
            right.plot(x, [p["reduced"] for p in points], "o-", color=COLOURS[0], label="MBAR")
            right.plot(x, [p["reduced_by_integral"] for p in points], "+", color=COLOURS[1], label="integral")
            right.set(ylabel="G / kT relative to the first (per f.u.)")
            right.legend(labelcolor=INK)
        right.set(xlabel="T (K)")
        for axes, letter in zip((left, right), "ab", strict=True):
            axes.set_title(f"({letter})", loc="left")


def draw_landau(points, path):
    """Free energies along an order parameter with their error bands, one colour for each temperature.

    Where an error is not known the band has a gap, and a circle of a run without a bias no bar.

    Parameters
    ----------
    points : sequence of dict
        ``temperature_K``, ``q``, ``free_energy_meV``, ``error_meV`` (per formula unit), and ``x_label``; perhaps
        ``unbiased_meV`` and ``unbiased_error_meV``. None is not known.
    path : path-like
        png, pdf or svg; png and pdf without a suffix.
    """
    with figure(path, COLUMN * 1.3, 3.0) as drawing:
        axes = drawing.subplots()
        for k, point in enumerate(points):
            colour = COLOURS[k % len(COLOURS)]
            q, height, error = (_numbers(point[name]) for name in ("q", "free_energy_meV", "error_meV"))
            known = np.isfinite(height)
            q, height, error = q[known], height[known], error[known]
            axes.plot(q, height, color=colour, label=f"{point['temperature_K']:g} K")
            axes.fill_between(q, height - error, height + error, color=colour, alpha=0.25, lw=0)
            if "unbiased_meV" in point:
                beside = [_numbers(point[name]) for name in ("q", "unbiased_meV", "unbiased_error_meV")]
                axes.errorbar(*beside, fmt="o", mfc="white", color=colour, mew=0.8, elinewidth=0.8)
        if any("unbiased_meV" in point for point in points):
            axes.plot([], [], "o", mfc="white", mec=MUTED, mew=0.8, label="without a bias")
        axes.set(xlabel=points[0]["x_label"], ylabel="F (meV / f.u.)")
        axes.margins(x=0)
        axes.legend(labelcolor=INK)


def _difference(route):
    """Words for what two routes to one number differ by."""
    sign = "+" if route["difference_meV"] >= 0 else "\N{MINUS SIGN}"
    text = f"{sign}{abs(route['difference_meV']):.2f} ± {route['difference_error_meV']:.2f} meV"
    return f"{route['from_K']:g} to {route['to_K']:g} K: {text} apart"


def _numbers(values):
    """An array, None as NaN."""
    return np.array(values, float)
