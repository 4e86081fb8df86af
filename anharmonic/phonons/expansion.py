"""Quasi-harmonic expansion: the volume at which the free energy of harmonic phonons is lowest.

What it leaves out, that phonons change with temperature at a given volume, is what sampling has: the difference of both
is a measure of anharmonicity. Classical statistics make them comparable; quantum ones are those of a real crystal.
"""

import warnings
from dataclasses import dataclass, replace

import numpy as np
from phonopy import PhonopyQHA

from anharmonic.crystal import Supercell
from anharmonic.errors import AnharmonicError
from anharmonic.phonons.harmonic import harmonic_phonons
from anharmonic.phonons.points import MESH_LENGTH
from anharmonic.potential.library import load
from anharmonic.potential.relaxation import SHAPE, relax
from anharmonic.sweep.start import relaxed_phases

SCALES = tuple(np.linspace(0.99, 1.02, 11))
"""Lengths of the cell, relative to those at rest, whose free energies are computed."""

FEWEST = 5
"""Stable volumes that the equation of state takes."""

STATISTICS = ("quantum", "classical")

STEP = 10.0
"""K between temperatures."""

IMAGINARY = -0.02
"""THz; above it an imaginary frequency is rounding."""


@dataclass(frozen=True)
class Expansion:
    """Quasi-harmonic expansion of a phase.

    Attributes
    ----------
    temperature : ndarray, shape (n,)
        K.
    volume : ndarray, shape (n,)
        A^3 per reference cell.
    expansion : ndarray, shape (n,)
        Volumetric expansion coefficient (1/K).
    bulk_modulus : ndarray, shape (n,)
        Isothermal, GPa.
    unstable : tuple of float
        Volumes (A^3 per reference cell) that were left out: their phonons are imaginary.
    """

    temperature: np.ndarray
    volume: np.ndarray
    expansion: np.ndarray
    bulk_modulus: np.ndarray
    unstable: tuple


def quasi_harmonic(potential, most, supercell=None, state=None, scales=SCALES, on_volume=None):
    """Expansion of a phase up to a temperature, by phonopy, with quantum and with classical statistics.

    Atoms and the shape of the cell are relaxed at every volume, without temperature: what temperature does to the shape
    is left out.

    Parameters
    ----------
    potential : Potential, str or path
    most : float
        Highest temperature (K).
    supercell : as of `harmonic_phonons`
    state : Configuration, optional
        A relaxed phase; the lowest one by default.
    scales : sequence of float
        Lengths of the cell relative to those of the state.
    on_volume : callable, optional
        Called with the numbers of volumes done and of all.

    Returns
    -------
    dict of str to Expansion
        ``"quantum"`` and ``"classical"``, as in sampling.

    Raises
    ------
    AnharmonicError
        If fewer than five of the volumes are stable, or the best volume is outside them.
    """
    potential = load(potential)
    if most < STEP:
        raise AnharmonicError(f"the expansion goes up to a temperature of {STEP:g} K or more; found {most:g}")
    state = next(iter(relaxed_phases(potential).values()))[0] if state is None else state
    temperatures, found, unstable = np.arange(0, most + 3.5 * STEP, STEP), [], []
    for k, scale in enumerate(scales):
        strained = replace(state, deformation=scale * state.deformation)
        strained, energy = relax(potential, strained, cell=SHAPE)
        share = 1 / state.supercell.n_cells
        thermal = _thermal(potential, supercell, strained, temperatures)
        if thermal is None:
            unstable.append(strained.volume * share)
        else:
            found.append((strained.volume * share, energy * share, thermal))
        if on_volume is not None:
            on_volume(k + 1, len(scales))
    if len(found) < FEWEST:
        raise AnharmonicError(
            f"only {len(found)} of {len(scales)} volumes have real frequencies: quasi-harmonic expansion is for a "
            "stable phase, with volumes around its own"
        )
    return {name: _fitted(temperatures, found, name, unstable, most) for name in STATISTICS}


def _thermal(potential, supercell, state, temperatures):
    """Free energy, entropy, heat capacity (n,) per reference cell, in phonopy's units; None if a mode is imaginary."""
    if supercell is not None and not isinstance(supercell, Supercell):
        supercell = Supercell.from_matrix(supercell)
    phonon = harmonic_phonons(potential, supercell, state)
    phonon.run_mesh(MESH_LENGTH)
    if phonon.mesh.frequencies.min() < IMAGINARY:
        return None
    share, found = potential.crystal.n_sites / len(phonon.primitive), {}
    for name in STATISTICS:
        classical = name == "classical"
        phonon.run_thermal_properties(temperatures=temperatures, classical=classical, cutoff_frequency=-IMAGINARY)
        own = phonon.thermal_properties
        found[name] = [share * np.array(x) for x in (own.free_energy, own.entropy, own.heat_capacity)]
    return found


def _fitted(temperatures, found, statistics, unstable, most):
    """Phonopy's equation of state at each temperature."""
    volumes, energies, thermal = zip(*found, strict=True)
    volumes, energies = np.array(volumes), np.array(energies)
    free_energy, entropy, heat_capacity = np.moveaxis([own[statistics] for own in thermal], 1, 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = PhonopyQHA(
            volumes=volumes, electronic_energies=energies, temperatures=temperatures, free_energy=free_energy.T,
            cv=heat_capacity.T, entropy=entropy.T, t_max=most + STEP,
        )  # fmt: skip
    volume = np.array(fit.volume_temperature)
    keep = temperatures[: len(volume)] <= most
    if not (volumes.min() <= volume[keep].min() and volume[keep].max() <= volumes.max()):
        raise AnharmonicError(
            f"the volume of the lowest free energy, {volume[keep].min():.1f} to {volume[keep].max():.1f} A^3, is "
            f"outside those that were computed and stable, {volumes.min():.1f} to {volumes.max():.1f}: take others, or "
            "a lower temperature"
        )
    n = np.count_nonzero(keep)
    return Expansion(
        temperatures[:n], volume[:n], np.array(fit.thermal_expansion)[:n],
        np.array(fit.bulk_modulus_temperature)[:n], tuple(unstable),
    )  # fmt: skip
