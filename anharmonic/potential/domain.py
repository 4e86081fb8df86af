"""The domain of a fit: how unusual the environment of a site is beside those of the training frames.

The environment of a site is the vector phi of its site-centred correlations (eq. 15) of degrees 1 and 2. Its
leverage ``phi^T (sum over training phi phi^T)^-1 phi`` is what D-optimal design compares (Atkinson, Donev, Tobias,
Optimum Experimental Designs, 2007, ch. 9): how much the environment would add to what the data determine. MaxVol
(Podryabinkin and Shapeev, Comput. Mater. Sci. 140, 171 (2017); for single atoms Lysogorskiy et al., Phys. Rev.
Mater. 7, 043801 (2023)) takes the same determinant over as many chosen environments as there are features;
docs/uncertainty.md compares both.
"""

from dataclasses import dataclass

import numpy as np

HIGHEST_DEGREE = 2
FLOOR = 1e-6
"""Directions that the data (almost) never take count as if they had this share of the mean variance."""


@dataclass(frozen=True)
class Domain:
    """What turns environments of sites into grades.

    Attributes
    ----------
    classes : tuple of tuple of int
        Equivalent sites.
    transforms : tuple of ndarray, shape (n_directions, n_features)
        For each class. The grade of a site is |transform @ phi|; 1 is the largest of the training frames.
    largest_mean : float
        Largest mean over sites of a training frame.
    """

    classes: tuple
    transforms: tuple
    largest_mean: float

    @classmethod
    def of_environments(cls, environments, classes):
        """The domain of some frames.

        Parameters
        ----------
        environments : list of ndarray, shape (n_features, n_sites, n_cells)
            By frame; features of degrees 1 and 2.
        classes : tuple of tuple of int
        """
        transforms = tuple(_transform(_of_class(environments, sites)) for sites in classes)
        bare = cls(tuple(classes), transforms, 1.0)
        return cls(bare.classes, transforms, max(bare.grades(phi).mean() for phi in environments))

    def joined(self, other):
        """A domain that holds what either holds (of the same basis): information of both, as of equally many frames.

        Directions are those in which the sum of both matrices is white. What is inside one has at most grade 1
        (adding information never raises a leverage), so that the limit is safe where it is not sharp.
        """
        transforms = tuple(map(_sum_of_information, self.transforms, other.transforms))
        return Domain(self.classes, transforms, max(self.largest_mean, other.largest_mean))

    def grades(self, environment):
        """Grades (n_sites, n_cells) of an environment (n_features, n_sites, n_cells)."""
        grades = np.zeros(environment.shape[1:])
        for sites, transform in zip(self.classes, self.transforms, strict=True):
            whitened = np.tensordot(transform, environment[:, list(sites)], 1)
            grades[list(sites)] = np.sqrt((whitened**2).sum(axis=0))
        return grades


def n_low(invariants):
    """How many invariants of an orbit have degrees 1 and 2; they come first."""
    return int((invariants.degrees <= HIGHEST_DEGREE).sum())


def _of_class(environments, sites):
    """All vectors (n, n_features) of a class of sites."""
    return np.concatenate([phi[:, list(sites)].reshape(len(phi), -1).T for phi in environments])


def _sum_of_information(one, other):
    """A transform whose grades are at most those of either: white for the sum of both matrices of information."""
    first, second = (np.linalg.inv(t.T @ t) for t in (one, other))
    values, axes = np.linalg.eigh(first + second)
    return (axes / np.sqrt(values)).T


def _transform(vectors):
    """Matrix that makes vectors (n, n_features) white, divided by the largest length that results."""
    scales = np.sqrt((vectors**2).mean(axis=0))
    scales = np.where(scales > 1e-10, scales, 1.0)
    values, axes = np.linalg.eigh((vectors / scales).T @ (vectors / scales) / len(vectors))
    values = np.maximum(values, FLOOR * max(values.mean(), 1e-12))
    whitening = (axes / np.sqrt(values)).T / scales
    largest = np.sqrt(((vectors @ whitening.T) ** 2).sum(axis=1).max())
    return whitening / (largest if largest > 0 else 1.0)
