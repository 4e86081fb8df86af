"""How transition temperatures were found: a column for each order parameter, a colour for each supercell."""

import numpy as np

from anharmonic.analysis.collapse import near_transition
from anharmonic.analysis.statistics import jackknife_error
from anharmonic.interfaces.numbers import plus_minus
from anharmonic.interfaces.style import BAND, INK, MUTED, PAGE, figure, look

ROWS = (
    ("order {}", "{} (°)", "strain"),
    ("cumulant {}", "Cumulant", "cumulant"),
    ("susceptibility {}", "Susceptibility (°²/eV)", "susceptibility (1/eV)"),
    ("heat_capacity", "Heat capacity of the\nconfigurations ($k_B$/cell)", "heat capacity"),
)
MOST = 6
"""Order parameters in one figure: those with a transition come first."""

MARGIN = 50.0
"""The figure shows so much (K) around the outermost transitions at least."""


def draw_transitions(record, curves, path):
    """Draw order parameters, cumulants, susceptibilities and heat capacities over temperature.

    Parameters
    ----------
    record : dict
        See `anharmonic.sweep.transitions.TransitionReport`.
    curves : dict
        `Curves` by direction and number of cells.
    path : path-like
        png, pdf or svg; png and pdf without a suffix.
    """
    by_size = curves["all"]
    found = {t["order_parameter"]: t for t in record["transitions"]}
    names = list(found) or [n.removeprefix("cumulant ") for n in next(iter(by_size.values())).values if "cumulant" in n]
    names = names[:MOST]
    collapsed = any(t["collapse"] for t in found.values())
    with figure(path, PAGE * max(1, len(names) / 3), 9.4 if collapsed else 7.6) as drawing:
        panels = drawing.subplots(len(ROWS) + collapsed, len(names), squeeze=False)
        _share_temperatures(panels[: len(ROWS)])
        for column, name in zip(panels.T, names, strict=True):
            for (pattern, label, _), axes in zip(ROWS, column, strict=False):
                _draw_sizes(axes, by_size, pattern.format(name))
                _draw_directions(axes, curves, pattern.format(name))
                _mark(axes, found.get(name))
                axes.set_ylabel(_label(label, name))
            column[0].set_ylim(bottom=0)
            column[1].set_ylim(-0.15, 1.05)
            column[len(ROWS) - 1].set_xlabel("Temperature (K)")
            if collapsed:
                _draw_collapse(column[-1], by_size, name, found.get(name))
            title = _title(name, found.get(name))
            column[0].set_title(title.replace(": ", ":\n") if len(names) > 2 else title, color=INK)
        panels[0, 0].legend(title="cells", loc="upper right")
        drawing.suptitle(f"{record['potential']}: dashed: heating, dotted: cooling", fontsize=7, color=MUTED)


def _draw_sizes(axes, by_size, name):
    """A curve with its error band for each supercell; nothing within gaps but a thin line."""
    for k, (n, c) in enumerate(sorted(by_size.items())):
        colour, line, _ = look(k)
        value, error, sampled = c[name], c.error(name), _outside_gaps(c)
        axes.plot(c.temperatures, value, color=colour, lw=0.5, alpha=0.5)
        axes.plot(c.temperatures, np.where(sampled, value, np.nan), color=colour, ls=line, label=str(n))
        axes.fill_between(
            c.temperatures, value - error, value + error, where=sampled, color=colour, alpha=0.25, lw=0, rasterized=True
        )


def _draw_directions(axes, curves, name):
    """Heating and cooling of the largest supercell, where both were run; nothing within gaps."""
    for way, style in (("heating", (0, (4, 2))), ("cooling", (0, (1, 1)))):
        by_size = curves.get(way)
        if by_size and len(curves) > 2:
            c = by_size[max(by_size)]
            axes.plot(c.temperatures, np.where(_outside_gaps(c), c[name], np.nan), color=INK, ls=style, lw=0.7)


def _outside_gaps(curves):
    """Whether each temperature is of samples, not between two that share no configurations."""
    left, right = curves.gaps.T[..., None]
    return ~((left < curves.temperatures) & (curves.temperatures < right)).any(axis=0)


def _share_temperatures(panels):
    """One axis of temperatures for all rows and columns."""
    for axes in panels.flat[1:]:
        axes.sharex(panels[0, 0])
    for axes in panels[:-1].flat:
        axes.tick_params(labelbottom=False)


def _draw_collapse(axes, by_size, name, transition):
    """Cumulants of all supercells over the temperature scaled with their size; open: those left out of the curve."""
    collapse = transition and transition["collapse"]
    if not collapse:
        axes.set_axis_off()
        return
    place, exponent = collapse["temperature_K"]["value"], collapse["inverse_nu"]["value"]
    shown = []
    for k, (n, c) in enumerate(sorted(by_size.items())):
        colour, _, marker = look(k)
        value, *left_out = c.at_samples(f"cumulant {name}")
        error = jackknife_error(left_out)
        x = (c.sampled / place - 1) * np.cbrt(n) ** exponent
        face = colour if n in collapse["n_cells"] else "none"
        axes.errorbar(x, value, error, fmt=marker, ms=3, lw=0.7, color=colour, mfc=face, mew=0.7)
        shown.extend(x[near_transition(value)])
    axes.set_xlim(1.15 * min(shown), 1.15 * max(shown))
    axes.set_ylim(-0.15, 1.05)
    axes.set_xlabel(f"$(T/T_c - 1)\\,L^{{1/\\nu}}$ with $1/\\nu$ = {exponent:.2f}")
    axes.set_ylabel("Cumulant")


def _mark(axes, transition):
    """The transition temperature and its error."""
    if transition and transition["temperature_K"] is not None:
        t, error = transition["temperature_K"], transition["error_K"]
        if error is not None:
            axes.axvspan(t - error, t + error, color=BAND, lw=0, zorder=-2)
        axes.axvline(t, color=MUTED, lw=0.6, zorder=-1)


def _label(label, name):
    if name.startswith("mode "):
        return label.replace("°", "Å").replace("Mean {}", "{}").format(name.removeprefix("mode "))
    if "strain" in name:
        label = label.replace(" (°²/eV)", " (1/eV)").replace(" (°)", "")
    return label.format(f"Mean {name}")


def _title(name, transition):
    if not transition or transition["temperature_K"] is None:
        return f"{name}: no transition here"
    words = {"undecided": "order undecided"}.get(transition["kind"], transition["kind"])
    return f"{name}: {plus_minus(transition['temperature_K'], transition['error_K'])} K, {words}"
