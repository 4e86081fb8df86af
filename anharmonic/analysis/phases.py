"""Name the phase of a run: which tilts are static, and what they make of the crystal.

The rule. A tilt amplitude t that is disordered fluctuates about zero: for a Gaussian of any
width mean|t| / std|t| = 1.32, and 1.73 for a flat distribution. One that is ordered stays away
from zero, whether it keeps its sign or flips between domains: the ratio is |mean| / std and
grows without bound. A component is ordered if the ratio reaches `SIGNAL` and the mean angle
`MINIMUM_ANGLE`. Of Gaussian series worth 5, 10, 20 independent samples 7e-3, 1e-4, none of
20,000 pass by chance; a series shorter than 20 correlation times is called doubtful, and so is a
disordered component that its error bars do not tell from an ordered one of the same irrep.
"""

from dataclasses import dataclass

import numpy as np

from anharmonic.analysis.glazer import tilt_system
from anharmonic.analysis.metric import crystal_system
from anharmonic.analysis.statistics import estimate
from anharmonic.analysis.tilts import angles

SIGNAL = 2.0
"""An ordered amplitude has mean|t| of at least this many std|t|."""

MINIMUM_ANGLE = 0.5
"""Smaller mean angles (degrees) are not called ordered: a bias of a short run, or of rounding."""

VECTOR_SIGNAL = 4.0
"""The length of (t_x, t_y, t_z) is static from this mean/std on (2.37 for three Gaussians about zero)."""

APART = 4.0
"""A disordered component is told from an ordered one if their means are this many standard errors apart."""


@dataclass(frozen=True)
class Phase:
    """A phase and what it was recognised by.

    Attributes
    ----------
    name : str
        Crystal system; "mixed" if tilts of both kinds are static about one axis (two domains).
    glazer : str or None
        Tilt system in canonical axis order; None if the crystal has no tilts, or for "mixed".
    space_group : str or None
        None where tilts do not tell it: no perovskite, or a strain that no tilt explains.
    ordered : tuple of bool, length 6
        Static components: in-phase about x, y, z, anti-phase about x, y, z.
    doubtful : tuple of bool, length 6
        Components whose verdict a longer run (or a supercell that holds them) may change: the
        series is shorter than 20 correlation times, the tilt changes its axis during the run, is
        not ordered but differs from an ordered one of its irrep by less than `APART` standard
        errors, or the supercell does not hold it.
    """

    name: str
    glazer: str | None
    space_group: str | None
    ordered: tuple
    doubtful: tuple


def name_phase(crystal, deformation, tangents=None):
    """Name the phase from series of strains and tilts in equilibrium.

    Parameters
    ----------
    crystal : Crystal
        The reference.
    deformation : array_like, shape (n_samples, 3, 3)
        Deformation gradients F.
    tangents : array_like, shape (n_samples, 6), optional
        Signed tilts as tangents (see `TiltModes.projection`), NaN where the supercell holds none.

    Returns
    -------
    Phase
    """
    if tangents is None or not np.isfinite(tangents).any():
        return Phase(crystal_system(crystal, deformation), None, None, (False,) * 6, (tangents is not None,) * 6)
    tangents = np.asarray(tangents, float)
    ordered = static_tilts(tangents)
    flags = tuple(map(bool, ordered)), tuple(map(bool, doubtful_tilts(tangents)))
    if not ordered.any() and (system := crystal_system(crystal, deformation)) != "cubic":
        return Phase(system, "a0a0a0", None, *flags)
    size = estimate(np.abs(tangents))
    system = tilt_system(size.mean, size.error, ordered)
    if system is None:
        return Phase("mixed", None, None, *flags)
    return Phase(system.name, system.glazer, system.space_group, *flags)


def static_tilts(tangents):
    """Which tilts are ordered by the rule of this module, shape (6,), bool."""
    size = np.abs(tangents)
    away = size.mean(axis=0) >= SIGNAL * size.std(axis=0)
    return away & (angles(size.mean(axis=0)) >= MINIMUM_ANGLE)


def doubtful_tilts(tangents):
    """Which verdicts of `static_tilts` are not settled by this series, shape (6,), bool; see `Phase`."""
    tangents = np.asarray(tangents, float)
    ordered, size = static_tilts(tangents), np.abs(tangents)
    is_large = angles(size.mean(axis=0)) >= MINIMUM_ANGLE
    found = estimate(np.where(ordered, size, tangents))
    unsettled = found.is_short | _changes_axis(tangents, ordered) | _near_ordered(found, ordered)
    return is_large & unsettled | ~np.isfinite(tangents).all(axis=0)


def tilt_estimate(tangents):
    """Mean tilt angles (degrees) with errors, shape (6,): of the magnitude where ordered, else of the signed angle.

    A magnitude is not averaged to zero by flips between domains; it carries the sign of the majority.
    """
    degrees = angles(np.asarray(tangents, float))
    majority = np.where(degrees.sum(axis=0) < 0, -1, 1)
    return estimate(np.where(static_tilts(tangents), np.abs(degrees) * majority, degrees))


def _changes_axis(tangents, ordered):
    """Components of an irrep whose length is static while none of its components is, shape (6,), bool."""
    length = np.linalg.norm(np.nan_to_num(tangents).reshape(-1, 2, 3), axis=-1)
    is_static = length.mean(axis=0) >= VECTOR_SIGNAL * np.maximum(length.std(axis=0), 1e-12)
    return np.repeat(is_static & ~ordered.reshape(2, 3).any(axis=1), 3)


def _near_ordered(found, ordered):
    """Components that are not ordered and not `APART` from an ordered one of their irrep, shape (6,), bool."""
    mean, error, ordered = (np.reshape(x, (2, 3)) for x in (np.abs(found.mean), found.error, ordered))
    difference = np.abs(mean[:, :, None] - mean[:, None])
    is_near = difference < APART * np.hypot(error[:, :, None], error[:, None])
    return (is_near & ordered[:, None]).any(axis=2).ravel() & ~ordered.ravel()
