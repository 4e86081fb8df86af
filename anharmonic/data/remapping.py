"""The frames of a data set on another reference crystal, or another setting of the same."""

from dataclasses import replace

import numpy as np

from anharmonic.crystal import same_crystal
from anharmonic.data.dataset import Dataset
from anharmonic.data.frames import LabelledStructure, Refusal, map_structure, supercell_family
from anharmonic.errors import DatasetError, MappingError


def remapped(dataset, crystal, **limits):
    """Map every frame anew; one that does not fit is refused.

    Phases, trajectories and provenance stay. A group that was named by its supercell gets
    the name that this has now.

    Parameters
    ----------
    dataset : Dataset
    crystal : Crystal
    **limits
        ``max_strain`` and ``max_displacement`` of `anharmonic.crystal.mapping.map_atoms`.

    Returns
    -------
    Dataset
        The same where the crystal is the same.

    Raises
    ------
    DatasetError
        If no frame fits.
    """
    if same_crystal(dataset.crystal, crystal):
        return dataset
    frames, refusals = [], list(dataset.refusals)
    for frame in dataset.frames:
        try:
            frames.append(_remap(frame, crystal, limits))
        except MappingError as error:
            refusals.append(Refusal(frame.source, str(error), "mapping"))
    if not frames:
        raise DatasetError(
            f"no frame of the data set fits {crystal.formula}; the first: {refusals[-len(dataset) :][0]}"
        )
    return Dataset(crystal, frames, refusals)


def _remap(frame, crystal, limits):
    """One frame on another crystal."""
    old, state = (
        supercell_family(frame.configuration.crystal, frame.configuration.supercell.matrix),
        frame.configuration,
    )
    forces = None if frame.forces is None else state.to_atom_order(np.moveaxis(frame.forces, 1, 2))
    structure = LabelledStructure(
        state.to_atoms(), frame.energy, forces, frame.stress, frame.info, frame.source, frame.energy_name
    )
    found = map_structure(structure, crystal, "", (), **limits)
    group = found.group if frame.group == old else frame.group
    return replace(found, group=group, phase=frame.phase, trajectory=frame.trajectory, sha256=frame.sha256)
