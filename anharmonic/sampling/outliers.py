"""The states of a run that were furthest outside the fitted data: few, extreme, and unlike each other.

They are what to label next (active learning). The states at the ends of chunks are looked at; those that are kept
depend on nothing but the run, so a resumed run keeps the same.
"""

from dataclasses import dataclass, fields

import equinox as eqx
import numpy as np

from anharmonic.evaluation.blocks import collect

MOST = 20
MOST_BYTES = 2**26
"""Of all states that are kept together; at least one is."""

FAR_SITE, FAR_MEAN = 1.5, 1.0
"""A state is an outlier if its largest grade, or its mean grade, is above these (see `Extrapolation`)."""


@dataclass(frozen=True)
class Outliers:
    """States far outside the fitted data.

    Attributes
    ----------
    displacements : ndarray, shape (n, n_sites, 3, n_cells)
    deformation : ndarray, shape (n, 3, 3)
    step : ndarray, shape (n,), int
    temperature, grade, mean : ndarray, shape (n,)
        K; largest grade of a site and mean grade.
    signature : ndarray, shape (n, m)
        Mean environments by class of sites: how unlike two states are is the distance of these.
    """

    displacements: np.ndarray
    deformation: np.ndarray
    step: np.ndarray
    temperature: np.ndarray
    grade: np.ndarray
    mean: np.ndarray
    signature: np.ndarray

    def __len__(self):
        return len(self.grade)

    @property
    def n_bytes(self):
        """Memory of all arrays."""
        return sum(getattr(self, item.name).nbytes for item in fields(self))

    def with_one_more(self, other):
        """These and one other; if they are too many, the less extreme of the two most alike is dropped."""
        if (self.signature == other.signature[0]).all(axis=1).any():
            return self
        joined = Outliers(*(np.concatenate([getattr(x, i.name) for x in (self, other)]) for i in fields(self)))
        if len(joined) <= max(1, min(MOST, MOST_BYTES // max(1, other.n_bytes))):
            return joined
        distance = np.linalg.norm(joined.signature[:, None] - joined.signature, axis=2)
        np.fill_diagonal(distance, np.inf)
        pair = np.array(np.unravel_index(np.argmin(distance), distance.shape))
        return joined.without(pair[np.argmin(joined.grade[pair])])

    def only(self, k):
        """The k-th alone."""
        return Outliers(*(getattr(self, item.name)[k : k + 1] for item in fields(self)))

    def without(self, k):
        """All but the k-th."""
        return Outliers(*(np.delete(getattr(self, item.name), k, axis=0) for item in fields(self)))


def is_outlier(samples, index):
    """Whether sample `index` of a chunk, or any of its replicas, is far outside; shape () or (n_replicas,)."""
    if "extrapolation" not in samples:
        return np.array(False)
    largest, mean = (np.asarray(samples[name])[index] for name in ("extrapolation", "extrapolation_mean"))
    return (largest > FAR_SITE) | (mean > FAR_MEAN)


def with_outliers(known, model, state, step, temperature):
    """`known` (`Outliers` or None) and the outliers among the replicas of a state.

    Parameters
    ----------
    known : Outliers or None
    model : Evaluator
    state : record of arrays
        Of one system, or with a leading axis of replicas.
    step : int
    temperature : float or array, shape (n_replicas,)
        K.
    """
    u, deformation = np.asarray(state.displacements), np.asarray(state.deformation)
    u, deformation = u.reshape(-1, *u.shape[-3:]), deformation.reshape(-1, 3, 3)
    temperature = np.broadcast_to(np.asarray(temperature, float), len(u))
    for k in range(len(u)):
        found, signature = collect(_look(model, u[k], deformation[k]))
        if not (found.largest > FAR_SITE or found.mean > FAR_MEAN):
            continue
        one = Outliers(
            u[k : k + 1], deformation[k : k + 1], np.array([step]), temperature[k : k + 1],
            np.array([found.largest]), np.array([found.mean]), signature[None],
        )  # fmt: skip
        known = one if known is None else known.with_one_more(one)
    return known


@eqx.filter_jit
def _look(model, displacements, deformation):
    return model.extrapolation(displacements, deformation), model.signature(displacements, deformation)
