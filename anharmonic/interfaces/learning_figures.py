"""Figure of active learning: errors and what runs find outside, against the number of labelled frames."""

from anharmonic.interfaces.style import COLOURS, MUTED, PAGE, figure

PANELS = (
    ("energy_rmse", "Energy error (meV / atom)"),
    ("forces_rmse", "Force error (meV / Å)"),
)
PARTS = {"test": "held out", "validation": "validation", "training": "training"}


def draw_learning(history, above, path):
    """Draw the history of `anharmonic.learning.learn`.

    Parameters
    ----------
    history : list of dict
    above : float
        Grade above which a structure lies outside.
    path : path
    """
    frames = [row["n_frames"] for row in history]
    with figure(path, PAGE, 2.4) as drawing:
        axes = drawing.subplots(1, 3)
        for axis, (key, label) in zip(axes, PANELS, strict=False):
            for colour, (part, name) in zip(COLOURS, PARTS.items(), strict=False):
                points = [(n, row["errors"].get(part, {}).get(key)) for n, row in zip(frames, history, strict=True)]
                points = [(n, value) for n, value in points if value is not None]
                if points:
                    axis.plot(*zip(*points, strict=True), "o-", color=colour, label=name)
            axis.set(xlabel="Labelled frames", ylabel=label, ylim=(0, None))
        axes[0].legend()
        _draw_outside(axes[2], frames, history, above)


def _draw_outside(axis, frames, history, above):
    """Share of what was sampled that lies outside, and the highest grade."""
    axis.plot(frames, [100 * row["share"] for row in history], "o-", color=COLOURS[0])
    axis.set(xlabel="Labelled frames", ylabel=f"Structures above grade {above:g} (%)", ylim=(0, None))
    other = axis.twinx()
    other.plot(frames, [row["highest"] for row in history], "s--", color=MUTED)
    other.set_ylabel("Highest grade", color=MUTED)
    other.set_ylim(0, None)
