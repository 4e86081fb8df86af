"""Labels of a data set as flat arrays, frames of like size in one block, and what each counts in a fold."""

from dataclasses import dataclass

import numpy as np

from anharmonic.conventions import VOIGT

PADDING = 0.05
"""Frames are padded with empty cells to the size of larger ones as long as that adds no more than this share."""

FORCE, NORMAL, SHEAR = 1, 2, 3
"""Kinds of components; a shear stands for two components of the stress tensor."""


@dataclass(frozen=True)
class Labels:
    """Labels of all frames, block after block (see `arrange`).

    Attributes
    ----------
    energy : ndarray, shape (n_frames,)
        eV, less a whole number of eV per reference cell for each group: near its mean, and the same whatever
        a held-out label is.
    has_energy : ndarray of bool, shape (n_frames,)
    components : tuple of ndarray, shape (n_block_frames, n_components)
        By block: forces (site, axis, cell; eV/A), then stress (Voigt order, eV/A^3); none of energies alone.
    kinds : tuple of ndarray of int, shape (n_block_frames, n_components)
        FORCE, NORMAL, SHEAR, or 0 for padding and missing labels.
    group, n_cells : ndarray of int, shape (n_frames,)
    share : ndarray, shape (n_frames,)
        What a frame counts.
    order : ndarray of int, shape (n_frames,)
        Index of each frame in the data set.
    n_sites : int
        Atoms per reference cell.
    """

    energy: np.ndarray
    has_energy: np.ndarray
    components: tuple
    kinds: tuple
    group: np.ndarray
    n_cells: np.ndarray
    share: np.ndarray
    order: np.ndarray
    n_sites: int

    def blocks(self, per_frame):
        """Pieces of an array (..., n_frames), one for each block."""
        ends = np.cumsum([len(c) for c in self.components])
        return np.split(per_frame, ends[:-1], axis=-1)


def arrange(dataset):
    """Blocks of frames of equal size after padding: list of ``(n_cells, indices)``, the largest first."""
    sizes = np.array([frame.n_cells for frame in dataset])
    blocks, allowed = [], PADDING * sizes.sum()
    for size in sorted(set(sizes.tolist()), reverse=True):
        indices = np.flatnonzero(sizes == size)
        added = len(indices) * (blocks[-1][0] - size) if blocks else np.inf
        if added <= allowed:
            allowed -= added
            blocks[-1] = (blocks[-1][0], np.concatenate([blocks[-1][1], indices]))
        else:
            blocks.append((size, indices))
    return blocks


def make_labels(dataset, shares=None, energies_alone=False):
    """`Labels` of a data set; `shares` by group, 1 for those that are not named."""
    blocks, zeros = arrange(dataset), {group: round(e) for group, e in dataset.energy_offset.items()}
    components = _no_components if energies_alone else _components
    rows = [[components(dataset.frames[i], n_cells) for i in order] for n_cells, order in blocks]
    order = np.concatenate([order for _, order in blocks])
    frames = [dataset.frames[i] for i in order]
    return Labels(
        energy=np.array([0.0 if f.energy is None else f.energy - f.n_cells * zeros[f.group] for f in frames]),
        has_energy=np.array([f.energy is not None for f in frames]),
        components=tuple(np.stack([values for values, _ in block]) for block in rows),
        kinds=tuple(np.stack([kinds for _, kinds in block]) for block in rows),
        group=np.array([dataset.groups.index(f.group) for f in frames]),
        n_cells=np.array([f.n_cells for f in frames]),
        share=np.array([(shares or {}).get(f.group, 1.0) for f in frames]),
        order=order,
        n_sites=dataset.crystal.n_sites,
    )


def loss_weights(labels, weights, training):
    """What the squared residuals of a training count: the loss of `anharmonic.fitting.prediction`, frames as chosen.

    Parameters
    ----------
    labels : Labels
    weights : Weights
    training : ndarray of bool, shape (n_frames,)
        Frames that count, in the order of the labels.

    Returns
    -------
    energy : ndarray, shape (n_frames,)
    components : list of ndarray, shape (n_block_frames, n_components)
    """
    share = labels.share * training
    by_block = labels.blocks(share)
    kinds = [np.isin(k, (NORMAL, SHEAR)) * (1.0 + (k == SHEAR)) for k in labels.kinds]
    forces = [k == FORCE for k in labels.kinds]
    n_energy = max(share @ labels.has_energy, 1.0)
    n_forces, n_stress = (
        max(sum(s @ k.sum(1) for s, k in zip(by_block, kind, strict=True)), 1.0) for kind in (forces, kinds)
    )
    energy = weights.energy * share * labels.has_energy / n_energy
    energy = energy / (weights.energy_tolerance * labels.n_cells * labels.n_sites) ** 2
    per_force = weights.forces / n_forces / weights.force_tolerance**2
    per_stress = weights.stress / n_stress / weights.stress_tolerance**2
    components = [
        s[:, None] * (per_force * f + per_stress * k) for s, f, k in zip(by_block, forces, kinds, strict=True)
    ]
    return energy, components


def padded(array, n_cells, *axes):
    """Zeros up to `n_cells` along some axes."""
    widths = [(0, 0)] * array.ndim
    for axis in axes:
        widths[axis] = (0, n_cells - array.shape[axis])
    return np.pad(array, widths)


def _no_components(frame, n_cells):
    return np.zeros(0), np.zeros(0, int)


def _components(frame, n_cells):
    """Forces and stress of a frame as one row, and their kinds."""
    shape = frame.configuration.displacements.shape
    forces = np.zeros(shape) if frame.forces is None else np.asarray(frame.forces)
    stress = np.zeros((3, 3)) if frame.stress is None else np.asarray(frame.stress)
    values = [*padded(forces, n_cells, -1).ravel(), *((stress[i, j] + stress[j, i]) / 2 for i, j in VOIGT)]
    of_forces = padded(np.full(shape, 0 if frame.forces is None else FORCE), n_cells, -1).ravel()
    of_stress = np.zeros(6, int) if frame.stress is None else [NORMAL] * 3 + [SHEAR] * 3
    return np.array(values), np.concatenate([of_forces, of_stress]).astype(int)
