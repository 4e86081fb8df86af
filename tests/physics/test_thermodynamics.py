"""Thermodynamics of runs: two routes to heat capacity and expansion, the classical limit, elastic constants at 0 K."""

import builders
import numpy as np
import pytest

import anharmonic as ah
from anharmonic.clusters import ClusterBasis
from anharmonic.conventions import GPA
from anharmonic.crystal import Configuration, Supercell
from anharmonic.evaluation.elasticity import elastic_stiffness
from anharmonic.potential.relaxation import relax
from anharmonic.sweep.recorded import open_run
from anharmonic.sweep.thermodynamics import thermodynamics

FINE = 4.0


def analysed(potential, folder, supercell, temperatures, production, **options):
    """Sweep, and the thermodynamics of its run file."""
    file = folder / "run.h5"
    ah.sweep(potential, supercell, temperatures, file=file, equilibration=4000, production=production, **options)
    return thermodynamics(open_run(file))


def two_routes(found, key):
    """Differences of both routes in standard errors, by interval."""
    return np.array([i[f"sigmas_{key}"] for i in found["intervals"]])


@pytest.mark.slow
def test_cspbbr3_tends_to_three_k_by_two_routes(tmp_path):
    """The cubic phase of CsPbBr3: both routes agree in heat capacity and expansion, near 3 k per atom."""
    found = analysed("CsPbBr3", tmp_path, [4, 4, 4], [420, 480, 540], 100_000, direction="cooling", seed=3)
    assert {p["phase"] for p in found["points"]} == {"cubic"}
    assert abs(two_routes(found, "heat")).max() < FINE
    assert abs(two_routes(found, "volume")).max() < FINE
    for p in found["points"]:
        assert abs(p["heat_capacity_kB_per_atom"] - 3) < 0.15 + FINE * p["heat_capacity_error_kB_per_atom"]
        assert p["heat_capacity_error_kB_per_atom"] < 0.08
    for i in found["intervals"]:
        assert abs(i["heat_capacity_kB_per_atom"] - 3) < 0.2 + FINE * i["heat_capacity_error_kB_per_atom"]
        assert abs(i["heat_capacity_kB_per_atom"] - 1.5) > 10 * i["heat_capacity_error_kB_per_atom"]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["md", "mc"])
def test_a_simple_anharmonic_crystal(tmp_path, method):
    """CsCl with stiff quartic springs: both routes agree, and the correction to 3 k grows with temperature."""
    basis = ClusterBasis(builders.cesium_chloride(), pairs=2, order=4)
    salt = builders.polynomial(basis, [[0.0, 6.0, -18.0, 300.0], [0.0, 3.0, -9.0, 150.0]], metadata={"name": "salt"})
    temperatures, production = np.arange(100, 901, 200), 200_000 if method == "md" else 20_000
    found = analysed(salt, tmp_path, [4, 4, 4], temperatures, production, direction="cooling", method=method)
    assert abs(two_routes(found, "heat")).max() < FINE and abs(two_routes(found, "volume")).max() < FINE
    hot, cold = found["points"][0], found["points"][-1]
    corrections = [3 - p["heat_capacity_kB_per_atom"] for p in (cold, hot)]
    error = np.hypot(*(p["heat_capacity_error_kB_per_atom"] for p in (cold, hot)))
    assert 0 < corrections[0] < 0.3 and corrections[1] < 0.6
    assert corrections[1] - corrections[0] > 3 * error


@pytest.mark.slow
def test_elastic_constants_of_a_cold_crystal(tmp_path, springs):
    """Strain fluctuations at 10 K against second derivatives at 0 K; half the volume is refuted."""
    start = Configuration.reference(springs.crystal, Supercell.from_matrix([2, 2, 2]))
    expected = elastic_stiffness(springs, relax(springs, start, force_tolerance=1e-7)[0]) / GPA
    found = analysed(springs, tmp_path, [2, 2, 2], [10], 400_000, direction="cooling")["points"][0]
    stiffness, error = (np.array(found[k]) for k in ("elastic_constants_GPa", "elastic_constants_error_GPa"))
    assert found["born_stable"] and not found["elastic_constants_short"]
    for entry in ((0, 0), (0, 1), (3, 3)):
        assert abs(stiffness[entry] - expected[entry]) < FINE * error[entry] + 0.02 * expected[entry]
        assert error[entry] < 0.1 * expected[entry]
        assert abs(2 * stiffness[entry] - expected[entry]) > FINE * error[entry] + 0.02 * expected[entry]
