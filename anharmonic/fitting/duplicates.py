"""Frames that are in a data set more than once, and frames that are nearly the same.

Averaged invariants do not change under the space group, translations, and exchange of atoms: equal frames are equal
points. A k-d tree finds close points; those as close as small displacements make them are superposed atom by atom.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from anharmonic.crystal.equivalence import difference
from anharmonic.data import Dataset, Refusal
from anharmonic.fitting.descriptors import NOISE, Coverage

NEAR = 0.05
"""Distance, in standard deviations of the invariants, up to which frames are near duplicates."""

ENERGY_TOLERANCE = 1e-3
"""Energies (eV per atom) of duplicates that differ by more contradict each other."""

MARGIN = 5
"""Copies are looked for up to so many times the distance that displacements of the tolerance make on average."""

CANDIDATES = 6
"""Neighbours in principal components of which one is the nearest."""

TREE_DIMENSIONS = 12
"""Principal components of the k-d tree: distances in them are never larger than the true ones."""


@dataclass(frozen=True)
class Duplicates:
    """What was found; frames are named by their indices.

    Attributes
    ----------
    copies : tuple of tuple of int
        Sets of frames with the same structure.
    contradictions : tuple of (int, int, float)
        Two frames of one structure and one energy group, and the difference of their
        energies (eV per atom) that is above the tolerance.
    redundant : tuple of int
        Frames of which another with all of their labels, and no contradiction, stays.
    pairs : ndarray, shape (n_pairs, 2)
        Frames that are near each other and no copies, nearest first.
    distances : ndarray, shape (n_pairs,)
        In standard deviations of the invariants, root mean square over all of them.
    nearest : ndarray, shape (n_frames,)
        Distance of each frame from the one nearest to it.
    """

    copies: tuple
    contradictions: tuple
    redundant: tuple
    pairs: np.ndarray
    distances: np.ndarray
    nearest: np.ndarray

    def straddling(self, parts):
        """How many copies and near pairs have their frames in different parts; `parts` (n_frames,) names them."""
        parts = np.asarray(parts)
        copies = sum(len(set(parts[list(members)])) > 1 for members in self.copies)
        return copies, int((parts[self.pairs[:, 0]] != parts[self.pairs[:, 1]]).sum())


def find_duplicates(
    dataset, coverage=None, near=NEAR, tolerance=NOISE, energy_tolerance=ENERGY_TOLERANCE, on_pair=None
):
    """Find copies, contradictions between them, and near duplicates.

    Parameters
    ----------
    dataset : Dataset
    coverage : Coverage, optional
        Of the data set, where it is known.
    near : float
        Distance of near duplicates in standard deviations of the invariants.
    tolerance : float
        Copies differ by less in the position (A) of every atom, after the best superposition.
    energy_tolerance : float
        eV per atom.
    on_pair : callable, optional
        Called with the numbers of pairs that were superposed and of all that are to be.

    Returns
    -------
    Duplicates
    """
    if len(dataset) < 2:
        return Duplicates((), (), (), np.zeros((0, 2), int), np.zeros(0), np.full(len(dataset), np.inf))
    coverage = coverage or Coverage.of_dataset(dataset)
    suspicious = MARGIN * coverage.noise * tolerance / NOISE
    pairs, distances = close_pairs(coverage.points, max(near, suspicious))
    same = _same(dataset.frames, pairs, distances <= suspicious, tolerance, on_pair)
    copies = _sets(pairs[same], len(dataset))
    redundant, contradictions = _compare_energies(dataset.frames, copies, energy_tolerance)
    rest = ~same & (distances <= near)
    nearest = nearest_distances(coverage.points)
    return Duplicates(copies, contradictions, redundant, pairs[rest], distances[rest], nearest)


def without_redundant(dataset, duplicates):
    """The data set without frames of which a copy stays; contradictions all stay.

    What is left out becomes a refusal that names the copy.
    """
    dropped, frames, refusals = set(duplicates.redundant), dataset.frames, []
    for members in duplicates.copies:
        stay = [frames[k] for k in members if k not in dropped]
        for frame in (frames[k] for k in members if k in dropped):
            copy = next(other for other in stay if other.group == frame.group)
            refusals.append(Refusal(frame.source, f"the same structure and energy as {copy.source}", "duplicate"))
    kept = [frame for k, frame in enumerate(frames) if k not in dropped]
    return Dataset(dataset.crystal, kept, (*dataset.refusals, *refusals), dataset.energy_offset)


def close_pairs(points, radius):
    """Pairs (n_pairs, 2) of points (n, d) within a distance, and the distances, nearest first."""
    pairs = KDTree(_compressed(points)).query_pairs(radius * (1 + 1e-9), output_type="ndarray")
    distances = np.concatenate([_lengths(points, part) for part in np.array_split(pairs, 1 + len(pairs) // 100000)])
    inside = np.flatnonzero(distances <= radius)
    order = inside[np.argsort(distances[inside], kind="stable")]
    return pairs[order], distances[order]


def nearest_distances(points):
    """Distance (n,) of each point from its nearest neighbour: the best of a few in principal components."""
    tree = KDTree(_compressed(points))
    _, candidates = tree.query(tree.data, k=min(len(points), CANDIDATES))
    steps = np.linalg.norm(points[candidates] - points[:, None], axis=2)
    steps[candidates == np.arange(len(points))[:, None]] = np.inf
    return steps.min(1)


def _lengths(points, pairs):
    return np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1)


def _compressed(points):
    """The leading principal components, in which a k-d tree is fast."""
    centred = points - points.mean(0)
    if centred.shape[1] <= TREE_DIMENSIONS:
        return centred
    _, axes = np.linalg.eigh(centred.T @ centred)
    return centred @ axes[:, -TREE_DIMENSIONS:]


def _same(frames, pairs, suspicious, tolerance, on_pair=None):
    """Mask of the pairs whose structures are superposed within the tolerance."""
    same, marks = np.zeros(len(pairs), bool), {}
    for number, k in enumerate(np.flatnonzero(suspicious)):
        if on_pair:
            on_pair(number, suspicious.sum())
        states = [frames[i].configuration for i in pairs[k]]
        for i, state in zip(pairs[k], states, strict=True):
            if i not in marks:
                marks[i] = _mark(state)
        one, other = (marks[i] for i in pairs[k])
        if one.shape == other.shape and np.abs(one - other).max() <= tolerance * (1 + 1e-6):
            same[k] = difference(*states, tolerance) <= tolerance
    return same


def _mark(state):
    """Lengths (A) of all displacements, ascending for each species: they differ less than the atoms do."""
    lengths = np.linalg.norm(state.displacements, axis=1)
    species = np.array(state.crystal.species)
    return np.concatenate([np.sort(lengths[species == name].ravel()) for name in sorted(set(species))])


def _sets(pairs, n):
    """Connected frames as ascending tuples, in the order of their first."""
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    labels = connected_components(graph, directed=False)[1]
    order = np.argsort(labels, kind="stable")
    families = np.split(order, 1 + np.flatnonzero(np.diff(labels[order])))
    return tuple(sorted(tuple(family.tolist()) for family in families if len(family) > 1))


def _compare_energies(frames, copies, tolerance):
    """Redundant frames, and the contradictions, of sets of copies; energies are compared within their group."""
    redundant, contradictions = [], []
    for members in copies:
        kept = []
        for k in sorted(members, key=lambda k: (len(frames[k].missing), k)):
            rivals = [i for i in kept if frames[i].group == frames[k].group]
            gaps = {i: _gap(frames[i], frames[k]) for i in rivals}
            if any(gap <= tolerance for gap in gaps.values()):
                redundant.append(k)
                continue
            contradictions += [(i, k, gap) for i, gap in gaps.items()]
            kept.append(k)
    return tuple(sorted(redundant)), tuple(contradictions)


def _gap(one, other):
    """Difference (eV per atom) of the energies of two frames; none where one of them has no energy."""
    if one.energy is None or other.energy is None:
        return 0.0
    return abs(one.energy / one.n_atoms - other.energy / other.n_atoms)
