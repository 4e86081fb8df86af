"""A model's energies, forces and stresses for a batch of labelled frames, and their residuals."""

from dataclasses import dataclass

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
    """

    energy: float = 1.0
    forces: float = 1.0
    stress: float = 1.0
    energy_tolerance: float = 0.002
    force_tolerance: float = 0.05
    stress_tolerance: float = 0.001


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
    n_energy = max(sum(b.has_energy.sum() for b in batches), 1)
    n_force = max(sum(b.has_forces.sum() * 3 * b.displacements[0, :, 0].size for b in batches), 1)
    n_stress = max(sum(b.has_stress.sum() * 9 for b in batches), 1)
    result = []
    for b in batches:
        n_cells = b.supercell.n_cells
        n_atoms = n_cells * dataset.crystal.n_sites
        result.append(
            DeviceBatch(
                LabelledFrames(
                    b.displacements, b.deformation, b.energy, b.forces, b.stress, b.group_index,
                    b.has_energy * np.sqrt(weights.energy / n_energy) / (weights.energy_tolerance * n_atoms),
                    b.has_forces * np.sqrt(weights.forces / n_force) / weights.force_tolerance,
                    b.has_stress * np.sqrt(weights.stress / n_stress) / weights.stress_tolerance,
                ),
                topology.translations(b.supercell), dataset.crystal.volume * n_cells, n_cells,
            )  # fmt: skip
        )
    return result


def predict(lattice, batch):
    """``(energy (b,), forces (b, n_sites, 3, n_cells), stress (b, 3, 3))`` of a model."""

    def one(displacements, deformation):
        return lattice.forces_and_stress(displacements, deformation, batch.translations, batch.volume)

    return jax.vmap(one)(batch.frames.displacements, batch.frames.deformation)


def scaled_residuals(lattice, offsets, batch):
    """Residuals times their scales; `offsets` (n_groups,) in eV per cell are added to the energies."""
    energy, forces, stress = predict(lattice, batch)
    frames = batch.frames
    energy = energy + offsets[frames.group] * batch.n_cells
    return (
        (energy - frames.energy) * frames.energy_scale,
        (forces - frames.forces) * frames.force_scale[:, None, None, None],
        (stress - frames.stress) * frames.stress_scale[:, None, None],
    )


def loss(lattice, offsets, batches):
    """Sum of squared scaled residuals (eq. 18, with forces and stresses)."""
    return sum(jnp.sum(r**2) for batch in batches for r in scaled_residuals(lattice, offsets, batch))
