"""H5MD 1.1 (de Buyl, Colberg and Höfling, Comput. Phys. Commun. 185, 1546 (2014)): HDF5, read by MDAnalysis.

Positions are unwrapped; the box changes with time and its edges are row vectors; steps and times are
explicit, and shared by all elements.
"""

from importlib.metadata import version

import h5py
import numpy as np
from ase.data import atomic_numbers

H5MD_VERSION = 1, 1
UNITS = {"position": "Angstrom", "edges": "Angstrom", "time": "fs", "potential_energy": "eV"}


def write_h5md(path, structure, frames):
    """Write frames as H5MD."""
    start, n_frames, n_atoms = structure.to_atoms(), len(frames), structure.n_atoms
    with h5py.File(path, "w") as file:
        file.create_group("h5md").attrs["version"] = np.array(H5MD_VERSION, np.int32)
        file.create_group("h5md/author").attrs["name"] = "anharmonic"
        file.create_group("h5md/creator").attrs.update(name="anharmonic", version=version("anharmonic"))
        particles = file.create_group("particles/all")
        particles["species"] = np.array([atomic_numbers[s] for s in start.get_chemical_symbols()], np.int32)
        box = particles.create_group("box")
        box.attrs["dimension"] = np.int32(3)
        box.attrs["boundary"] = np.array([b"periodic"] * 3)
        position = _element(particles, "position", (n_frames, n_atoms, 3), "f4", UNITS["position"])
        edges = _element(box, "edges", (n_frames, 3, 3), "f8", UNITS["edges"], position)
        energy = _element(
            file, "observables/all/potential_energy", (n_frames,), "f8", UNITS["potential_energy"], position
        )
        for k, frame in enumerate(frames):
            atoms = frame.configuration(structure).to_atoms()
            position["value"][k], edges["value"][k] = atoms.positions, atoms.cell.array
            position["step"][k], energy["value"][k] = frame.step, frame.energy
            position["time"][k] = frame.step if frame.time is None else frame.time
        if n_frames and frames[0].time is None:
            del position["time"].attrs["unit"]


def _element(parent, name, shape, dtype, unit, like=None):
    """A time-dependent element; step and time are those of the element `like`."""
    group = parent.create_group(name)
    frame = (1, *shape[1:])
    group.create_dataset("value", shape, dtype, chunks=frame if len(shape) > 1 else None).attrs["unit"] = unit
    if like is None:
        group.create_dataset("step", shape[:1], np.int64)
        group.create_dataset("time", shape[:1], np.float64).attrs["unit"] = UNITS["time"]
    else:
        group["step"], group["time"] = like["step"], like["time"]
    return group
