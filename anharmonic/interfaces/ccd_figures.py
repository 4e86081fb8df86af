"""Figures of collective cluster deformations, like figures 3 and 4 of Thomas et al.

The clusters are projected by hand onto flat axes and painted from back to front: matplotlib's
3-D axes can neither overlap arrows and atoms correctly nor keep one scale across panels.
"""

import re
from dataclasses import dataclass

import matplotlib.patheffects as effects
import numpy as np
from ase.data import atomic_numbers, covalent_radii
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, FancyArrow, FancyBboxPatch
from scipy.spatial.distance import pdist

COLORS = (
    "#0072B2", "#D55E00", "#009E73", "#AA4499", "#B8860B", "#3A9BD9", "#882255", "#332288", "#6B6B00", "#404040",
)  # fmt: skip
"""Colours of the irreps in order of appearance: Okabe-Ito's and Tol's, darkened where needed to be read on white."""

ATOM_GREYS = ("#9AA3AE", "#4B5563", "#D5D9DE", "#737B85")
INK = "#374151"
COLUMNS = 6
PANEL = 1.75
"""Width of a panel in inches."""

ARROW = 0.37
"""Length of the longest arrow in units of the shortest pair: arrows of two atoms that meet do not overlap."""

REDUNDANT = 0.15
"""CCDs with a gradient below this, relative to the largest, are redundant to first order."""


def draw_modes(positions, species, ccd, path):
    """Draw all CCD modes of a cluster, one panel for each, and write the figure.

    Arrows are dr/dq_k, columns of the Moore-Penrose inverse of dq/dr (footnote 28 of the paper),
    every mode normalised to the same total length; all panels share one scale. Panels are coloured
    by irrep. Open arrows mark CCDs that hardly change to first order in any displacement: there
    are more pair distances than degrees of freedom.

    Parameters
    ----------
    positions : array_like, shape (n_sites, 3)
        Reference positions (A).
    species : sequence of str, length n_sites
        Chemical symbols.
    ccd : CCD
    path : path-like
        The file to write; its suffix decides the format (png, pdf, svg).

    Returns
    -------
    matplotlib.figure.Figure
    """
    positions = np.asarray(positions, float)
    arrows, redundant = _mode_vectors(ccd)
    bonds = ccd.pairs[ccd.distances < 1.02 * ccd.distances.min()]
    axes = _clearest_view(positions, arrows)
    scene = _Scene(positions, tuple(species), _radii(species, ccd.distances.min()), bonds, axes)
    cells = _layout([stop - start for _, start, stop in ccd.subspaces])
    n_rows, n_columns = cells.max(axis=0) + 1
    limits = _limits(scene, arrows)
    aspect = np.ptp(limits[:, 1]) / np.ptp(limits[:, 0])
    figure = Figure(figsize=(PANEL * max(n_columns, 2), PANEL * n_rows * aspect + 0.45), layout="constrained")
    FigureCanvasAgg(figure)
    figure.get_layout_engine().set(w_pad=0.04, h_pad=0.04, wspace=0, hspace=0)
    grid = figure.add_gridspec(n_rows, n_columns)
    colors = dict(zip(dict.fromkeys(ccd.labels), COLORS * 4, strict=False))
    for k, (row, column) in enumerate(cells):
        axes, color = figure.add_subplot(grid[row, column]), colors[ccd.labels[k]]
        _draw_panel(axes, limits, k, ccd.labels[k], color)
        _draw_bonds(axes, scene)
        _draw_atoms(axes, scene)
        _draw_arrows(axes, scene, arrows[k], color, redundant[k])
    _draw_legend(figure, species, redundant.any())
    figure.savefig(path, dpi=200)
    return figure


@dataclass(frozen=True)
class _Scene:
    """The cluster and from where it is seen: rows of `axes` are right, up, and towards the viewer."""

    positions: np.ndarray
    species: tuple
    radii: np.ndarray
    bonds: np.ndarray
    axes: np.ndarray

    def project(self, points):
        """Plane coordinates (..., 2) and heights towards the viewer (...,) of points (..., 3), all in A."""
        seen = (points - self.positions.mean(axis=0)) @ self.axes.T
        size = np.linalg.norm(self.positions - self.positions.mean(axis=0), axis=1).max()
        return seen[..., :2] / (1 - seen[..., 2:] / (9 * size)), seen[..., 2]


