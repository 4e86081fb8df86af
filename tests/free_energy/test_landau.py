"""Umbrella sampling against an exact density, and what is made of it."""

import builders
import numpy as np
import pytest
from ensembles import thermal
from known_crystals import start
from test_double_well import AXIS, DoubleWell

from anharmonic.crystal import Supercell
from anharmonic.errors import AnharmonicError
from anharmonic.free_energy.landau import (
    LandauOptions,
    coordinate_of,
    free_energy_of_samples,
    free_energy_of_windows,
    landau_coefficients,
    umbrella_samples,
)
from anharmonic.free_energy.models import Coordinate

TEMPERATURE = 300.0
RANGE = {"lowest": -0.5, "highest": 0.5}


@pytest.fixture(scope="module")
def found():
    """One component of the vector between two atoms, in windows over three humps of its density."""
    system = DoubleWell()
    options = LandauOptions(
        temperature=TEMPERATURE, cell="fixed", windows=7, bins=14, production=1500, trajectory=5, **RANGE
    )
    pattern = np.zeros((2, 3, 1))
    pattern[:, 0, 0] = -1.0, 1.0
    coordinate = Coordinate.of_arrays(pattern)
    series = umbrella_samples(system.potential, start(system.potential, system.supercell), options, coordinate)
    return system, options, series, free_energy_of_windows(series, options)


def expected(system, q, width, temperature=TEMPERATURE):
    """``-kT log P`` (eV) of bins of a width, from the exact density."""
    density, _, _ = system.fixed_cell(temperature)
    inside = [np.interp(np.linspace(x - width / 2, x + width / 2, 21), AXIS, density).mean() for x in q]
    energy = -thermal(temperature) * np.log(inside)
    return energy - energy.min()


def scores(found, energy):
    """Deviations in standard errors, after the mean deviation is taken out: free energies have no zero, and no error
    at the bin that is their zero.
    """
    usable = found.error > 0
    off, error = (found.free_energy - energy)[usable], found.error[usable]
    return (off - np.sum(off / error**2) / np.sum(1 / error**2)) / error


@pytest.mark.slow
def test_free_energy_of_a_known_density(found):
    """Three humps; densities of other temperatures, and that with the bias left in, do not pass."""
    system, options, series, profile = found
    width = options.edges[1] - options.edges[0]
    assert np.isfinite(profile.free_energy).all() and profile.error.max() < 0.3 * thermal(TEMPERATURE)
    assert (profile.overlap > 0.03).all()
    right = np.mean(scores(profile, expected(system, profile.q, width)) ** 2)
    assert right < 3
    assert np.mean(scores(profile, expected(system, profile.q, width, 1.3 * TEMPERATURE)) ** 2) > 3 * right
    biased = free_energy_of_samples(np.concatenate(series), TEMPERATURE, options.edges)
    assert np.mean(scores(profile, biased) ** 2) > 4 * right


def test_windows_stay_near_their_centres(found):
    """Their means follow, and a harmonic force balances the mean slope of the free energy."""
    _, options, series, profile = found
    assert (np.diff(profile.means) > 0).all()
    forces = options.stiffness * (options.centres - profile.means)
    work = np.trapezoid(forces, profile.means)
    ends = np.interp(profile.means[[0, -1]], profile.q, profile.free_energy)
    assert work == pytest.approx(ends[1] - ends[0], abs=0.3 * thermal(TEMPERATURE))


def test_tilts_and_strains_are_linear_coordinates():
    crystal, supercell = builders.perovskite(), Supercell.from_matrix([2, 2, 2])
    state = builders.distorted(crystal, [2, 2, 2], 1, 0.0, 0.0, ((0, 0, 7.0), (4.0, 0, 0)))
    for name, angle in (("in-phase-z", 7.0), ("anti-phase-x", 4.0), ("in-phase-x", 0.0)):
        coordinate = coordinate_of(name, crystal, supercell, "float64")
        value = float(np.sum(coordinate.pattern * state.displacements))
        assert value == pytest.approx(np.tan(np.radians(angle)), abs=1e-12)
    strain = coordinate_of("strain-xy", crystal, supercell, "float64").strain
    assert np.sum(strain * np.array([[0.1, 0.03, 0], [0.05, 0.2, 0], [0, 0, 0]])) == pytest.approx(0.04)


def test_what_is_no_coordinate_is_refused():
    with pytest.raises(AnharmonicError, match="cubic perovskites"):
        coordinate_of("in-phase-z", builders.bcc(), Supercell.from_matrix([2, 2, 2]))
    with pytest.raises(AnharmonicError, match="even numbers"):
        coordinate_of("in-phase-z", builders.perovskite(), Supercell.from_matrix([3, 2, 2]))
    for wrong in ({"along": "tilt"}, {"windows": 1}, {"lowest": 1.0}, {"along": "strain-xx", "cell": "fixed"}):
        with pytest.raises(AnharmonicError):
            LandauOptions(**({"temperature": 300.0} | wrong))


def test_coefficients_of_a_known_polynomial():
    q = np.linspace(0, 0.2, 41)
    energy = 0.3 - 2.0 * q**2 + 60.0 * q**4 + 300.0 * q**6
    noise = 1e-4 * np.random.default_rng(0).normal(size=41)
    found, errors = landau_coefficients(q, energy + noise, np.full(41, 1e-4))
    assert (abs(found - [-2.0, 60.0, 300.0]) < 4 * errors).all() and errors[0] < 0.1
    with pytest.raises(AnharmonicError, match="too few"):
        landau_coefficients(q[:4], energy[:4], np.ones(4))
