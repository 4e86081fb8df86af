"""Where frames come from: the digest of their file, and the trajectory that they are part of."""

import hashlib
from dataclasses import replace
from pathlib import Path

from anharmonic.data.frames import TRAJECTORY
from anharmonic.errors import DatasetError

FILE = "file"
"""The name that stands for the file itself where a key of info names trajectories."""


def with_provenance(frames, trajectory_by=TRAJECTORY):
    """The frames with the digests of their files and the names of their trajectories.

    Parameters
    ----------
    frames : sequence of Frame
    trajectory_by : str
        Key of info that names the trajectory; frames without it belong to that
        of their file, as all do with "file".

    Returns
    -------
    list of Frame

    Raises
    ------
    DatasetError
        If a key was chosen that no frame has.
    """
    if trajectory_by not in (TRAJECTORY, FILE) and frames and not any(trajectory_by in frame.info for frame in frames):
        raise DatasetError(
            f"no structure has the key {trajectory_by!r} that is to name its trajectory; {keys_found(frames)}"
        )
    digests = {file: file_digest(file) for file in dict.fromkeys(frame.file for frame in frames)}
    return [
        replace(frame, sha256=digests[frame.file], trajectory=_trajectory(frame, trajectory_by)) for frame in frames
    ]


def file_digest(path):
    """SHA-256 of a file in hexadecimal digits; None where there is no file (any more)."""
    if not Path(path).is_file():
        return None
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def keys_found(frames):
    """What keys the frames have, for messages."""
    keys = sorted({key for frame in frames for key in frame.info})
    return f"keys of info are {', '.join(keys)}" if keys else "the structures have no info at all"


def with_distinct_trajectories(frames, others):
    """`others` with new names for trajectories of files that share a path with another file in `frames`.

    Runs that were read in their own folders are all called ``vasprun.xml``: the
    digests tell them apart. Names that come from info are left as they are.
    """
    known = {}
    for frame in frames:
        known.setdefault(frame.file, set()).add(frame.sha256)
    found = []
    for frame in others:
        named_by_file = frame.trajectory == frame.file
        if named_by_file and frame.sha256 and known.get(frame.file, {frame.sha256}) != {frame.sha256}:
            frame = replace(frame, trajectory=f"{frame.file} ({frame.sha256[:8]})")
        found.append(frame)
    return tuple(found)


def _trajectory(frame, key):
    return str(frame.info[key]) if key != FILE and key in frame.info else frame.file
