"""Figures of a selection: errors against the size of the net (figure 7 of the paper), and learning curves."""

import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator

from anharmonic.fitting.selection.summary import mean_and_spread
from anharmonic.interfaces.style import COLOURS, INK, MARKERS, MUTED, PAGE, figure

MEASURES = {
    "energy_rmse": "Energy RMSE (meV / atom)",
    "forces_rmse": "Force RMSE (meV / Å)",
    "stress_rmse": "Stress RMSE (GPa)",
}


def draw_selection(settings, folder):
    """One figure a measure: panels by architecture, layers and order; a colour a set of clusters.

    Filled symbols are the frames held out, open ones those of the training; bars are one standard deviation over
    folds, dashed lines the ridge regression with the same clusters and order.

    Parameters
    ----------
    settings : list of Setting
    folder : Path

    Returns
    -------
    list of Path
        Written files.
    """
    nets = [s for s in settings if s.hidden]
    written = []
    for measure, label in MEASURES.items():
        if nets and np.isfinite([mean_and_spread(s.validation[measure])[0] for s in nets]).any():
            written.append(folder / f"{'selection' if not written else 'selection_' + measure.split('_')[0]}.png")
            _draw_measure(settings, nets, measure, label, written[-1])
    return written


def _draw_measure(settings, nets, measure, label, path):
    columns = list(dict.fromkeys((s.model, len(s.hidden)) for s in nets))
    orders = list(dict.fromkeys(repr(s.order) for s in nets))
    sets = list(dict.fromkeys(s.clusters for s in nets))
    with figure(path, PAGE, 0.5 + 2.0 * len(orders)) as drawing:
        panels = drawing.subplots(len(orders), len(columns), squeeze=False, sharey=True)
        for row, order in zip(panels, orders, strict=True):
            for axes, (model, layers) in zip(row, columns, strict=True):
                for k, name in enumerate(sets):
                    mine = [s for s in settings if s.clusters == name and repr(s.order) == order]
                    shown = [s for s in mine if s.model == model and len(s.hidden) == layers]
                    _draw_set(axes, shown, [s for s in mine if s.model == "ridge"], measure, k, len(sets), name)
                plural = "s" if layers > 1 else ""
                axes.set_title(f"{model} nets, {layers} layer{plural}, order {order}", fontsize=7)
            row[0].set_ylabel(label)
        for axes in panels[-1]:
            axes.set_xlabel("Nodes per layer")
        _limit(panels, nets, measure)
        handles, labels = panels[0, 0].get_legend_handles_labels()
        drawing.legend(handles, labels, loc="outside lower center", ncols=min(len(sets), 3))
        drawing.suptitle("filled: held out, open: training, dashed: ridge regression held out", color=MUTED, fontsize=7)


def _draw_set(axes, settings, linear, measure, k, n_sets, name):
    """Training and held-out errors of one set of clusters over the widest layer."""
    if not settings:
        return
    colour, marker = COLOURS[k % len(COLOURS)], MARKERS[k % len(MARKERS)]
    settings = sorted(settings, key=lambda s: max(s.hidden))
    x = np.array([max(s.hidden) for s in settings]) + 0.25 * (k - (n_sets - 1) / 2)
    for part, face in (("training", "white"), ("validation", colour)):
        mean, spread = np.transpose([mean_and_spread(getattr(s, part)[measure]) for s in settings])
        style = {"color": colour, "marker": marker, "mfc": face, "ms": 2.8, "lw": 0.7, "elinewidth": 0.6}
        axes.errorbar(x, mean, spread, **style, label=name if part == "validation" else None)
    for setting in linear:
        axes.axhline(mean_and_spread(setting.validation[measure])[0], color=colour, ls="--", lw=0.6, zorder=0)


def _limit(panels, nets, measure):
    """Axes from zero to what most settings need, so that one failed training hides nothing."""
    tops = [sum(mean_and_spread(s.validation[measure])) for s in nets]
    tops = [top for top in tops if np.isfinite(top)]
    for axes in panels.ravel():
        axes.set_ylim(0, 1.1 * min(max(tops), 2.5 * np.median(tops)))


def draw_learning_curves(rows, path):
    """Errors on the test frames over the number of frames of the training; bars are one standard deviation.

    Parameters
    ----------
    rows : list of dict
        Of `Selection.learn`.
    path : path-like
    """
    kinds = list(dict.fromkeys((row["labels"], row["model"]) for row in rows))
    shown = {m: label for m, label in MEASURES.items() if any(row["validation"][m] is not None for row in rows)}
    with figure(path, PAGE, 2.9) as drawing:
        panels = drawing.subplots(1, len(shown), squeeze=False)[0]
        for axes, (measure, label) in zip(panels, shown.items(), strict=True):
            for k, (labels, model) in enumerate(kinds):
                mine = [row for row in rows if (row["labels"], row["model"]) == (labels, model)]
                sizes = sorted({row["n_frames"][0] for row in mine})
                values = [[r["validation"][measure] for r in mine if r["n_frames"][0] == n] for n in sizes]
                mean, spread = np.transpose([mean_and_spread(np.array(v, float)) for v in values])
                low = np.minimum(spread, 0.9 * mean)
                colour, dashes = COLOURS[k // 2], "-" if model == "ridge" else "--"
                name = "linear" if model == "ridge" else f"{model} nets"
                axes.errorbar(
                    sizes, mean, [low, spread], color=colour, ls=dashes, marker=MARKERS[k], mfc="white", elinewidth=0.6,
                    label=f"{name}, {labels}",
                )  # fmt: skip
            axes.set(xscale="log", yscale="log", xlabel="Frames in the training", ylabel=label)
            axes.set_xticks(sizes, [str(n) for n in sizes])
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5, 7)))
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axes.minorticks_off()
            axes.tick_params(axis="both", colors=INK)
        handles, labels = panels[0].get_legend_handles_labels()
        drawing.legend(handles, labels, loc="outside lower center", ncols=2)