def _clearest_view(positions, arrows):
    """Axes (3, 3) of the clearest view from above; flat clusters face the viewer."""
    centred = positions - positions.mean(axis=0)
    size = np.linalg.norm(centred, axis=1).max()
    frame = np.linalg.svd(centred, full_matrices=True)[2]
    flat = np.abs(centred @ frame[2]).max() < 1e-3 * size
    elevations, azimuths = ((58,), (15,)) if flat else (range(12, 21, 2), range(-32, 33, 4))
    options = [_direction(a, e) @ (_facing(frame) if flat else np.eye(3)) for e in elevations for a in azimuths]
    return max(options, key=lambda axes: round(_clarity(centred / size, arrows.reshape(-1, 3), axes), 6))


def _clarity(points, arrows, axes):
    """Least visible fraction of any arrow, less where two atoms are drawn closer than 0.35."""
    lengths = np.linalg.norm(arrows, axis=1)
    drawn = lengths > 0.02 * lengths.max()
    visible = np.linalg.norm(arrows[drawn] @ axes[:2].T, axis=1) / lengths[drawn]
    return min(pdist(points @ axes[:2].T).min(), 0.35) * visible.min()


def _direction(azimuth, elevation):
    """Rows right, up, towards the viewer for a view from these angles (degrees)."""
    a, e = np.radians((azimuth, elevation))
    towards = np.array([np.cos(e) * np.sin(a), -np.cos(e) * np.cos(a), np.sin(e)])
    right = np.array([np.cos(a), np.sin(a), 0])
    return np.array([right, np.cross(towards, right), towards])


def _facing(frame):
    """Right-handed principal axes (rows), the first two with their largest component positive."""
    signs = [np.sign(axis[np.abs(np.round(axis, 6)).argmax()]) for axis in frame[:2]]
    first, second = frame[:2] * np.array(signs)[:, None]
    return np.array([first, second, np.cross(first, second)])


def _mode_vectors(ccd):
    """dr/dq of each CCD, shape (n_ccds, n_sites, 3), scaled for drawing, and which CCDs are redundant."""
    jacobian = ccd.jacobian()
    gradients = np.linalg.norm(jacobian, axis=(1, 2))
    modes = np.linalg.pinv(jacobian.reshape(ccd.n_ccds, -1), rcond=1e-8).T.reshape(jacobian.shape)
    sizes = np.linalg.norm(modes, axis=(1, 2), keepdims=True)
    modes = np.divide(modes, sizes, out=np.zeros_like(modes), where=sizes > 1e-8)
    longest = np.linalg.norm(modes, axis=-1).max()
    return ARROW * ccd.distances.min() / longest * modes, gradients < REDUNDANT * gradients.max()


def _layout(sizes):
    """Row and column of each panel, shape (n_ccds, 2); no subspace is broken over two rows."""
    cells, row, column = [], 0, 0
    for size in sizes:
        if column + size > COLUMNS:
            row, column = row + 1, 0
        cells += [(row, column + k) for k in range(size)]
        column += size
    return np.array(cells)


def _radii(species, shortest):
    """Drawn radii (A): a fixed fraction of the shortest pair, slightly larger for larger atoms."""
    sizes = np.array([covalent_radii[atomic_numbers[s]] for s in species])
    return 0.12 * shortest * np.sqrt(sizes / sizes.mean())


def _limits(scene, arrows):
    """Lower left and upper right corner (2, 2) of what any panel shows, with room for the labels."""
    lengths = np.linalg.norm(arrows, axis=-1, keepdims=True)
    tips = scene.positions + arrows * (1 + scene.radii[:, None] / np.maximum(lengths, 1e-6))
    points = scene.project(np.concatenate([scene.positions[None], tips]))[0].reshape(-1, 2)
    margin = 1.4 * scene.radii.max()
    low, high = points.min(axis=0) - margin, points.max(axis=0) + margin
    high[1] += 0.08 * (high[0] - low[0])
    missing = max(0.6 * (high[0] - low[0]) - (high[1] - low[1]), 0)
    return np.array([low - [0, missing / 2], high + [0, missing / 2]])


