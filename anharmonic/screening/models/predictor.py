"""A property predicted with its reasons: the model's value, and the known crystals nearest to the one asked for."""

from dataclasses import dataclass

import numpy as np

from anharmonic.errors import AnharmonicError
from anharmonic.screening.models.domain import Domain
from anharmonic.screening.models.property import LARGEST, usable


@dataclass(frozen=True)
class Neighbour:
    """A known crystal, its distance, and its value of the property."""

    name: str
    formula: str
    distance: float
    value: float


@dataclass(frozen=True)
class Prediction:
    """A predicted value.

    Attributes
    ----------
    structure, formula, property : str
    value : float
    outside : bool
        Farther from every crystal that was learnt from than 95 % of those are from their neighbours.
    neighbours : tuple of Neighbour
        The nearest crystals that were learnt from.
    """

    structure: str
    formula: str
    property: str
    value: float
    outside: bool
    neighbours: tuple


def learnable(library, name, largest=LARGEST):
    """The entries to learn a property from, and their values: known, above 0 and at most `largest`.

    Raises
    ------
    AnharmonicError
        If there are fewer than two.
    """
    values = library.property(name)
    mask = usable(values, largest)
    if mask.sum() < 2:
        raise AnharmonicError(f"{name}: {mask.sum()} entries have a value in (0, {largest:g}]; at least 2 are needed")
    return library.part(mask), values[mask]


def predict(model, metric, name, known, values, queries, count=3):
    """Predictions of a property for the entries of a library.

    Parameters
    ----------
    model : object
        Fitted to `known` and `values`.
    metric : Metric
    name : str
        Of the property.
    known : Library
    values : ndarray, shape (n,)
    queries : Library
    count : int
        Neighbours of each.

    Returns
    -------
    list of Prediction
    """
    domain = Domain.of(metric, known)
    numbers, distances = domain.nearest(queries, count)
    found = []
    for k, value in enumerate(model.predict(queries)):
        near = tuple(
            Neighbour(known.names[n], known.formulas[n], float(d), float(values[n]))
            for n, d in zip(numbers[k], distances[k], strict=True)
        )
        outside = bool(np.min(distances[k]) > domain.edge)
        found.append(Prediction(queries.names[k], queries.formulas[k], name, float(value), outside, near))
    return found
