"""What a data set covers: energies, forces, strains, displacements, and the space of its invariants."""

from collections import Counter

import numpy as np
from matplotlib.lines import Line2D

from anharmonic.data.statistics import AXES, displacement_lengths, energies_above_lowest, green_lagrange
from anharmonic.fitting.duplicates import NEAR
from anharmonic.interfaces.style import BAND, COLOURS, INK, MARKERS, MUTED, PAGE, figure

MOST_POINTS = 4000
"""A panel draws no more points than that, chosen at random; histograms and boxes are of all."""

MOST_ROWS = 10
"""Energy groups that have a row of their own: the largest."""

LONGEST, LINE = 24, 110
"""Letters of a name, and of a line of the legend."""

OTHERS = "others"

SHADES, LINES = (INK, "#8a8a8a", "#c4c4c4"), ("-", "--", ":")
"""Of elements: colours are for the names of frames."""


def draw_dataset(dataset, coverage, path, labels=None, duplicates=None, near=NEAR):
    """Six panels: energies by group, forces by element, strains, displacements by site, coverage, nearest neighbours.

    Parameters
    ----------
    dataset : Dataset
    coverage : Coverage
        Of the data set.
    path : path-like
        png, pdf or svg.
    labels : sequence of str, optional
        Name of each frame's colour: the energy group by default, or a phase, or a part.
    duplicates : Duplicates, optional
        For the last panel.
    near : float
        Distance of near duplicates, for the same.
    """
    names, colours = _palette([frame.group for frame in dataset] if labels is None else list(labels))
    with figure(path, PAGE, 4.9) as drawing:
        panels = drawing.subplots(2, 3).ravel()
        _draw_energies(panels[0], dataset, names, colours)
        _draw_forces(panels[1], dataset)
        _draw_strains(panels[2], dataset, names, colours)
        _draw_displacements(panels[3], dataset)
        _draw_coverage(panels[4], coverage, names, colours)
        _draw_nearest(panels[5], duplicates, near)
        for letter, axes in zip("abcdef", panels, strict=True):
            axes.annotate(f"({letter})", (0, 1), (2, 3), "axes fraction", "offset points", ha="left", fontsize=8)
        handles, texts = _key(names, colours)
        columns = max(1, LINE // (max(map(len, texts)) + 6))
        drawing.legend(handles, texts, loc="outside lower center", ncols=columns, markerscale=1.5)


def _palette(labels):
    """Names (array) as they are drawn; their colours, one for each of the most frequent, as they first appear."""
    counts = Counter(labels)
    frequent = {name for name, _ in counts.most_common(len(COLOURS))}
    most = [name for name in counts if name in frequent]
    names = np.array([name if name in most else OTHERS for name in labels], dtype=object)
    found = {name: (COLOURS[k], MARKERS[k]) for k, name in enumerate(most)}
    return names, found | ({OTHERS: (MUTED, "h")} if OTHERS in names else {})


def _key(names, colours):
    """Handles and labels of the legend."""
    counts = Counter(names)
    handles = [Line2D([], [], color=c, marker=m, ls="none", ms=3) for c, m in colours.values()]
    return handles, [f"{_plain(name)} ({counts[name]})" for name in colours]


def _scatter(axes, x, y, names, colours):
    """Points in the colours of their names, in random order, so that none hides the others."""
    order = np.random.default_rng(0).permutation(len(x))[:MOST_POINTS]
    size = 3.0 if len(order) < 500 else 2.0
    for k, (name, (colour, marker)) in enumerate(colours.items()):
        chosen = order[names[order] == name]
        axes.plot(x[chosen], y[chosen], marker, color=colour, ms=size, mew=0, alpha=0.6, rasterized=True, zorder=2 + k)


def _jitter(n, width=0.32):
    return np.random.default_rng(1).uniform(-width, width, n)


def _draw_energies(axes, dataset, names, colours):
    """Energy above the lowest of its group, a row for each group."""
    energies, rows, values, kept = energies_above_lowest(dataset), [], [], []
    groups = sorted(energies, key=lambda group: -len(energies[group]))[:MOST_ROWS]
    for row, group in enumerate(groups):
        rows += [row] * len(energies[group])
        values += (1000 * energies[group]).tolist()
        kept += [k for k, f in enumerate(dataset.frames) if f.group == group and f.energy is not None]
    rows = np.array(rows, float)
    _scatter(axes, np.array(values), rows + _jitter(len(rows)), names[kept], colours)
    axes.set_yticks(range(len(groups)), [_plain(group) for group in groups])
    axes.set(xlabel="Energy above the lowest\nof the group (meV / atom)", ylim=(len(groups) - 0.5, -0.5))
    axes.tick_params(axis="y", length=0)
    if not kept:
        _say(axes, "no energies")


def _draw_forces(axes, dataset):
    """Histograms of force components, by element."""
    species = np.array(dataset.crystal.species)
    forces = {
        name: np.concatenate(
            [np.zeros(0)] + [f.forces[species == name].ravel() for f in dataset if f.forces is not None]
        )
        for name in dict.fromkeys(species)
    }
    largest = max((np.abs(values).max(initial=0.0) for values in forces.values()), default=0.0)
    axes.set_xlabel("Force component (eV / Å)")
    if largest == 0.0:
        return _say(axes, "no forces")
    bins = np.linspace(-largest, largest, 60)
    for k, (name, values) in enumerate(forces.items()):
        density, _ = np.histogram(values, bins)
        style = {"color": SHADES[k % len(SHADES)], "ls": LINES[k // len(SHADES) % len(LINES)], "lw": 1.0}
        axes.stairs(density / max(1, len(values)), bins, label=name, **style)
    axes.set(yscale="log", ylabel="Share per bin")
    axes.legend(loc="upper right", handlelength=1.0)


def _draw_strains(axes, dataset, names, colours):
    """Green-Lagrange strains (F^T F - 1) / 2, six components of every frame."""
    strain = 100 * green_lagrange(dataset.frames)
    components = np.stack([strain[:, i, j] for _, i, j in AXES])
    columns = np.repeat(np.arange(6), len(strain))
    _scatter(axes, columns + _jitter(len(columns)), components.ravel(), np.tile(names, 6), colours)
    axes.axhline(0, color=MUTED, lw=0.5, zorder=0)
    axes.set_xticks(range(6), [name for name, *_ in AXES])
    axes.tick_params(axis="x", length=0)
    axes.set(ylabel="Strain (%)", xlim=(-0.5, 5.5))


def _draw_displacements(axes, dataset):
    """Lengths of displacements by class of equal sites: quartiles as boxes, from the least to the largest as lines."""
    texts, values = zip(*displacement_lengths(dataset), strict=True)
    marks = {"color": INK, "lw": 0.8}
    boxes = axes.boxplot(
        values, whis=(0, 100), widths=0.5, patch_artist=True, medianprops=marks, whiskerprops=marks, capprops=marks,
    )  # fmt: skip
    for box in boxes["boxes"]:
        box.set(facecolor=BAND, edgecolor=INK, lw=0.8)
    axes.set_xticks(range(1, len(texts) + 1), texts)
    axes.tick_params(axis="x", length=0)
    axes.set(xlabel="Sites", ylabel="Displacement (Å)")
    axes.set_ylim(bottom=0)


def _draw_coverage(axes, coverage, names, colours):
    """The two principal components of the standardised invariants."""
    points, shares = coverage.components(2)
    _scatter(axes, points[:, 0], points[:, 1], names, colours)
    axes.set(
        xlabel=f"Component 1 of invariants ({100 * shares[0]:.0f} %)", ylabel=f"Component 2 ({100 * shares[1]:.0f} %)"
    )


def _draw_nearest(axes, duplicates, near):
    """Distances between frames and their nearest neighbours."""
    axes.set(xlabel="Distance from the nearest frame\n(standard deviations)", ylabel="Frames")
    if duplicates is None or not np.isfinite(duplicates.nearest).any():
        return _say(axes, "no neighbours")
    least = near / 100
    values = np.clip(duplicates.nearest, least, None)
    bins = np.geomspace(least, max(1.0, 1.01 * values.max()), 40)
    axes.hist(values, bins, color=MUTED, lw=0)
    axes.axvline(near, color=INK, lw=0.8, ls="--")
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.annotate(
        "near\nduplicates", (near, 1), (-3, -4), ("data", "axes fraction"), "offset points", ha="right", va="top",
        fontsize=6.5,
    )  # fmt: skip
    axes.set(xscale="log", xlim=(bins[0], bins[-1]))


def _say(axes, text):
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=MUTED)


def _plain(text):
    """Names come from files: nothing in them is a formula, and they may be long."""
    text = str(text) if len(str(text)) <= LONGEST else f"{str(text)[: LONGEST - 1]}…"
    return text.replace("$", r"\$")
