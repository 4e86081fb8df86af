"""A model's energies, forces and stresses for a batch of labelled frames, and their residuals."""

from dataclasses import dataclass, field

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np


@dataclass(frozen=True)
class Weights:
    """What each kind of label counts in a fit.

    A residual is divided by its tolerance, squared, averaged over its kind, and
    multiplied by its weight; a weight of zero leaves the kind out.

    Attributes
    ----------
    energy, forces, stress : float
        Weights.
    energy_tolerance : float
        eV per atom.
    force_tolerance : float
        eV/A.
    stress_tolerance : float
        eV/A^3.
    groups : dict of str to float
        Factor by which the frames of a group count; 1 for groups that are not named.
    """

    energy: float = 1.0
    forces: float = 1.0
    stress: float = 1.0
    energy_tolerance: float = 0.002
    force_tolerance: float = 0.05
    stress_tolerance: float = 0.001
    groups: dict = field(default_factory=dict)


class LabelledFrames(eqx.Module):
    """States and labels of b frames; every array has the frames as its first axis.

    Scales are those of `label_scales`.
    """

    displacements: jax.Array
    deformation: jax.Array
    energy: jax.Array
    forces: jax.Array
    stress: jax.Array
    group: jax.Array
    energy_scale: jax.Array
    force_scale: jax.Array
    stress_scale: jax.Array


class DeviceBatch(eqx.Module):
    """Frames of as many cells each, with the table of translations of each frame's supercell."""

    frames: LabelledFrames
    translations: jax.Array
    volume: float
    n_cells: int = eqx.field(static=True)

    def __len__(self):
        return len(self.frames.energy)


def label_scales(dataset, weights):
    """What the loss multiplies residuals by: energy (1/eV), forces (A/eV), stress (A^3/eV).

    Their squares are weight / (tolerance^2 * count), and zero where a label is missing: the sum of
    squared scaled residuals over the data set is the loss.

    Parameters
    ----------
    dataset : Dataset
    weights : Weights

    Returns
    -------
    ndarray, shape (n_frames, 3)
    """
    n_cells = np.array([frame.n_cells for frame in dataset])
    n_atoms = n_cells * dataset.crystal.n_sites
    present = np.array([[x is not None for x in (f.energy, f.forces, f.stress)] for f in dataset])
    shares = present * np.array([weights.groups.get(frame.group, 1.0) for frame in dataset])[:, None]
    counts = np.stack([np.ones_like(n_atoms), 3 * n_atoms, np.full_like(n_atoms, 9)], axis=1)
    tolerances = np.stack(np.broadcast_arrays(
        weights.energy_tolerance * n_atoms, weights.force_tolerance, weights.stress_tolerance
    ), axis=1)  # fmt: skip
    totals = np.maximum((shares * counts).sum(axis=0), 1.0)
    return np.sqrt(shares * np.array([weights.energy, weights.forces, weights.stress]) / totals) / tolerances


def device_batches(dataset, topology, weights):
    """All frames of a data set, those of as many cells in one `DeviceBatch`, and the frames' indices by batch."""
    scales, by_size = label_scales(dataset, weights), {}
    for batch in dataset.batches():
        by_size.setdefault(batch.supercell.n_cells, []).append((batch, topology.translations(batch.supercell)))
    batches, indices = [], []
    for n_cells, members in by_size.items():
        parts = [_labelled(batch, scales[batch.indices]) for batch, _ in members]
        frames = jax.tree.map(lambda *x: np.concatenate(x), *parts)
        translations = np.concatenate([np.broadcast_to(t, (len(b), *t.shape)) for b, t in members])
        batches.append(DeviceBatch(frames, translations, dataset.crystal.volume * n_cells, n_cells))
        indices.append(np.concatenate([batch.indices for batch, _ in members]))
    return batches, indices


def _labelled(batch, scales):
    """`LabelledFrames` of a `Batch`."""
    labels = batch.energy, batch.forces, batch.stress, batch.group_index
    return LabelledFrames(batch.displacements, batch.deformation, *labels, *scales.T)


def predict(lattice, batch):
    """``(energy (b,), forces (b, n_sites, 3, n_cells), stress (b, 3, 3))`` of a model."""

    def one(displacements, deformation, translations):
        return lattice.forces_and_stress(displacements, deformation, translations, batch.volume)

    return jax.vmap(one)(batch.frames.displacements, batch.frames.deformation, batch.translations)


def labels_of(batch):
    """``(energy, forces, stress)`` labels of a batch."""
    return batch.frames.energy, batch.frames.forces, batch.frames.stress


def scale(batch, energy, forces, stress):
    """Energies, forces and stresses times the scales of their labels."""
    frames = batch.frames
    return (
        energy * frames.energy_scale,
        forces * frames.force_scale[:, None, None, None],
        stress * frames.stress_scale[:, None, None],
    )


def scaled_residuals(lattice, offsets, batch):
    """Residuals times their scales; `offsets` (n_groups,) in eV per cell are added to the energies."""
    energy, forces, stress = predict(lattice, batch)
    energy = energy + offsets[batch.frames.group] * batch.n_cells
    predicted = energy, forces, stress
    return scale(batch, *(p - label for p, label in zip(predicted, labels_of(batch), strict=True)))


def loss(lattice, offsets, batches):
    """Sum of squared scaled residuals (eq. 18, with forces and stresses)."""
    return sum(jnp.sum(r**2) for batch in batches for r in scaled_residuals(lattice, offsets, batch))
