"""Thermodynamic integration of crystals whose free energy is an integral over four numbers."""

import builders
import numpy as np
import pytest
from ensembles import thermal
from known_crystals import DoubleWell, start, two_atoms_fixed, two_atoms_stretched

from anharmonic.conventions import GPA
from anharmonic.crystal import Supercell
from anharmonic.errors import AnharmonicError
from anharmonic.free_energy.integration import IntegrationOptions, integrate, nodes
from anharmonic.free_energy.mbar import thinned
from anharmonic.free_energy.temperatures import along_temperature
from anharmonic.sweep import sweep

TEMPERATURE = 300.0
LENGTHS = {"equilibration": 100, "production": 2000, "windows": 7, "trajectory": 5}
SIGMAS = 3.0


class Pressed(DoubleWell):
    """Under a pressure that takes 8 percent of the volume: so its powers differ."""

    PRESSURE = 4 * GPA


def test_nodes_integrate_polynomials():
    couplings, weights = nodes(8)
    assert couplings[0] == 1 and couplings[-1] == 0 and (np.diff(couplings) < 0).all()
    for power in range(6):
        assert weights @ couplings**power == pytest.approx(1 / (power + 1), abs=1e-12)


def agrees(found, expected):
    """Both estimates, each within its error."""
    for value, error in ((found.difference, found.difference_error), (found.quadrature, found.quadrature_error)):
        assert abs(found.reference + value - expected) < SIGMAS * error
        assert error < 0.1 * thermal(TEMPERATURE)


@pytest.mark.slow
def test_double_well_in_a_fixed_cell():
    """An Einstein crystal becomes an atom in six wells; a wrong temperature or mass does not pass."""
    system = DoubleWell()
    options = IntegrationOptions(temperature=TEMPERATURE, cell="fixed", **LENGTHS)
    found = integrate(system.potential, start(system.potential, system.supercell), options)
    agrees(found, two_atoms_fixed(system, TEMPERATURE))
    assert abs(found.free_energy - two_atoms_fixed(system, 1.03 * TEMPERATURE)) > SIGMAS * found.difference_error
    assert (found.overlap > 0.03).all()


@pytest.mark.slow
def test_double_well_in_a_flexible_cell():
    """Under pressure; a missing or an additional power of the volume does not pass, nor does no pressure."""
    system, lengths = Pressed(), LENGTHS | {"production": 3000}
    options = IntegrationOptions(
        temperature=TEMPERATURE, cell="isotropic", pressure_GPa=system.PRESSURE / GPA, **lengths
    )
    found = integrate(system.potential, start(system.potential, system.supercell), options)
    agrees(found, two_atoms_stretched(system, TEMPERATURE))
    work = system.PRESSURE * system.crystal.volume
    assert work > 2 * SIGMAS * found.difference_error
    wrong = [two_atoms_stretched(system, TEMPERATURE, power) for power in (0, 2)]
    assert min(abs(found.free_energy - w) for w in wrong) > 2 * found.difference_error


@pytest.mark.slow
def test_two_references_and_the_way_along_temperature():
    """A perovskite of 40 atoms under pressure: three routes to one Gibbs energy, each to 0.4 meV per formula unit."""
    potential, supercell = builders.spring_perovskite(), Supercell.from_matrix([2, 2, 2])
    ladder = np.linspace(200, 300, 4)
    shared = {"pressure_GPa": 0.5, "production": 5000, "windows": 10}

    def gibbs(name, temperature):
        options = IntegrationOptions(temperature=temperature, reference=name, **shared)
        return integrate(potential, start(potential, supercell), options)

    cold, hot, other = gibbs("einstein", 200.0), gibbs("einstein", 300.0), gibbs("harmonic", 300.0)
    volume, series = potential.crystal.volume * 8, []
    options = {"method": "mc", "production": 20000, "pressure_GPa": 0.5}
    swept = sweep(potential, [2, 2, 2], ladder, **options).samples
    for k in range(4):
        chosen = swept["production"] & (swept["stage"] == k)
        work = 0.5 * GPA * volume * np.linalg.det(swept["deformation"][chosen].astype(float))
        series.append(swept["energy"][chosen] + work)
    change, error = along_temperature(ladder, series, 40).change(200, 300)
    along = 1.5 * cold.free_energy + thermal(300.0) * change
    along_error = np.hypot(1.5 * cold.difference_error, thermal(300.0) * error)
    for route, route_error in ((other.free_energy, other.difference_error), (along, along_error)):
        value, spread = (route - hot.free_energy) / 8, np.hypot(route_error, hot.difference_error) / 8
        print(f"{1000 * value:+.3f} +- {1000 * spread:.3f} meV per formula unit")
        assert abs(value) < 3 * spread and spread < 4e-4


def test_options_are_checked():
    for wrong in ({"windows": 2}, {"reference": "debye"}, {"temperature": 0.0}, {"cell": "cubic"}, {"trajectory": 0}):
        with pytest.raises(AnharmonicError):
            IntegrationOptions(**({"temperature": 300.0} | wrong))
    with pytest.raises(AnharmonicError, match="contradicts a fixed cell"):
        IntegrationOptions(temperature=300.0, cell="fixed", pressure_GPa=1.0)


def test_few_samples_are_refused():
    with pytest.raises(AnharmonicError, match="sample longer"):
        thinned(np.cumsum(np.random.default_rng(0).normal(size=200)))
