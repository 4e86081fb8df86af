"""Where frames lie in the space of invariants: one row of averages a frame, in standard deviations.

An invariant of degree d is averaged over all clusters of its orbit, and the d-th root of the average taken, with its
sign: the root mean square of a deformation instead of the mean of its square. Frames of twice the amplitude are then
twice as far from the reference crystal.
"""

from dataclasses import dataclass

import numpy as np

from anharmonic.clusters import ClusterBasis
from anharmonic.clusters.invariants import evaluate
from anharmonic.clusters.metrics import get_strain_metric

PAIR_RANGE = 2.1
"""Cutoff of the pairs in units of the shortest distance of the crystal."""

PAIR_ORDER = 2
"""Of a pair metric the mean and the root mean square."""

CHUNK = 64
"""Frames that are evaluated at once."""

NOISE = 1e-3
"""Displacements (A) whose effect on the averages is taken for noise."""


@dataclass(frozen=True)
class Coverage:
    """Frames as points in the space of averaged invariants.

    Attributes
    ----------
    rows : ndarray, shape (n_frames, n_invariants)
        Roots of averages, less their mean over the frames, divided by ``scales``.
    scales : ndarray, shape (n_invariants,)
        Standard deviation over the frames, and what displacements of `NOISE` change, added
        in squares: an invariant that hardly varies does not count.
    noise : float
        Distance between frames that differ by displacements of `NOISE`; see `distances`.
    """

    rows: np.ndarray
    scales: np.ndarray
    noise: float

    @classmethod
    def of_dataset(cls, dataset, basis=None):
        """Evaluate the invariants of all frames.

        Parameters
        ----------
        dataset : Dataset
            With at least one frame.
        basis : ClusterBasis, optional
            Default: pairs within `PAIR_RANGE` of the shortest distance, to order `PAIR_ORDER`.
        """
        basis = basis or pair_basis(dataset.crystal)
        batches = dataset.batches()
        found = averages(basis, batches)
        changes = _changes_by_noise(basis, batches, found)
        scales = np.sqrt(found.var(0) + changes**2)
        scales[scales == 0] = 1.0
        return cls((found - found.mean(0)) / scales, scales, float(np.sqrt(np.mean((changes / scales) ** 2))))

    @property
    def points(self):
        """``rows`` divided by n_invariants^(1/2): Euclidean distances of these are root mean squares."""
        return self.rows / np.sqrt(self.rows.shape[1])

    def components(self, n=2):
        """Principal components: coordinates (n_frames, n) and the shares (n,) of the variance that they hold."""
        centred = self.rows - self.rows.mean(0)
        _, strengths, axes = np.linalg.svd(centred, full_matrices=False)
        axes = axes * np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(1)])[:, None]
        total = (strengths**2).sum()
        found = np.zeros((len(centred), n))
        found[:, : len(axes)] = centred @ axes[:n].T
        shares = np.zeros(n)
        shares[: len(strengths)] = (strengths**2 / total if total else strengths)[:n]
        return found, shares


def pair_basis(crystal):
    """The pairs of a crystal up to about twice its shortest distance, to third order."""
    return ClusterBasis(crystal, pairs=PAIR_RANGE * crystal.nearest_distance(), order=PAIR_ORDER)


def averages(basis, batches):
    """Roots of averaged invariants, with numpy alone: nothing is compiled for a single pass over the frames.

    Parameters
    ----------
    basis : ClusterBasis
    batches : sequence of Batch

    Returns
    -------
    ndarray, shape (n_frames, n_invariants)
        By the indices of the batches.
    """
    degrees = np.concatenate([orbit.degrees for orbit in basis.invariants])
    found = np.zeros((sum(map(len, batches)), len(degrees)))
    for batch in batches:
        for start in range(0, len(batch), CHUNK):
            part = slice(start, start + CHUNK)
            found[batch.indices[part]] = _averages(
                basis, batch.supercell, batch.displacements[part], batch.deformation[part]
            )
    return np.sign(found) * np.abs(found) ** (1 / degrees)


def _averages(basis, supercell, displacements, deformation):
    """Mean invariants (b, n_invariants) of b frames."""
    metrics = get_strain_metric(basis.metric)(_bond_strains(basis.bonds, supercell, displacements, deformation))
    parts = zip(basis.bonds.members, basis.bonds.shifts, basis.ccds, basis.invariants, strict=True)
    means = []
    for members, shifts, ccd, invariants in parts:
        cells = supercell.index(supercell.cells[:, None, None] + shifts)
        values = metrics[:, members, cells] @ ccd.matrix.T
        means.append(evaluate(invariants, values).mean((1, 2)))
    return np.concatenate(means, axis=1)


def _bond_strains(bonds, supercell, displacements, deformation):
    """Green-Lagrange strains (d^2 / d0^2 - 1) / 2 of all bonds, shape (b, n_bonds, n_cells)."""
    u = np.moveaxis(displacements, 2, 3)
    ends = u[:, bonds.second[:, None], supercell.translations(bonds.offsets)]
    vectors = bonds.vectors[:, None] + ends - u[:, bonds.first]
    squares = np.einsum("bmni,bij,bmnj->bmn", vectors, np.swapaxes(deformation, 1, 2) @ deformation, vectors)
    return 0.5 * (squares / (bonds.lengths**2)[:, None] - 1)


def _changes_by_noise(basis, batches, found):
    """Root mean square change (n_invariants,) of the averages by displacements of `NOISE`, over some frames."""
    random, changes = np.random.default_rng(0), []
    for batch in batches:
        chosen = np.unique(np.linspace(0, len(batch) - 1, CHUNK).astype(int))
        noise = NOISE * random.normal(size=batch.displacements[chosen].shape) / np.sqrt(3)
        moved = _Moved(batch.supercell, batch.displacements[chosen] + noise, batch.deformation[chosen])
        changes.append(averages(basis, [moved]) - found[batch.indices[chosen]])
    return np.sqrt(np.mean(np.concatenate(changes) ** 2, axis=0))


@dataclass(frozen=True)
class _Moved:
    """Displaced copies of some frames of a batch."""

    supercell: object
    displacements: np.ndarray
    deformation: np.ndarray

    @property
    def indices(self):
        return np.arange(len(self))

    def __len__(self):
        return len(self.displacements)
