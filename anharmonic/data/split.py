"""Stratified random division of frames, one by one or by whole clusters of them."""

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
    check_fraction(fraction)
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


def check_fraction(fraction):
    """Refuse shares that leave a part empty."""
    if not 0.0 < fraction < 1.0:
        raise DatasetError(f"a fraction between 0 and 1 is needed to split a data set, found {fraction}")


def divide_clusters(labels, clusters, shares, seed):
    """Divide items into parts without cutting a cluster, every label in proportion as well as it can be.

    Clusters are dealt out, large ones first and equal ones in random order, each to the
    part where it most reduces the squared distance of the counts from what is due:

        sum_l (n_pl - s_p N_l)^2 / N_l + (n_p - s_p N)^2 / N

    with n_pl items of label l in part p, N_l in all, and the share s_p of the part.

    Parameters
    ----------
    labels : sequence of hashable
        One an item.
    clusters : sequence of hashable
        One an item: items that are equal here stay together.
    shares : sequence of float
        Of the parts; they add up to one.
    seed : int
        Equal seeds give equal parts.

    Returns
    -------
    list of ndarray of int
        Ascending indices of each part; none is empty.

    Raises
    ------
    DatasetError
        If there are fewer clusters than parts.
    """
    names, members = np.unique(np.asarray(clusters, str), return_inverse=True)
    if len(names) < len(shares):
        raise DatasetError(
            f"{len(names)} trajectories, or whatever is to stay together, cannot make {len(shares)} parts"
        )
    counts = _contingency(members, labels)
    totals, shares = counts.sum(0), np.array(shares)[:, None]
    due, filled = shares * totals, np.zeros((len(shares), counts.shape[1]))
    random, part_of = np.random.default_rng(seed), np.zeros(len(names), int)
    for left, k in enumerate(np.lexsort((random.random(len(names)), -counts[:, 0])), start=-len(names)):
        gain = ((2 * (filled - due) + counts[k]) * counts[k] / totals).sum(1)
        empty = filled[:, 0] == 0
        gain[(empty.sum() == -left) & ~empty] = np.inf
        part_of[k] = np.lexsort((random.random(len(gain)), gain.round(9)))[0]
        filled[part_of[k]] += counts[k]
    return [np.flatnonzero(part_of[members] == p) for p in range(len(shares))]


def _contingency(members, labels):
    """Items of each cluster: of all labels in column 0, then of each label."""
    kinds = {label: k for k, label in enumerate(sorted(set(labels)), start=1)}
    counts = np.zeros((members.max() + 1, len(kinds) + 1))
    np.add.at(counts, (members, 0), 1)
    np.add.at(counts, (members, [kinds[label] for label in labels]), 1)
    return counts


def _apportion(shares, total, random):
    """Whole numbers close to `shares` with the given sum (largest remainders)."""
    counts = np.floor(shares).astype(int)
    order = np.lexsort((random.random(len(shares)), -np.round(shares - counts, 9)))
    counts[order[: total - counts.sum()]] += 1
    return counts
