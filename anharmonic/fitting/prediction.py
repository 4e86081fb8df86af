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

    Scales are weight^(1/2) / (tolerance * count^(1/2)), and zero where a label is
    missing, so that the sum of squared scaled residuals over all batches is the loss.
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
    """Frames of one supercell with its tables; see `anharmonic.data.dataset.Batch`."""

    frames: LabelledFrames
    translations: jax.Array
    volume: float
    n_cells: int = eqx.field(static=True)

    def __len__(self):
        return len(self.frames.energy)

    def frame(self, k):
        """Frame k as a batch of one."""
        one = jax.tree.map(lambda x: x[k : k + 1], self.frames)
        return DeviceBatch(one, self.translations, self.volume, self.n_cells)


def device_batches(dataset, topology, weights):
    """Batches of a data set with the scales of the loss (see `DeviceBatch`)."""
    batches = dataset.batches()
    shares = [np.array([weights.groups.get(dataset.groups[g], 1.0) for g in b.group_index]) for b in batches]
    totals = _label_counts(batches, shares)
    return [_device_batch(dataset, topology, weights, totals, *pair) for pair in zip(batches, shares, strict=True)]


def _label_counts(batches, shares):
    """Weighted numbers of energies, force components and stress components (at least one each)."""
    counts = [
        [s @ b.has_energy, s @ b.has_forces * b.displacements[0].size, s @ b.has_stress * 9]
        for b, s in zip(batches, shares, strict=True)
    ]
    return np.maximum(np.sum(counts, axis=0), 1.0)


def _device_batch(dataset, topology, weights, totals, batch, shares):
    """One batch with its scales."""
    n_cells = batch.supercell.n_cells
    n_atoms = n_cells * dataset.crystal.n_sites
    tolerances = weights.energy_tolerance * n_atoms, weights.force_tolerance, weights.stress_tolerance
    kinds = (weights.energy, weights.forces, weights.stress), tolerances, totals
    scales = [np.sqrt(shares * weight / total) / tolerance for weight, tolerance, total in zip(*kinds, strict=True)]
    labels = batch.energy, batch.forces, batch.stress, batch.group_index
    masks = batch.has_energy, batch.has_forces, batch.has_stress
    scales = (scale * mask for scale, mask in zip(scales, masks, strict=True))
    frames = LabelledFrames(batch.displacements, batch.deformation, *labels, *scales)
    return DeviceBatch(frames, topology.translations(batch.supercell), dataset.crystal.volume * n_cells, n_cells)


def predict(lattice, batch):
    """``(energy (b,), forces (b, n_sites, 3, n_cells), stress (b, 3, 3))`` of a model."""

    def one(displacements, deformation):
        return lattice.forces_and_stress(displacements, deformation, batch.translations, batch.volume)

    return jax.vmap(one)(batch.frames.displacements, batch.frames.deformation)


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
