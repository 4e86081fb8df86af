"""Wave vectors of a crystal: labels, stars, and which of them a supercell holds.

Wave vectors are in reciprocal vectors of the reference cell. Those that a rotation of the space group turns into each
other, or into their negatives, form a star: fields in real space hold q and -q together, so that one of the two
stands for both.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from ase.cell import Cell

from anharmonic.crystal import Crystal, Supercell
from anharmonic.errors import AnharmonicError

TOLERANCE = 1e-6
"""Within which wave vectors are equal."""

DENOMINATOR = 1000
"""Largest denominator of a fraction that is shown."""

CENTRE = "Γ"
"""Label of the zone centre; ``G`` and ``Gamma`` are read as this."""


@dataclass(frozen=True)
class Star:
    """Wave vectors that are equal by symmetry, one of each pair q and -q.

    Attributes
    ----------
    label : str
        That of Setyawan and Curtarolo (Comput. Mater. Sci. 49, 299 (2010)), or the fractions of the first arm.
    arms : ndarray, shape (n_arms, 3)
        Components from 0 to below 1, in rising order.
    operations : ndarray, shape (n_arms,), int
        Operation of the space group that takes the first arm to each ...
    conjugated : ndarray, shape (n_arms,), bool
        ... or to its negative.
    """

    label: str
    arms: np.ndarray
    operations: np.ndarray
    conjugated: np.ndarray

    @property
    def is_real(self):
        """Whether -q is q, up to a reciprocal vector: then every wave has but one phase."""
        return is_integer(2 * self.arms[0])

    def fits(self, supercell):
        """Which arms fit a supercell (S q integer), shape (n_arms,), bool."""
        return np.array([is_integer(supercell.matrix @ q) for q in self.arms])


def star_of(crystal: Crystal, wave_vector):
    """The star of a wave vector (3,)."""
    images = turned(crystal, wave_vector)
    arms = np.array(sorted({tuple(_one_of_two(q)) for q in images}))
    images = turned(crystal, arms[0])
    operations = [int(np.argmax([same_wave(q, arm) or same_wave(-q, arm) for q in images])) for arm in arms]
    conjugated = [not same_wave(images[k], arm) for k, arm in zip(operations, arms, strict=True)]
    known = special_points(crystal)
    label = next((name for name, q in known.items() if any(same_wave(_one_of_two(q), arm) for arm in arms)), None)
    return Star(label or fractions(arms[0]), arms, np.array(operations), np.array(conjugated))


def stars_of(crystal: Crystal, supercell: Supercell):
    """All stars of which a supercell holds an arm, the zone centre first, then labelled ones."""
    points = np.linalg.solve(supercell.matrix.astype(float), Supercell.from_matrix(supercell.matrix.T).cells.T).T
    found, done = [], set()
    for q in points:
        if tuple(_one_of_two(q)) not in done:
            found.append(star_of(crystal, q))
            done |= {tuple(arm) for arm in found[-1].arms}
    return sorted(found, key=lambda star: (star.label != CENTRE, " " in star.label, len(star.arms), star.label))


def special_points(crystal: Crystal):
    """Labelled wave vectors (3,) by name; of cells that ASE does not recognise the zone centre only."""
    try:
        points = Cell(crystal.cell).bandpath(npoints=0).special_points
    except (RuntimeError, ValueError):
        points = {"G": np.zeros(3)}
    return {CENTRE if name == "G" else name: np.asarray(q, float) for name, q in points.items()}


def read_wave_vector(crystal: Crystal, words):
    """The wave vector that words begin with, and the words that are left.

    Parameters
    ----------
    crystal : Crystal
    words : list of str
        A label, such as ``["M"]``, or three fractions, such as ``["1/2", "1/2", "0"]``; any words may follow.

    Returns
    -------
    ndarray, shape (3,)
    list of str

    Raises
    ------
    AnharmonicError
        If they are neither.
    """
    known = special_points(crystal)
    name = CENTRE if words[:1] in (["G"], ["Gamma"]) else "".join(words[:1])
    if name in known:
        return known[name], words[1:]
    try:
        if len(words) < 3:
            raise ValueError
        return np.array([float(Fraction(word)) for word in words[:3]]), words[3:]
    except (ValueError, ZeroDivisionError):
        raise AnharmonicError(
            f"a wave vector is a label ({', '.join(known)}) or three fractions such as 1/2 1/2 0, in reciprocal "
            f"vectors of the reference cell; found {' '.join(words)!r}"
        ) from None


def turned(crystal: Crystal, wave_vector):
    """Images of a wave vector (3,) under all operations of the space group, shape (n_operations, 3)."""
    return np.linalg.solve(np.swapaxes(crystal.space_group.rotations, 1, 2), np.asarray(wave_vector, float)[:, None])[
        ..., 0
    ]


def same_wave(one, other):
    """Whether two wave vectors differ by a reciprocal vector."""
    return is_integer(np.asarray(one) - other)


def is_integer(values):
    """Whether all numbers are integers, within `TOLERANCE`."""
    return bool(np.allclose(values, np.round(values), atol=TOLERANCE, rtol=0))


def fractions(wave_vector):
    """Components of a wave vector as fractions, parted by spaces."""
    return " ".join(str(Fraction(float(x)).limit_denominator(DENOMINATOR)) for x in wave_vector)


def _one_of_two(wave_vector):
    """Of q and -q, reduced to components from 0 to below 1, the one that comes first."""
    both = [[_snapped(sign * x) for x in wave_vector] for sign in (1, -1)]
    return np.array(min(both, key=lambda q: np.round(q, 6).tolist()))


def _snapped(x):
    """A number from 0 to below 1, modulo 1; the fraction itself where it is one but for rounding."""
    near = Fraction(float(x)).limit_denominator(DENOMINATOR)
    return float(near % 1) if abs(float(near) - x) < TOLERANCE**1.5 else float(x % 1)
