"""Dividing frames into parts: one by one, or by what must stay together."""

import numpy as np

from anharmonic.data.provenance import keys_found
from anharmonic.data.split import check_fraction, divide_clusters, stratified_choice
from anharmonic.errors import DatasetError

FRAME = "frame"
ATTRIBUTES = ("trajectory", "group", "phase", "file")
"""Names of `Frame` that may say what stays together, besides keys of info."""


def split_indices(frames, fraction, seed, split_by=FRAME):
    """Indices of the two parts of `anharmonic.data.Dataset.split`."""
    check_fraction(fraction)
    if split_by == FRAME:
        return stratified_choice(_strata(frames), fraction, seed)
    return _divide(frames, (fraction, 1 - fraction), seed, split_by)


def fold_indices(frames, k, seed, split_by=FRAME):
    """Indices of each of the `k` parts of `anharmonic.data.Dataset.folds`."""
    if k < 2:
        raise DatasetError(f"cross-validation takes at least 2 folds, found {k}")
    return _divide(frames, np.full(k, 1 / k), seed, split_by)


def names_of_clusters(frames, split_by):
    """What must stay together, as one name a frame.

    Parameters
    ----------
    frames : sequence of Frame
    split_by : str
        "trajectory", "group", "phase", "file", or a key of info.

    Raises
    ------
    DatasetError
        If frames lack the key.
    """
    if split_by in ATTRIBUTES:
        return [getattr(frame, split_by) for frame in frames]
    without = [frame.source for frame in frames if split_by not in frame.info]
    if without:
        raise DatasetError(
            f"split_by is frame, {', '.join(ATTRIBUTES)}, or a key of info that all frames have; found {split_by!r}, "
            f"which {len(without)} of {len(frames)} frames lack (first: {without[0]}); {keys_found(frames)}"
        )
    return [str(frame.info[split_by]) for frame in frames]


def _strata(frames):
    """What is kept in proportion, a label a frame."""
    return [(frame.group, frame.phase) for frame in frames]


def _divide(frames, shares, seed, split_by):
    """Indices of the parts with these shares; says what to do where there are too few trajectories."""
    names = range(len(frames)) if split_by == FRAME else names_of_clusters(frames, split_by)
    if len(set(names)) < len(shares):
        values = f" with {len(set(names))} different values of {split_by}" if split_by != FRAME else ""
        raise DatasetError(
            f"{len(frames)} frames{values} make no {len(shares)} parts; split by frame or by something else: "
            f"{keys_found(frames)}"
        )
    return divide_clusters(_strata(frames), names, shares, seed)
