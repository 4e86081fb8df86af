"""Folds of a cross-validation: frames, or whole trajectories, that are held out together."""

from collections import Counter

import numpy as np

from anharmonic.errors import AnharmonicError

FRAME = "frame"
RARE = "rare"


def scikit_learn(name):
    """A module of scikit-learn.

    Raises
    ------
    AnharmonicError
        If scikit-learn is not installed.
    """
    from importlib import import_module

    try:
        return import_module(f"sklearn.{name}")
    except ModuleNotFoundError:
        raise AnharmonicError(
            "model selection needs the package scikit-learn; install it with: pip install 'anharmonic[selection]'"
        ) from None


def fold_numbers(dataset, n_folds, by=FRAME, seed=0):
    """The fold in which each frame of a data set is held out, shape (n_frames,).

    Parameters
    ----------
    dataset : Dataset
    n_folds : int
    by : str
        ``"frame"``: single frames, every group and phase in proportion. Else a key of the structures' info: frames
        with one value, such as those of one trajectory, are held out together.
    seed : int
        Of the shuffling of single frames.

    Raises
    ------
    AnharmonicError
        If there are fewer frames, or values of the key, than folds, or a frame does not have the key.
    """
    splitters = scikit_learn("model_selection")
    if by == FRAME:
        if len(dataset) < 2 * n_folds:
            raise AnharmonicError(f"{n_folds} folds take {2 * n_folds} frames or more; found {len(dataset)}")
        labels, groups = _strata(dataset, n_folds), None
        splitter = splitters.StratifiedKFold(n_folds, shuffle=True, random_state=seed)
    else:
        labels, groups = None, _values(dataset, by)
        if len(set(groups)) < n_folds:
            raise AnharmonicError(f"{n_folds} folds by {by!r} take that many values of it; found {len(set(groups))}")
        splitter = splitters.GroupKFold(n_folds)
    found = np.zeros(len(dataset), int)
    for fold, (_, held_out) in enumerate(splitter.split(found, labels, groups)):
        found[held_out] = fold
    return found


def _strata(dataset, n_folds):
    """Group and phase of each frame; those that are rarer than folds are one stratum, or go to the most frequent."""
    names = [f"{frame.group} {frame.phase}" for frame in dataset]
    counts = Counter(names)
    names = [name if counts[name] >= n_folds else RARE for name in names]
    counts = Counter(names)
    if counts[RARE] >= n_folds:
        return names
    frequent = counts.most_common(1)[0][0]
    return [frequent if name == RARE else name for name in names]


def _values(dataset, key):
    without = [frame.source for frame in dataset if key not in frame.info]
    if without:
        raise AnharmonicError(f"folds by {key!r}: {len(without)} frames have no such key of info, first {without[0]}")
    return [str(frame.info[key]) for frame in dataset]
