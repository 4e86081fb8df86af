"""Free energy over two order parameters at any temperature between sampled ones, by reweighting.

Samples of all temperatures, weighted so that they stand for one of them (`anharmonic.analysis.reweighting`), give the
probability p of every bin over two coordinates. A coordinate is the length of an order parameter of n components, or
one of its components (n = 1). Lengths of vectors have a density that vanishes as ``x^(n - 1)`` at 0 whatever the free
energy is, for there are few short vectors. What is given is the Landau free energy of the vectors themselves,

    F(x, y; T) = -kT log [p / (v_x v_y)],    v = (b^n - a^n) / n  of a bin from a to b,

with its least value 0: at 0 it is flat in the disordered phase, and vectors of one length count with the mean of their
densities over all directions.

The error of a bin is that of -kT log p, from the jackknife over blocks of all runs; the lowest bin has one, too. Bins
are blank where fewer than `FEWEST` samples count: the smaller of Kish's number of the weights and of
``(p / error of p)^2``, the number of independent samples that would scatter as the blocks do.
"""

from dataclasses import dataclass, field

import numpy as np

from anharmonic.analysis.curves import BLOCKS, joined, without
from anharmonic.analysis.reweighting import Reweighting, islands
from anharmonic.analysis.statistics import jackknife_error
from anharmonic.conventions import BOLTZMANN
from anharmonic.errors import AnharmonicError

FEWEST = 8.0
"""Effective samples of a bin with a free energy: an error of a third of kT."""

LARGEST = 6400
"""Samples of one temperature that are used; longer series are thinned evenly."""


@dataclass(frozen=True)
class Coordinate:
    """The length of an order parameter, or one of its components.

    Attributes
    ----------
    name : str
        Of the order parameter.
    component : int or None
        From 0; None for the length.
    n_components : int
        Of the vector whose free energy it is: 1 for a component.
    """

    name: str
    component: int | None
    n_components: int

    @classmethod
    def named(cls, text, order):
        """The coordinate that ``"NAME"`` (a length) or ``"NAME 2"`` (the second component) stands for.

        Parameters
        ----------
        text : str
        order : dict of ndarray, shape (n_samples, n_components)
            Order parameters by name.

        Raises
        ------
        AnharmonicError
            If there is no such order parameter or component.
        """
        if text in order:
            return cls(text, None, order[text].shape[1])
        name, _, number = text.rpartition(" ")
        if name in order and number in map(str, range(1, order[name].shape[1] + 1)):
            return cls(name, int(number) - 1, 1)
        known = ", ".join(f"{name!r} ({values.shape[1]})" for name, values in order.items())
        raise AnharmonicError(
            f"no order parameter {text!r} was recorded; known are (with their numbers of components) {known}; "
            "'NAME 2' is the second component"
        )

    def of(self, state):
        """Its samples (n_samples,) of a `State`."""
        vectors = state.order[self.name]
        return np.linalg.norm(vectors, axis=1) if self.component is None else vectors[:, self.component]

    def edges(self, samples, bins):
        """Edges (bins + 1,) of bins of one width that hold all samples; those of lengths begin at 0."""
        low = 0.0 if self.component is None else samples.min()
        # a sample at an edge belongs to one bin only
        return np.linspace(low, samples.max() + 1e-9 * np.ptp(samples), bins + 1)

    def volumes(self, edges):
        """Volume (n_bins,) that bins have in the space of the vector, without the solid angle."""
        return np.diff(edges**self.n_components) / self.n_components


@dataclass(frozen=True)
class Surface:
    """Free energy over two coordinates at one temperature, of the whole supercell.

    Attributes
    ----------
    temperature : float
        K.
    edges : tuple of ndarray, shape (n_x + 1,), (n_y + 1,)
        Of the bins.
    free_energy, error : ndarray, shape (n_x, n_y)
        eV, the least 0, and standard errors of -kT log p; NaN where too few samples count.
    probability : ndarray, shape (n_x, n_y)
        Of the bins themselves.
    n_effective : ndarray, shape (n_x, n_y)
        Samples that count in each bin.
    n_samples : float
        Kish's number of samples that count at this temperature, correlations apart.
    """

    temperature: float
    edges: tuple
    free_energy: np.ndarray = field(repr=False)
    error: np.ndarray = field(repr=False)
    probability: np.ndarray = field(repr=False)
    n_effective: np.ndarray = field(repr=False)
    n_samples: float

    @property
    def centres(self):
        """Centres (n_x,), (n_y,) of the bins."""
        return tuple((e[1:] + e[:-1]) / 2 for e in self.edges)

    @property
    def lowest_at(self):
        """Coordinates of the lowest bin's centre."""
        places = np.unravel_index(np.nanargmin(self.free_energy), self.free_energy.shape)
        return tuple(float(c[k]) for c, k in zip(self.centres, places, strict=True))

    @property
    def blank(self):
        """Probability of all bins with too few samples."""
        return float(self.probability[np.isnan(self.free_energy)].sum())


