"""GRID, the grouped representation of interatomic distances.

Zhang, Seth and Cumby, Digital Discovery 2, 81 (2023); Cumby and Seth, AI4SD report 7 (2021), section 6.1. The
distances from every site to its neighbours are ranked; those of rank i, over all sites, are group i. A group's
distances as a histogram are a row of GRID; the sum of all rows is the radial distribution function.
"""

from dataclasses import dataclass

import numpy as np

from anharmonic.errors import AnharmonicError
from anharmonic.screening.descriptors.neighbours import neighbour_distances
from anharmonic.screening.descriptors.smearing import smeared

MOST_BINS = 20_000_000
"""Of a whole GRID."""


@dataclass(frozen=True)
class GridSettings:
    """How distances become histograms.

    Attributes
    ----------
    groups : int
        Neighbours of each site.
    cutoff : float
        Length of the histograms (A). Neighbours beyond it are missing in them: the area of a group is the share of
        its distances within the cutoff.
    width : float
        Of a bin (A).
    smearing : float
        Standard deviation (A) of the Gaussian that each distance becomes; its integral over each bin is exact.
    levels : int
        Parts into which the distances of a group are averaged where no histogram is needed (`quantiles`).
    """

    groups: int = 100
    cutoff: float = 10.0
    width: float = 0.1
    smearing: float = 0.1
    levels: int = 12

    def __post_init__(self):
        for name, least in (("groups", 1), ("levels", 1)):
            value = getattr(self, name)
            if not (isinstance(value, int) and value >= least):
                raise AnharmonicError(f"{name} is a whole number from {least} on; found {value!r}")
        for name in ("cutoff", "width"):
            if not 0 < getattr(self, name) < np.inf:
                raise AnharmonicError(f"{name} is a finite number above 0 A; found {getattr(self, name):g}")
        if not 0 <= self.smearing <= self.cutoff:
            raise AnharmonicError(f"smearing is from 0 A to the cutoff; found {self.smearing:g}")
        if self.groups * self.cutoff / self.width > MOST_BINS:
            raise AnharmonicError(
                f"{self.groups} groups of {self.cutoff / self.width:.3g} bins are more than memory is expected to hold "
                f"({MOST_BINS:.0e}); ask for fewer groups, a smaller cutoff or wider bins"
            )
        if abs(self.bins * self.width - self.cutoff) > 1e-6 * self.cutoff:
            raise AnharmonicError(f"the cutoff is a multiple of the width; found {self.cutoff:g} and {self.width:g} A")

    @property
    def bins(self):
        """Number of bins."""
        return round(self.cutoff / self.width)

    @property
    def edges(self):
        """Edges (bins + 1,) of the bins, A; a distance on an edge belongs to the bin above it."""
        return self.width * np.arange(self.bins + 1)


def grid(atoms, settings=None):
    """GRID of a structure.

    Parameters
    ----------
    atoms : ase.Atoms
    settings : GridSettings, optional

    Returns
    -------
    ndarray, shape (groups, bins)
        Share of the sites whose neighbour of that rank lies in the bin.

    Raises
    ------
    AnharmonicError
        As `neighbour_distances`.
    """
    settings = settings or GridSettings()
    return grid_of_distances(*neighbour_distances(atoms, settings.groups), settings)


def grid_of_distances(distances, weights, settings):
    """GRID (groups, bins) of sorted distances (n_kinds, groups) and weights (n_kinds,)."""
    shares = np.broadcast_to(weights[:, None], distances.shape)
    rows = np.broadcast_to(np.arange(distances.shape[1]), distances.shape)
    if settings.smearing == 0:
        columns = np.floor(distances / settings.width + 1e-9).astype(int)
    else:
        columns, spread = smeared(distances, settings.width, settings.smearing)
        rows, shares = rows[..., None], shares[..., None] * spread
    rows, columns, shares = (x.ravel() for x in np.broadcast_arrays(rows, columns, shares))
    inside = (columns >= 0) & (columns < settings.bins)
    cells = rows[inside] * settings.bins + columns[inside]
    total = np.bincount(cells, shares[inside], minlength=distances.shape[1] * settings.bins)
    return total.reshape(-1, settings.bins)


def radial_distribution(grid):
    """Mean number of neighbours (..., bins) in every bin of distance: the sum over the groups."""
    return grid.sum(axis=-2)


def quantiles(distances, weights, levels):
    """Means of the distances of each group over equal shares of the sites: GRID without bins.

    The quantile function Q of a group maps p in (0, 1) to the distance that a share p of the sites does not exceed.
    Its means over `levels` equal intervals of p lose nothing if the weights are multiples of 1 / levels: with 12
    levels, for 1, 2, 3, 4, 6 and 12 sites. The earth mover's distance of two groups is the integral of the difference
    of their Q.

    Parameters
    ----------
    distances : ndarray, shape (n_kinds, groups)
    weights : ndarray, shape (n_kinds,)
    levels : int

    Returns
    -------
    ndarray, shape (groups, levels)
        A, ascending.
    """
    order = np.argsort(distances, axis=0, kind="stable")
    distances, shares = np.take_along_axis(distances, order, axis=0), weights[order]
    begin = np.cumsum(shares, axis=0) - shares
    points = np.linspace(0, 1, levels + 1)[:, None, None]
    integral = (distances * np.clip(points - begin, 0, shares)).sum(axis=1)
    return (np.diff(integral, axis=0) * levels).T
