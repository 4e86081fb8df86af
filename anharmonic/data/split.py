"""Stratified random division of frames."""

from collections import defaultdict

import numpy as np

from anharmonic.errors import DatasetError


def stratified_choice(labels, fraction, seed):
    """Choose a share of items with every label represented in proportion.

    Each label gets the whole part of its share; the places that are left go to
    the largest remainders, ties by the seed.

    Parameters
    ----------
    labels : sequence of hashable
        One an item.
    fraction : float
        Share to choose, between 0 and 1 exclusively.
    seed : int
        Equal seeds give equal choices.

    Returns
    -------
    chosen, rest : ndarray of int
        Ascending indices; neither is empty.

    Raises
    ------
    DatasetError
        If the fraction is not within bounds or there are fewer than two items.
    """
    if not 0.0 < fraction < 1.0:
        raise DatasetError(f"a fraction between 0 and 1 is needed to split a data set, found {fraction}")
    if len(labels) < 2:
        raise DatasetError(f"a data set of {len(labels)} frames cannot be split in two: at least 2 are needed")
    random = np.random.default_rng(seed)
    strata = defaultdict(list)
    for index, label in enumerate(labels):
        strata[label].append(index)
    members = [random.permutation(strata[label]) for label in sorted(strata)]
    n_chosen = min(max(round(fraction * len(labels)), 1), len(labels) - 1)
    counts = _apportion(fraction * np.array([len(m) for m in members]), n_chosen, random)
    chosen = np.sort(np.concatenate([m[:n] for m, n in zip(members, counts, strict=True)]))
    return chosen, np.setdiff1d(np.arange(len(labels)), chosen)


def _apportion(shares, total, random):
    """Whole numbers close to `shares` with the given sum (largest remainders)."""
    counts = np.floor(shares).astype(int)
    order = np.lexsort((random.random(len(shares)), -np.round(shares - counts, 9)))
    counts[order[: total - counts.sum()]] += 1
    return counts
