"""First-order or continuous: what the growth of a peak and cumulants below zero say of a transition."""

import numpy as np
from scipy.stats import t as student

from anharmonic.analysis.curves import BLOCKS
from anharmonic.analysis.finite_size import SURE

CONTINUOUS, FIRST_ORDER = 1.97, 3.0
"""Growth exponents of the susceptibility's peak: gamma/nu of Ising, XY and Heisenberg magnets in three dimensions
(1.96 to 1.97; Pelissetto and Vicari, Phys. Rep. 368, 549 (2002)), and the dimension."""

CHANCE = 0.01
"""Of taking noise of disordered crystals for coexistence."""

COEXISTENT = -0.05
"""Cumulants above this are not negative enough to be of two phases."""


def coexistent(cumulants):
    """Whether a cumulant is below zero beyond doubt, as only that of two phases is.

    The errors are of jackknives over `BLOCKS`, so that deviations follow Student's t; and one of many temperatures is
    the lowest by chance: each has its share of `CHANCE`.

    Parameters
    ----------
    cumulants : sequence of Measured
        Of one supercell at several temperatures.
    """
    sure = student.isf(CHANCE / len(cumulants), BLOCKS - 1)
    return any(c.value < min(COEXISTENT, -sure * c.error) for c in cumulants)


def order_of(exponent, cumulants):
    """``"first-order"``, ``"continuous"`` or ``"undecided"`` from evidence of finite size.

    Parameters
    ----------
    exponent : Measured
        Growth of the susceptibility's peak.
    cumulants : sequence of Measured
        Of the largest supercell; see `coexistent`.
    """
    if coexistent(cumulants):
        return "first-order"
    if not exponent.is_known:
        return "undecided"
    distances = [abs(exponent.value - x) for x in (CONTINUOUS, FIRST_ORDER)]
    if max(distances) < SURE * exponent.error or min(distances) > max(SURE * exponent.error, 0.3):
        return "undecided"
    return ("continuous", "first-order")[int(np.argmin(distances))]
