"""What curves of several supercells say about one transition: all routes to its temperature, and the best of them."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from anharmonic.analysis.collapse import settled
from anharmonic.analysis.finite_size import SURE, crossing, extrapolated, growth, peak, shift
from anharmonic.analysis.kinds import order_of
from anharmonic.analysis.measured import UNKNOWN, Measured
from anharmonic.analysis.statistics import jackknife_error

SHIFT = {"continuous": 1.41, "first-order": 3.0, "undecided": 1.41}
"""Exponents of L with which peaks move where cumulants do not tell: 1/nu of Heisenberg magnets in three dimensions
(Campostrini et al., Phys. Rev. B 65, 144520 (2002): nu = 0.711), or the dimension."""


@dataclass(frozen=True)
class Evidence:
    """All routes to the temperature of one transition.

    Attributes
    ----------
    name : str
        Of the order parameter.
    by_size : dict of Curves
        By number of cells, rising.
    crossings : dict of Measured
        Of the cumulants (K), by two numbers of cells.
    collapses : dict of Collapse
        By numbers of cells: of all supercells, and without small ones.
    chosen : tuple of int
        The collapse that counts; empty if there is none.
    peaks : dict of tuple of Measured
        Temperature (K) and height of the susceptibility's peak, by number of cells.
    """

    name: str
    by_size: dict
    crossings: dict
    collapses: dict
    chosen: tuple
    peaks: dict

    @classmethod
    def of(cls, name, by_size):
        """Evidence from the curves of supercells, by number of cells."""
        by_size = dict(sorted(by_size.items()))
        crossings = {pair: crossing(*(by_size[n] for n in pair), name) for pair in pairwise(by_size)}
        chosen, collapses = settled(by_size, name)
        peaks = {n: peak(curve, f"susceptibility {name}") for n, curve in by_size.items()}
        return cls(name, by_size, crossings, collapses, chosen, peaks)

    @property
    def sizes(self):
        """Numbers of cells, rising."""
        return list(self.by_size)

    @property
    def collapse(self):
        """The collapse that counts; None if there is none."""
        return self.collapses.get(self.chosen)

    @cached_property
    def growth(self):
        """Exponent with which the susceptibility's peak grows with length (`Measured`)."""
        return growth(np.cbrt(self.sizes), [height for _, height in self.peaks.values()])

    @cached_property
    def cumulants(self):
        """Those of the largest supercell at its sampled temperatures: list of `Measured`."""
        rows = self.by_size[self.sizes[-1]].at_samples(f"cumulant {self.name}")
        return [Measured(float(x), float(e)) for x, e in zip(rows[0], jackknife_error(rows[1:]), strict=True)]

    @cached_property
    def kind(self):
        """``"first-order"``, ``"continuous"`` or ``"undecided"``."""
        return order_of(self.growth if len(self.sizes) > 2 else UNKNOWN, self.cumulants)

    @cached_property
    def limit(self):
        """Where susceptibilities of the infinite crystal peak (K).

        Peaks move with the exponent of the collapse where there is one, within its error.
        """
        kind, found = self.kind, self.collapse
        exponent = found.exponent if found and kind != "first-order" else Measured(SHIFT[kind], 0.0)
        return extrapolated(np.cbrt(self.sizes), [place for place, _ in self.peaks.values()], exponent)

    def best(self):
        """Temperature (K) with its error, and in words what it is from.

        What other routes are off by, beyond two standard errors, belongs to the error. From one supercell there is no
        error: that of its peak says nothing of the infinite crystal.
        """
        known = [pair for pair, t in self.crossings.items() if t.is_known]
        if self.chosen:
            found, others = self.collapse.temperature, (self.limit, *(self.crossings[pair] for pair in known[-1:]))
            words = ", ".join(map(str, self.chosen))
            return _doubted(found, [_apart(found, t) for t in others]), f"cumulants of {words} cells on one curve"
        if known:
            return self._best_crossing(known)
        if self.limit.is_known:
            return self.limit, "susceptibilities, extrapolated to the infinite crystal"
        n = self.sizes[-1]
        words = f"the susceptibility of {n} cells alone: nothing is known of the effect of size"
        return Measured(self.peaks[n][0].value, np.nan), words

    def _best_crossing(self, known):
        """That of the largest supercells; with three in a row, how it moves is a doubt."""
        small, large = known[-1]
        found, doubts = self.crossings[small, large], []
        if len(known) > 1 and self.sizes[-3:] == [known[-2][0], small, large]:
            doubts.append(shift(*(self.by_size[n] for n in self.sizes[-3:]), self.name))
        return _doubted(found, [*doubts, _apart(found, self.limit)]), f"cumulants of {small} and {large} cells"


def _apart(found, other):
    """By how much (K) another route is off."""
    return Measured(other.value - found.value, float(np.hypot(other.error, found.error)))


def _doubted(found, doubts):
    """A temperature whose error has what of its doubts is beyond two standard errors."""
    excess = [max(abs(d.value) - SURE * d.error, 0.0) for d in doubts if np.isfinite(d.error)]
    return Measured(found.value, float(np.hypot(found.error, max(excess, default=0.0))))
