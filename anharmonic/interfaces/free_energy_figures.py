"""Free energies: along the coupling, along temperature, along an order parameter."""

from anharmonic.interfaces.style import COLOURS, INK, MUTED, PAGE, figure

LEAST_OVERLAP = 0.03


def draw_integration(points, path):
    """The integrand against lambda and the overlap of neighbouring windows, one colour for each temperature.

    Parameters
    ----------
    points : sequence of dict
        ``temperature_K``, ``coupling``, ``slope_meV``, ``slope_error_meV``, ``overlap``.
    path : path-like
        png, pdf or svg.
    """
    with figure(path, PAGE, 2.7) as drawing:
        left, right = drawing.subplots(1, 2)
        for k, point in enumerate(points):
            colour, name = COLOURS[k % len(COLOURS)], f"{point['temperature_K']:g} K"
            # lambda is the square of what the axis shows: near 0 the integrand is steep
            x = [c**0.5 for c in point["coupling"]]
            left.errorbar(
                x[:-1], point["slope_meV"][:-1], point["slope_error_meV"][:-1], fmt="o-", color=colour, label=name
            )
            middle = [(a + b) / 2 for a, b in zip(x[1:], x[:-1], strict=True)]
            right.plot(middle, point["overlap"], "o-", color=colour)
        left.set(xlabel="$\\lambda^{1/2}$", ylabel="$\\langle U - U_{reference}\\rangle$ (meV / f.u.)")
        left.legend(labelcolor=INK)
        right.axhline(LEAST_OVERLAP, color=MUTED, lw=0.8, ls="--")
        right.annotate("least that MBAR needs", (0.02, LEAST_OVERLAP), (0, 2), textcoords="offset points", fontsize=7)
        right.set(xlabel="$\\lambda^{1/2}$", ylabel="Overlap of neighbouring windows", ylim=(0, None))
        for axes, letter in zip((left, right), "ab", strict=True):
            axes.set_title(f"({letter})", loc="left")