def _draw_panel(axes, limits, k, label, color):
    """Empty panel with a tinted background and its name."""
    axes.set(xlim=limits[:, 0], ylim=limits[:, 1], aspect="equal")
    axes.axis("off")
    width, height = np.ptp(limits, axis=0)
    style = {"boxstyle": f"round,pad=0,rounding_size={0.05 * width}", "linewidth": 0, "zorder": -100}
    axes.add_patch(FancyBboxPatch(limits[0], width, height, facecolor=_blend(color, 0.09), **style))
    text = {"transform": axes.transAxes, "va": "top", "fontsize": 11, "zorder": 100}
    axes.text(0.06, 0.96, f"$q_{{{k + 1}}}$", ha="left", color=INK, **text)
    axes.text(0.94, 0.96, _mathtext(label), ha="right", color=color, **text)


def _draw_bonds(axes, scene):
    """Lines from surface to surface, in short pieces so that each has its own depth, paler further back."""
    heights = scene.project(scene.positions)[1]
    for i, j in scene.bonds:
        along = scene.positions[j] - scene.positions[i]
        fractions = np.array([scene.radii[i], np.linalg.norm(along) - scene.radii[j]]) / np.linalg.norm(along)
        points = scene.positions[i] + np.linspace(*fractions, 7)[:, None] * along
        flat, depth = scene.project(points)
        for k in range(6):
            shade = 0.35 + 0.45 * (depth[k] - heights.min()) / max(np.ptp(heights), 1e-3)
            style = {"color": _blend("#6B7280", float(np.clip(shade, 0, 1))), "solid_capstyle": "round"}
            axes.add_artist(Line2D(*flat[k : k + 2].T, linewidth=1.3, zorder=depth[k : k + 2].mean(), **style))


def _draw_atoms(axes, scene):
    """Shaded spheres, one grey for each species."""
    flat, heights = scene.project(scene.positions)
    order = list(dict.fromkeys(scene.species))
    for centre, height, radius, name in zip(flat, heights, scene.radii, scene.species, strict=True):
        base = np.array(to_rgb(ATOM_GREYS[order.index(name) % len(ATOM_GREYS)]))
        for step in np.linspace(0, 1, 10):
            shade = base * (0.72 + 0.28 * step) + (1 - base) * 0.6 * step**2
            edge = {"edgecolor": INK, "linewidth": 0.6} if step == 0 else {"linewidth": 0}
            shifted = centre + 0.38 * step * radius * np.array([-0.6, 0.75])
            axes.add_patch(Circle(shifted, radius * (1 - 0.93 * step), facecolor=shade, zorder=height, **edge))


def _draw_arrows(axes, scene, arrows, color, is_open):
    """Arrows that start on the surface of the atoms."""
    lengths, width = np.linalg.norm(arrows, axis=-1), 0.36 * scene.radii.mean()
    for k in np.flatnonzero(lengths > 0.02 * lengths.max()):
        tail = scene.positions[k] + scene.radii[k] / lengths[k] * arrows[k]
        (begin, end), heights = scene.project(np.stack([tail, tail + arrows[k]]))
        shape = {"width": width, "head_width": 2.7 * width, "length_includes_head": True}
        shape["head_length"] = min(2.7 * width, 0.6 * np.linalg.norm(end - begin))
        style = {"facecolor": "white" if is_open else color, "edgecolor": color, "linewidth": 0.9 if is_open else 0.5}
        patch = FancyArrow(*begin, *(end - begin), zorder=heights.max() + 0.5 * width, **shape, **style)
        patch.set_path_effects([effects.Stroke(linewidth=2.2, foreground="white"), effects.Normal()])
        axes.add_patch(patch)


def _draw_legend(figure, species, any_redundant):
    """Species, and what open arrows mean, below the panels."""
    marker = {"linestyle": "none", "marker": "o", "markersize": 8, "markeredgecolor": INK, "markeredgewidth": 0.6}
    handles = [
        Line2D([], [], color=ATOM_GREYS[k % len(ATOM_GREYS)], label=name, **marker)
        for k, name in enumerate(dict.fromkeys(species))
    ]
    if any_redundant:
        arrow = {"linestyle": "none", "marker": "$\u21e8$", "markersize": 13, "color": INK, "markeredgewidth": 0}
        handles.append(Line2D([], [], label="redundant to first order", **arrow))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False, fontsize=9)


def _mathtext(label):
    """Mulliken label with subscripts: T1u becomes T_{1u}."""
    letter, subscript, primes = re.fullmatch(r"([A-Z])([^']*)('*)", label).groups()
    return f"${letter}_{{{subscript}}}{primes}$" if subscript else f"${letter}{primes}$"


def _blend(color, weight):
    """The colour over white with the given weight."""
    return weight * np.array(to_rgb(color)) + (1 - weight)
