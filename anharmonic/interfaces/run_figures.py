"""Time series of a run: energy, temperature, lattice and tilts over time, equilibration shaded."""

from anharmonic.interfaces.style import BAND, COLOURS, MUTED, PAGE, figure

PANEL = 1.15
"""Height of a panel (inch)."""


def draw_series(series, path):
    """Draw curves below each other on one axis.

    Parameters
    ----------
    series : dict
        ``title``, ``x`` (n,), ``x_label``, ``panels``: list of (label, {curve name: values (n,)}), and
        ``stages``: list of (start, end of equilibration, name) on the axis of x.
    path : path-like
        png, pdf or svg; png and pdf without a suffix.
    """
    n_panels = len(series["panels"])
    with figure(path, PAGE, 0.7 + PANEL * n_panels) as drawing:
        panels = drawing.subplots(n_panels, 1, sharex=True, squeeze=False)[:, 0]
        for axes, (label, curves) in zip(panels, series["panels"], strict=True):
            for k, (name, values) in enumerate(curves.items()):
                axes.plot(series["x"], values, color=COLOURS[k], lw=0.7, label=name)
            axes.set_ylabel(label)
            for start, end, _ in series["stages"]:
                axes.axvspan(start, end, color=BAND, lw=0, zorder=-1)
            if len(curves) > 1:
                axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), handlelength=1.2)
        for start, _, name in series["stages"]:
            frame = panels[0].get_xaxis_transform()
            panels[0].annotate(name, (start, 1), (2, 3), frame, "offset points", fontsize=7)
        panels[-1].set_xlabel(f"{series['x_label']} (equilibration is shaded)")
        panels[-1].set_xlim(0, series["x"][-1])
        drawing.align_ylabels(panels)
        drawing.suptitle(series["title"], fontsize=7, color=MUTED)
