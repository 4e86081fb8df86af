"""Energy along paths between and around the phases (figure 9 of the paper)."""

import re

from anharmonic.errors import AnharmonicError
from anharmonic.interfaces.style import COLOURS, INK, MUTED, PAGE, figure

N_COLUMNS = 2


def draw_scan(paths, file):
    """Draw one panel for each path, two in a row.

    Parameters
    ----------
    paths : sequence of dict
        ``name``, ``x_label``, ``x``, ``energy_meV`` (per formula unit, relative to the reference),
        and optionally ``markers``: ``[{"x", "label"}]`` for named structures on the path, and
        ``dft``: ``{"x", "energy_meV"}`` of structures near the path, with ``"predicted_meV"`` for what the
        potential says of these structures themselves.
    file : path-like
        png, pdf or svg.
    """
    if not paths:
        raise AnharmonicError("a scan figure takes at least one path, found none")
    n_rows = -(-len(paths) // N_COLUMNS)
    with figure(file, PAGE, 2.6 * n_rows) as drawing:
        panels = drawing.subplots(n_rows, N_COLUMNS, squeeze=False).ravel()
        for i, (axes, path) in enumerate(zip(panels, paths, strict=False)):
            _draw_path(axes, path)
            axes.set_title(f"({chr(ord('a') + i)}) {path['name']}", loc="left", pad=14 if path.get("markers") else 4)
        for axes in panels[len(paths) :]:
            axes.set_visible(False)
        _legend(panels[0], paths)


def _draw_path(axes, path):
    axes.axhline(0, color=MUTED, lw=0.5, zorder=0)
    axes.plot(path["x"], path["energy_meV"], color=COLOURS[0], lw=1.3)
    if dft := path.get("dft"):
        if "predicted_meV" in dft:
            axes.plot(dft["x"], dft["predicted_meV"], "+", color=COLOURS[0], ms=5, mew=0.9, zorder=4)
        axes.plot(dft["x"], dft["energy_meV"], "o", mfc="white", mec=COLOURS[1], mew=1.0, zorder=3)
    axes.set(xlabel=path["x_label"], ylabel="Energy (meV / f.u.)")
    axes.margins(x=0.02, y=0.08)
    for marker in path.get("markers") or ():
        axes.axvline(marker["x"], color=MUTED, lw=0.6, ls=":", zorder=0)
        axes.annotate(
            typeset(marker["label"]),
            (marker["x"], 1),
            (0, 3),
            xycoords=axes.get_xaxis_transform(),
            textcoords="offset points",
            ha="center",
            fontsize=7,
        )


def typeset(symbol):
    """A space group symbol with its bars over the digits and its screw axes as indices."""
    return "$" + re.sub(r"_(\d)", r"_{\1}", re.sub(r"-(\d)", r"\\bar{\1}", symbol)) + "$"


def _legend(axes, paths):
    axes.plot([], [], color=COLOURS[0], lw=1.3, label="potential")
    if any(path.get("dft") for path in paths):
        axes.plot([], [], "o", mfc="white", mec=COLOURS[1], mew=1.0, label="DFT")
        if any("predicted_meV" in (path.get("dft") or ()) for path in paths):
            axes.plot([], [], "+", color=COLOURS[0], ms=5, mew=0.9, label="potential at the DFT structure")
        axes.legend(loc="best", labelcolor=INK)
