"""Frames of one supercell as stacked arrays, with masks for the labels that are missing."""

from dataclasses import dataclass

import numpy as np

from anharmonic.crystal import Supercell


@dataclass(frozen=True)
class Batch:
    """`b` frames of one supercell; a missing label is zero and its mask False.

    Attributes
    ----------
    supercell : Supercell
    deformation : ndarray, shape (b, 3, 3)
        Deformation gradients F.
    displacements : ndarray, shape (b, n_sites, 3, n_cells), A
        In the reference frame.
    energy : ndarray, shape (b,), eV
        Of the supercell, less ``n_cells`` times the offset of the frame's group.
    forces : ndarray, shape (b, n_sites, 3, n_cells), eV/A
        In the laboratory frame.
    stress : ndarray, shape (b, 3, 3), eV/A^3
        Positive in tension.
    has_energy, has_forces, has_stress : ndarray, shape (b,), bool
    group_index : ndarray, shape (b,), int
        Index in the ``groups`` of the data set.
    phases : tuple of str, length b
    indices : ndarray, shape (b,), int
        Index of each frame in the data set.
    """

    supercell: Supercell
    deformation: np.ndarray
    displacements: np.ndarray
    energy: np.ndarray
    forces: np.ndarray
    stress: np.ndarray
    has_energy: np.ndarray
    has_forces: np.ndarray
    has_stress: np.ndarray
    group_index: np.ndarray
    phases: tuple
    indices: np.ndarray

    def __len__(self):
        return len(self.indices)


def mean_energies(frames):
    """Mean energy per reference cell (eV) of each group; 0.0 where a group has no energies."""
    energies = {group: [] for group in sorted({frame.group for frame in frames})}
    for frame in frames:
        if frame.energy is not None:
            energies[frame.group].append(frame.energy / frame.n_cells)
    return {group: float(np.mean(values)) if values else 0.0 for group, values in energies.items()}


def make_batches(frames, energy_offset):
    """Stack frames that share a supercell matrix.

    Parameters
    ----------
    frames : sequence of Frame
    energy_offset : dict of str to float
        Energy (eV) per reference cell that is subtracted, for every group; its
        order numbers the groups.

    Returns
    -------
    list of Batch
        In the order in which the supercells first appear.
    """
    families = {}
    for index, frame in enumerate(frames):
        families.setdefault(frame.configuration.supercell.matrix.tobytes(), []).append(index)
    return [_stack(frames, np.array(indices), energy_offset) for indices in families.values()]


def _stack(frames, indices, energy_offset):
    """One batch of the frames with these indices."""
    frames, groups = [frames[i] for i in indices], list(energy_offset)
    configurations = [frame.configuration for frame in frames]
    energy, has_energy = _filled([relative_energy(frame, energy_offset) for frame in frames], ())
    forces, has_forces = _filled([frame.forces for frame in frames], configurations[0].displacements.shape)
    stress, has_stress = _filled([frame.stress for frame in frames], (3, 3))
    return Batch(
        supercell=configurations[0].supercell,
        deformation=np.stack([c.deformation for c in configurations]),
        displacements=np.stack([c.displacements for c in configurations]),
        energy=energy,
        forces=forces,
        stress=stress,
        has_energy=has_energy,
        has_forces=has_forces,
        has_stress=has_stress,
        group_index=np.array([groups.index(frame.group) for frame in frames]),
        phases=tuple(frame.phase for frame in frames),
        indices=indices,
    )


def relative_energy(frame, energy_offset):
    """Energy (eV) of a frame less that of its group's reference, in float64; None without an energy."""
    return None if frame.energy is None else frame.energy - frame.n_cells * energy_offset[frame.group]


def _filled(values, shape):
    """Stack values, zeros for None, and the mask of those that are there."""
    present = np.array([value is not None for value in values])
    return np.stack([np.zeros(shape) if value is None else np.asarray(value) for value in values]), present
