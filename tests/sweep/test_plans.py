"""Plans: stresses and ramps become conditions, and contradictions are refused."""

import numpy as np
import pytest
from builders import random_potential, simple_cubic

from anharmonic.clusters import ClusterBasis
from anharmonic.conventions import GPA
from anharmonic.errors import AnharmonicError
from anharmonic.sweep import SweepPlan
from anharmonic.sweep.samplers import potential_name, recorded_options
from anharmonic.sweep.simulation_plan import SimulationPlan

CELL = ((2, 0, 0), (0, 2, 0), (0, 0, 2))


def test_stress_becomes_pressure_and_tension():
    """xx yy zz yz xz xy in GPa, tension positive: the pressure is minus a third of the trace."""
    (stage,) = SimulationPlan(CELL, (300,), stress_GPa=[1, 2, -6, 0.4, 0.5, 0.6]).stages
    assert stage.pressure == pytest.approx(1.0 * GPA)
    expected = np.array([[2, 0.6, 0.5], [0.6, 3, 0.4], [0.5, 0.4, -5]]) * GPA
    np.testing.assert_allclose(stage.tension, expected, atol=1e-12)
    (plain,) = SimulationPlan(CELL, (300,), pressure_GPa=2.0).stages
    assert plain.pressure == pytest.approx(2 * GPA) and plain.tension is None and plain.end is None
    stages = SweepPlan([2, 2, 2], [100, 200], stress_GPa=[0, 0, -3, 0, 0, 0], cell="orthorhombic").stages
    assert [s.pressure for s in stages] == pytest.approx([GPA, GPA])


def test_ramps():
    plan = SimulationPlan(CELL, (100,), end_temperature=500, stress_GPa=[0] * 6, end_stress_GPa=[0, 0, -3, 0, 0, 0])
    (stage,) = plan.stages
    temperature, pressure, tension = stage.end
    assert (stage.temperature, temperature, stage.pressure) == (100, 500, 0)
    assert pressure == pytest.approx(GPA)
    np.testing.assert_allclose(np.diag(tension), np.array([1, 1, -2]) * GPA)
    assert stage.name == "100 to 500 K"
    begin, end = stage.conditions("float32")
    assert float(begin.temperature) == 100 and float(end.pressure) == pytest.approx(GPA)
    (squeezed,) = SimulationPlan(CELL, (300,), end_pressure_GPa=2.0).stages
    assert squeezed.end[:2] == pytest.approx((300, 2 * GPA))


def test_defaults_of_baths():
    assert (SweepPlan([2, 2, 2], [100]).thermostat, SweepPlan([2, 2, 2], [100]).barostat) == ("langevin", "piston")
    fixed = SimulationPlan(CELL, (300,), ensemble="nvt", thermostat="bussi")
    assert (fixed.thermostat, fixed.barostat) == ("bussi", None)
    assert SweepPlan([2, 2, 2], [100], method="mc").thermostat is None
    long = SweepPlan([2, 2, 2], [100], until=[("energy", 1.0)])
    assert long.production == 20 * SweepPlan([2, 2, 2], [100]).production
    assert SimulationPlan(CELL, (300,), snapshots=201).snapshots == 400


@pytest.mark.parametrize(
    "options, message",
    [
        ({"stress_GPa": [0, 0, 1]}, "six numbers"),
        ({"stress_GPa": [0, 0, np.nan, 0, 0, 0]}, "six numbers"),
        ({"stress_GPa": [0] * 6, "pressure_GPa": 1.0}, "contradict"),
        ({"stress_GPa": [0, 0, 0, 0, 0, 1], "cell": "orthorhombic"}, "shear stress needs the cell full"),
        ({"stress_GPa": [0, 0, 1, 0, 0, 0], "cell": "isotropic"}, "need the cell orthorhombic or full"),
        ({"stress_GPa": [0, 0, 1, 0, 0, 0], "ensemble": "nvt"}, "is for npt; found the ensemble nvt"),
        ({"end_pressure_GPa": 1.0, "ensemble": "nvt"}, "is for npt"),
        ({"end_temperature": 500, "temperatures": (300, 400)}, "begins at one temperature"),
        ({"end_temperature": 500, "ensemble": "nve"}, "needs a thermostat"),
        ({"end_temperature": 0}, "ends above 0 K"),
        ({"end_temperature": 500, "until": [("energy", 1)]}, "cannot end at a requested precision"),
        ({"end_pressure_GPa": 1.0, "stress_GPa": [0] * 6}, "one of pressure or of stress"),
        ({"end_stress_GPa": [0] * 6, "pressure_GPa": 1.0}, "contradict"),
        ({"thermostat": "andersen"}, "langevin, bussi, nose-hoover; found 'andersen'"),
        ({"barostat": "berendsen"}, "piston, cell-rescaling; found 'berendsen'"),
        ({"barostat": "piston", "ensemble": "nvt"}, "barostat is for a flexible cell"),
        ({"thermostat": "bussi", "method": "mc"}, "Monte Carlo has no thermostat"),
        ({"observe": ["pressure"]}, "stress, correlation, sites, mode WAVE-VECTOR; found 'pressure'"),
        ({"observe": ["mode"]}, "mode WAVE-VECTOR; found 'mode'"),
        ({"snapshots": -1}, "from 0 on"),
        ({"friction": 0.0}, "friction are above 0"),
    ],
)
def test_contradictions(options, message):
    with pytest.raises(AnharmonicError, match=message):
        SimulationPlan(CELL, **({"temperatures": (300,)} | options))


@pytest.mark.parametrize("name", ["springs", "fit of 300 K, second"])
def test_options_of_a_run_know_the_name_of_the_potential(name):
    """Names with spaces included; the digest behind it is that of the numbers."""
    basis, plan = ClusterBasis(simple_cubic(), pairs=1, order=2), SimulationPlan(CELL, (300,))
    one, other = (random_potential(basis, "polynomial", seed, metadata={"name": name}) for seed in (0, 1))
    options = [recorded_options(potential, plan, None) for potential in (one, other)]
    assert [potential_name(o) for o in options] == [name, name]
    assert options[0]["potential"] != options[1]["potential"]
