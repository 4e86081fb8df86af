"""Figures of screened candidates: what is left after each stage, and the best with their predicted energies."""

import numpy as np

from anharmonic.interfaces.style import BAND, COLOURS, COLUMN, INK, MARKERS, MUTED, PAGE, figure

LONGEST = 30
"""Letters of a name."""
SHOWN = 30
"""Candidates in the ranking."""
LEAST_HEIGHT, ROW = 2.4, 0.155
"""Inches: of the figure, and of each row."""


def draw_candidates(counts, names, values, deviations, doubtful, path, target=None):
    """A funnel of stages, and beside it the best candidates with their energies.

    Parameters
    ----------
    counts : dict of str to int
        Candidates left by stage, in order.
    names : sequence of str, length n
        Of those that pass, best first.
    values, deviations : sequence of float, length n
        Predicted formation energies, eV/atom.
    doubtful : sequence of bool, length n
        Drawn open.
    path : path-like
    target : float, optional
        eV/atom, drawn as a line.
    """
    rows = min(len(names), SHOWN)
    height = max(LEAST_HEIGHT, ROW * max(rows, 1.6 * len(counts)) + 0.6)
    with figure(path, PAGE if rows else COLUMN + 0.5, height) as drawing:
        panels = np.ravel(drawing.subplots(1, 2 if rows else 1, width_ratios=(1, 1.25) if rows else None))
        _draw_funnel(panels[0], counts)
        if rows:
            chosen = (np.asarray(part[:rows]) for part in (names, values, deviations, doubtful))
            _draw_ranking(panels[1], *chosen, len(names), target)


def _draw_funnel(axes, counts):
    """Bars of what is left; what each stage takes away in grey."""
    places, numbers = np.arange(len(counts)), np.array(list(counts.values()))
    before = np.concatenate([numbers[:1], numbers[:-1]])
    axes.barh(places, before, color=BAND, height=0.72)
    axes.barh(places, numbers, color=COLOURS[0], height=0.72)
    for place, number in zip(places, numbers, strict=True):
        share = f"{number} ({100 * number / max(numbers[0], 1):.3g} %)"
        inside = number > 0.55 * numbers[0]
        axes.annotate(
            share, (number, place), (-3 if inside else 3, 0), textcoords="offset points",
            ha="right" if inside else "left", va="center", fontsize=6.5, color="white" if inside else INK,
        )  # fmt: skip
    axes.set_yticks(places, list(counts))
    axes.tick_params(axis="y", length=0)
    axes.set(xlabel="Candidates left", xlim=(0, 1.02 * max(numbers[0], 1)), ylim=(len(counts) - 0.4, -0.6))


def _draw_ranking(axes, names, values, deviations, doubtful, count, target):
    """Energies with error bars, the best on top."""
    places = np.arange(len(names))
    for chosen, face, label in ((~doubtful, COLOURS[0], None), (doubtful, "white", "doubtful")):
        if chosen.any():
            axes.errorbar(
                values[chosen], places[chosen], xerr=deviations[chosen], fmt=MARKERS[0], ls="none", ms=3, mfc=face,
                color=COLOURS[0], elinewidth=0.8, label=label,
            )  # fmt: skip
    if target is not None:
        axes.axvline(target, color=MUTED, lw=0.7, ls="--", label="target")
    axes.set_yticks(places, [_short(name) for name in names], fontsize=6.5)
    axes.locator_params(axis="x", nbins=5)
    axes.set(xlabel="Formation energy (eV/atom)", ylim=(len(names) - 0.4, -0.6))
    axes.set_title(f"best {len(names)} of {count}" if count > len(names) else "all that pass", color=MUTED)
    if doubtful.any() or target is not None:
        axes.legend(loc="best")


def _short(name):
    """On the axis; names come from users: nothing in them is a formula."""
    name = name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}\N{HORIZONTAL ELLIPSIS}"
    return name.replace("$", r"\$")


def draw_limits(similarities, pairs, path):
    """Where the limits are: distances from the standards, and distances between crystals of one formula.

    Parameters
    ----------
    similarities : (perovskites, others, limit)
        Arrays (n,) of distances from the nearest standard, in lattice constants.
    pairs : (same, like, different, limit)
        Arrays (n,) of distances, A: of the same crystal from two tables, of those that StructureMatcher takes for the
        same but for their space group, of the others.
    path : path-like
    """
    with figure(path, PAGE, 2.3) as drawing:
        left, right = drawing.subplots(1, 2)
        _draw_counts(left, similarities[:-1], ("perovskites", "others"), similarities[-1])
        left.set(xlabel="Distance from the nearest standard (lattice constants)", ylabel="Compounds")
        names = "same, same space group", "same, other space group", "different"
        _draw_counts(right, pairs[:-1], names, pairs[-1])
        right.set(xlabel="Distance by GRID, same formula (Å)", ylabel="Pairs")


def _draw_counts(axes, parts, names, limit):
    """Steps of a logarithmic histogram for each part, and the limit."""
    edges = np.linspace(0, max(np.max(part) for part in parts), 61)
    for part, name, colour in zip(parts, names, COLOURS, strict=False):
        counts, _ = np.histogram(part, edges)
        axes.stairs(counts, edges, color=colour, label=f"{name} ({len(part)})", lw=1.1)
    axes.axvline(limit, color=INK, lw=0.8, ls="--")
    axes.set_yscale("log")
    axes.set_ylim(bottom=0.7)
    axes.legend(loc="upper right")
