"""Glazer symbols and space groups of perovskite tilt systems."""

from typing import NamedTuple

import numpy as np

EQUAL_SIGMAS = 3.0
"""Two amplitudes are equal if they differ by no more than this many standard errors ..."""

EQUAL_FRACTION = 0.1
"""... or by no more than this fraction of the larger one."""


class TiltSystem(NamedTuple):
    """Glazer symbol in canonical axis order, space group, and crystal system."""

    glazer: str
    space_group: str
    name: str


TILT_SYSTEMS = {
    ((), ()): TiltSystem("a0a0a0", "Pm-3m", "cubic"),
    ((1,), ()): TiltSystem("a0a0c+", "P4/mbm", "tetragonal"),
    ((2,), ()): TiltSystem("a0b+b+", "I4/mmm", "tetragonal"),
    ((3,), ()): TiltSystem("a+a+a+", "Im-3", "cubic"),
    ((1, 1, 1), ()): TiltSystem("a+b+c+", "Immm", "orthorhombic"),
    ((), (1,)): TiltSystem("a0a0c-", "I4/mcm", "tetragonal"),
    ((), (2,)): TiltSystem("a0b-b-", "Imma", "orthorhombic"),
    ((), (3,)): TiltSystem("a-a-a-", "R-3c", "rhombohedral"),
    ((), (1, 1)): TiltSystem("a0b-c-", "C2/m", "monoclinic"),
    ((), (2, 1)): TiltSystem("a-b-b-", "C2/c", "monoclinic"),
    ((), (1, 1, 1)): TiltSystem("a-b-c-", "P-1", "triclinic"),
    ((1,), (1,)): TiltSystem("a0b+c-", "Cmcm", "orthorhombic"),
    ((1,), (2,)): TiltSystem("a-a-c+", "Pnma", "orthorhombic"),
    ((1,), (1, 1)): TiltSystem("a+b-c-", "P2_1/m", "monoclinic"),
    ((2,), (1,)): TiltSystem("a+a+c-", "P4_2/nmc", "tetragonal"),
    ((1, 1), ()): TiltSystem("a0b+c+", "Immm", "orthorhombic"),
    ((2, 1), ()): TiltSystem("a+a+c+", "Immm", "orthorhombic"),
    ((1, 1), (1,)): TiltSystem("a+b+c-", "Pmmn", "orthorhombic"),
}
"""Systems by how many in-phase and anti-phase amplitudes are equal, e.g. ``((1,), (2,))`` is a-a-c+.

The first 15 are those of Howard and Stokes, Acta Cryst. B 54, 782 (1998), table 1; the last three
are no isotropy subgroups of their own there (an equality or a zero that symmetry does not protect)
and carry the group that spglib finds for the tilted structure. Tilts of both kinds about one axis
have no Glazer symbol.
"""


def tilt_system(amplitudes, errors, ordered):
    """The tilt system of ordered amplitudes.

    Parameters
    ----------
    amplitudes, errors : array_like, shape (6,)
        In-phase about x, y, z, then anti-phase, in any one unit; the sign does not matter.
    ordered : array_like, shape (6,), bool

    Returns
    -------
    TiltSystem or None
        None if one axis carries both kinds of tilt.
    """
    amplitudes, errors = np.abs(amplitudes).reshape(2, 3), np.reshape(errors, (2, 3))
    ordered = np.reshape(ordered, (2, 3)).astype(bool)
    if (ordered[0] & ordered[1]).any():
        return None
    return TILT_SYSTEMS[tuple(_equal_groups(a[o], e[o]) for a, e, o in zip(amplitudes, errors, ordered, strict=True))]


def _equal_groups(amplitudes, errors):
    """Sizes of the groups of equal amplitudes, largest group first."""
    sizes, rank = [], np.argsort(-amplitudes)
    for place, i in enumerate(rank):
        previous = rank[place - 1]
        tolerance = max(EQUAL_SIGMAS * np.hypot(errors[i], errors[previous]), EQUAL_FRACTION * amplitudes[previous])
        if place and amplitudes[previous] - amplitudes[i] <= tolerance:
            sizes[-1] += 1
        else:
            sizes.append(1)
    return tuple(sorted(sizes, reverse=True))
