"""What the invariants of a data set are like: their sizes, their ranges, the environments of its sites."""

from dataclasses import dataclass, replace

import numpy as np

from anharmonic.potential.domain import n_low


@dataclass(frozen=True)
class Statistics:
    """Of the invariants in some frames.

    Attributes
    ----------
    squares : tuple of ndarray, shape (n_invariants,)
        By orbit, the mean over frames of the mean square over clusters.
    site_squares : ndarray, shape (n_features, n_sites)
        The same of the correlations (eq. 15) of each site.
    ranges : tuple of ndarray, shape (n_invariants, 2)
        By orbit, lowest and highest values.
    low_means : tuple of ndarray, shape (n_low,)
        By orbit, the mean over frames and clusters of the invariants of degrees 1 and 2.
    environments : tuple of ndarray, shape (n_low_features, n_sites, n_cells)
        By frame, correlations of low degrees; see `anharmonic.potential.domain`.
    """

    squares: tuple
    site_squares: np.ndarray
    ranges: tuple
    low_means: tuple
    environments: tuple

    @classmethod
    def of_dataset(cls, geometry, dataset):
        """Statistics of all frames of a data set, by the `Geometry` of a basis."""
        n_sites, low = geometry.basis.crystal.n_sites, [n_low(x) for x in geometry.basis.invariants]
        squares, site_squares, extremes, low_means, environments = [], [], [], [], []
        for frame in dataset:
            orbits = geometry(frame.configuration).orbits
            correlations = [orbit.at_sites(n_sites) for orbit in orbits]
            environments.append(np.concatenate([g[:n] for g, n in zip(correlations, low, strict=True)]))
            site_squares.append((np.concatenate(correlations) ** 2).mean(axis=2))
            values = [orbit.invariants for orbit in orbits]
            squares.append([(x**2).mean((1, 2)) for x in values])
            low_means.append([x[:n].mean((1, 2)) for x, n in zip(values, low, strict=True)])
            extremes.append([np.stack([x.min((1, 2)), x.max((1, 2))], axis=1) for x in values])
        ranges = tuple(map(_widest, zip(*extremes, strict=True)))
        squares, low_means = (
            tuple(np.mean(x, axis=0) for x in zip(*rows, strict=True)) for rows in (squares, low_means)
        )
        return cls(squares, np.mean(site_squares, axis=0), ranges, low_means, tuple(environments))

    def with_reach(self, other):
        """These, with ranges and environments that include those of other frames."""
        ranges = tuple(_widest(pair) for pair in zip(self.ranges, other.ranges, strict=True))
        return replace(self, ranges=ranges, environments=self.environments + other.environments)

    def with_ranges(self, ranges):
        """These, with ranges that include others (n_invariants, 2), by orbit."""
        return replace(self, ranges=tuple(map(_widest, zip(self.ranges, ranges, strict=True)))) if ranges else self


def _widest(ranges):
    """The range (n, 2) that contains all of some."""
    ranges = np.array(ranges)
    return np.stack([ranges[:, :, 0].min(axis=0), ranges[:, :, 1].max(axis=0)], axis=1)