def free_energy_surfaces(states, coordinates, temperatures, bins=25):
    """Free energies over two coordinates, for one supercell.

    Parameters
    ----------
    states : sequence of State
        Several of one temperature count as one.
    coordinates : tuple of Coordinate
        Two.
    temperatures : sequence of float
        K, within those of the states.
    bins : int
        Along each coordinate; the same at all temperatures.

    Returns
    -------
    list of Surface

    Raises
    ------
    AnharmonicError
        If a temperature is outside of those sampled, or between two that share no samples, a state has fewer samples
        than the jackknife has blocks, or no bin has samples enough.
    """
    states = joined(states, LARGEST)
    known = np.array([s.temperature for s in states])
    groups = islands(1 / (BOLTZMANN * known), [s.enthalpy for s in states])
    wanted = [_island(t, known, groups) for t in temperatures]
    used = [s for k in sorted({*wanted}) for s in states[groups[k]]]
    edges = tuple(c.edges(np.concatenate([c.of(s) for s in used]), bins) for c in coordinates)
    logs = np.log(np.multiply.outer(*(c.volumes(e) for c, e in zip(coordinates, edges, strict=True))))
    found = {}
    for k in sorted({*wanted}):
        here = [t for t, own in zip(temperatures, wanted, strict=True) if own == k]
        histograms = _histograms(states[groups[k]], coordinates, edges, here)
        found |= {t: _surface(t, edges, logs, *each) for t, each in zip(here, histograms, strict=True)}
    return [found[t] for t in temperatures]


def _island(temperature, known, groups):
    """Which group of states that overlap encloses a temperature (K)."""
    if not known[0] <= temperature <= known[-1]:
        raise AnharmonicError(
            f"{temperature:g} K is outside of the temperatures that were sampled, {known[0]:g} to {known[-1]:g} K"
        )
    for k, group in enumerate(groups):
        if known[group][0] <= temperature <= known[group][-1]:
            return k
    below, above = known[known < temperature][-1], known[known > temperature][0]
    raise AnharmonicError(
        f"{temperature:g} K is between {below:g} and {above:g} K, which share no configurations: sample temperatures "
        "between them"
    )


def _histograms(states, coordinates, edges, temperatures):
    """Of each temperature: probabilities (1 + BLOCKS, n_x, n_y), of all and without one block; Kish's numbers."""
    shape = tuple(len(e) - 1 for e in edges)
    places = [
        np.ravel_multi_index(
            [np.searchsorted(e, c.of(s), side="right") - 1 for c, e in zip(coordinates, edges, strict=True)], shape
        )
        for s in states
    ]
    betas, wanted = (1 / (BOLTZMANN * np.array(t)) for t in ([s.temperature for s in states], temperatures))
    probabilities, start = [], None
    for block in (None, *range(BLOCKS)):
        solved = Reweighting.of_series(betas, [without(s.enthalpy, block) for s in states], start)
        start = solved.free_energies if start is None else start
        weights, at = np.exp(solved.log_weights(wanted)), np.concatenate([without(p, block) for p in places])
        sums = [np.bincount(at, row, np.prod(shape)).reshape(shape) for row in weights]
        if block is None:
            squares = [np.bincount(at, row**2, np.prod(shape)).reshape(shape) for row in weights]
            in_all = solved.n_effective(wanted)
        probabilities.append(sums)
    every = np.moveaxis(np.array(probabilities), 1, 0)
    return [(p, p[0] ** 2 / np.where(q > 0, q, 1), n) for p, q, n in zip(every, squares, in_all, strict=True)]


def _surface(temperature, edges, logs, probabilities, kish, n_samples):
    """The `Surface` of probabilities (1 + BLOCKS, n_x, n_y)."""
    all_of_them, error = probabilities[0], jackknife_error(probabilities[1:])
    scatter = np.divide(all_of_them, error, out=np.full(error.shape, np.inf), where=error > 0) ** 2
    counted = np.minimum(kish, scatter)
    enough = counted >= FEWEST
    if not enough.any():
        raise AnharmonicError(
            f"no bin has {FEWEST:g} independent samples at {temperature:g} K: take fewer bins, or run longer"
        )
    kt = BOLTZMANN * temperature
    heights = np.full(probabilities.shape, np.nan)
    heights[:, enough] = kt * (logs[enough] - np.log(probabilities[:, enough]))
    free_energy = heights[0] - np.nanmin(heights[0])
    return Surface(
        float(temperature), edges, free_energy, jackknife_error(heights[1:]), all_of_them, counted, float(n_samples)
    )
