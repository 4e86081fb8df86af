"""Snapshots of a run as files that other programs read."""

from anharmonic.errors import AnharmonicError
from anharmonic.files import replacing
from anharmonic.interfaces.trajectories.ase_trajectory import write_ase_trajectory
from anharmonic.interfaces.trajectories.extxyz import write_extxyz
from anharmonic.interfaces.trajectories.frame import Frame
from anharmonic.interfaces.trajectories.h5md import write_h5md

WRITERS = {"extxyz": write_extxyz, "traj": write_ase_trajectory, "h5md": write_h5md}
"""Functions ``(path, structure, frames)`` by format; the name of a format is the ending of its files."""


def check_format(name, also=()):
    """`name`, if it is a format; `also` are formats of single structures, which the message names too."""
    if name not in WRITERS:
        single = f", of single structures {', '.join(also)}" if also else ""
        raise AnharmonicError(f"the formats of trajectories are {', '.join(WRITERS)}{single}; found {name!r}")
    return name


def write_trajectory(path, structure, frames, format="extxyz"):
    """Write snapshots to a file, aside and renamed.

    Parameters
    ----------
    path : path
    structure : Configuration
        Crystal, supercell and order of the atoms.
    frames : sequence of Frame
        Read one by one, however many they are.
    format : str
        One of `WRITERS`.
    """
    writer = WRITERS[check_format(format)]
    with replacing(path) as part:
        writer(part, structure, frames)


__all__ = ["WRITERS", "Frame", "check_format", "write_trajectory"]
