"""Where frames lie in the space of invariants: one row of averages a frame, in standard deviations.

An invariant of degree d is averaged over all clusters of its orbit, and the d-th root of the average taken, with its
sign: the root mean square of a deformation instead of the mean of its square. Frames of twice the amplitude are then
twice as far from the reference crystal.
"""

from dataclasses import dataclass

import equinox as eqx
import jax
import numpy as np

from anharmonic.clusters import ClusterBasis
from anharmonic.potential.features import Features
from anharmonic.potential.lattice import LatticePotential
from anharmonic.potential.potential import precision
from anharmonic.potential.topology import Topology

PAIR_RANGE = 2.1
"""Cutoff of the pairs in units of the shortest distance of the crystal."""

PAIR_ORDER = 2
"""Of a pair metric the mean and the root mean square."""

CHUNK = 64
"""Frames that are evaluated at once; one compilation serves all chunks of a supercell's size."""

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
        average = Averages.of_basis(basis or pair_basis(dataset.crystal))
        batches = dataset.batches()
        averages = average(batches)
        spread = averages.std(0)
        changes = _changes_by_noise(average, batches, averages)
        scales = np.sqrt(spread**2 + changes**2)
        scales[scales == 0] = 1.0
        return cls((averages - averages.mean(0)) / scales, scales, float(np.sqrt(np.mean((changes / scales) ** 2))))

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


@dataclass(frozen=True)
class Averages:
    """Averaged invariants of frames, compiled once for each size of supercell.

    Attributes
    ----------
    lattice : LatticePotential
        Without an energy.
    degrees : ndarray, shape (n_invariants,), int
    """

    lattice: LatticePotential
    degrees: np.ndarray

    @classmethod
    def of_basis(cls, basis):
        """The invariants of a `ClusterBasis`."""
        lattice = LatticePotential(Topology.of_basis(basis), Features.of_basis(basis), None)
        return cls(lattice, np.concatenate([orbit.degrees for orbit in basis.invariants]))

    def __call__(self, batches):
        """Roots of averages, shape (n_frames, n_invariants), by the indices of the batches."""
        found = np.zeros((sum(map(len, batches)), len(self.degrees)))
        with precision("float64"):
            for batch in batches:
                translations = self.lattice.topology.translations(batch.supercell)
                for start in range(0, len(batch), CHUNK):
                    part = slice(start, start + CHUNK)
                    values = _averages(self.lattice, *_padded(batch, part), translations)
                    found[batch.indices[part]] = np.asarray(values)[: len(batch.indices[part])]
        return np.sign(found) * np.abs(found) ** (1 / self.degrees)


@eqx.filter_jit
def _averages(lattice, displacements, deformation, translations):
    """Mean invariants (b, n_invariants) of b frames."""

    def one(u, f):
        return jax.numpy.concatenate([part.mean((1, 2)) for part in lattice.invariants(u, f, translations)])

    return jax.vmap(one)(displacements, deformation)


def _padded(batch, part):
    """Displacements and deformations of `CHUNK` frames; the last one is repeated where there are fewer."""
    arrays = batch.displacements[part], batch.deformation[part]
    missing = CHUNK - len(arrays[0])
    return tuple(np.concatenate([a, np.repeat(a[-1:], missing, axis=0)]) if missing else a for a in arrays)


def _changes_by_noise(average, batches, averages):
    """Root mean square change (n_invariants,) of the averages by displacements of `NOISE`, over some frames."""
    random, changes = np.random.default_rng(0), []
    for batch in batches:
        chosen = np.unique(np.linspace(0, len(batch) - 1, CHUNK).astype(int))
        noise = NOISE * random.normal(size=batch.displacements[chosen].shape) / np.sqrt(3)
        moved = _Moved(batch.supercell, batch.displacements[chosen] + noise, batch.deformation[chosen])
        changes.append(average([moved]) - averages[batch.indices[chosen]])
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
