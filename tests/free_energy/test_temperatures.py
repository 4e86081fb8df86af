"""Along temperature: a crystal whose free energy is an integral, and lines with gaps."""

import builders
import numpy as np
import pytest
from ensembles import thermal
from equilibria import draw_two_atoms
from known_crystals import two_atoms_stretched
from test_exact_ensembles import TwoAtoms

import anharmonic as ah
from anharmonic.clusters import ClusterBasis
from anharmonic.conventions import BOLTZMANN
from anharmonic.errors import AnharmonicError
from anharmonic.free_energy.temperatures import along_temperature, samples_of_run
from anharmonic.sampling.runfile import read_samples
from anharmonic.stopping import Stopped
from anharmonic.sweep.recorded import open_run

LADDER = (250.0, 300.0, 360.0)


class Oscillators:
    """Independent oscillators: energies over kT have a gamma distribution, and ``G/kT = n log(1/kT)`` but for a
    constant."""

    n, n_atoms = 400, 1

    @classmethod
    def series(cls, temperatures, size=4000, seed=0):
        rng = np.random.default_rng(seed)
        return [thermal(t) * rng.gamma(cls.n, size=size) for t in temperatures]

    @classmethod
    def change(cls, start, end):
        return -cls.n * np.log(end / start)


def test_two_atoms_between_temperatures():
    """Independent draws of energy and stretch under pressure; a missing work does not pass."""
    system = TwoAtoms()
    enthalpies, energies = [], []
    for k, temperature in enumerate(LADDER):
        u, deformation = draw_two_atoms(system, temperature, 4000, seed=k)
        energies.append(system.between((u[:, 1] - u[:, 0])[..., 0], deformation[:, 0, 0]))
        enthalpies.append(energies[-1] + system.PRESSURE * system.crystal.volume * np.linalg.det(deformation))
    line = along_temperature(LADDER, enthalpies, 2)
    exact = [two_atoms_stretched(system, t) / thermal(t) for t in LADDER]
    for by_integral in (False, True):
        found, error = line.change(LADDER[0], LADDER[-1], by_integral)
        assert error < 0.05 and abs(found - (exact[2] - exact[0])) < 3 * error
    without, error = along_temperature(LADDER, energies, 2).change(LADDER[0], LADDER[-1])
    assert abs(without - (exact[2] - exact[0])) > 10 * error


def test_mbar_and_the_integral_agree_where_both_are_possible():
    temperatures = 300 * 1.05 ** np.arange(5)
    line = along_temperature(temperatures[::-1], Oscillators.series(temperatures)[::-1], Oscillators.n_atoms)
    assert line.overlapping.all() and not line.short.any()
    for by_integral in (False, True):
        found, error = line.change(temperatures[0], temperatures[-1], by_integral)
        assert abs(found - Oscillators.change(temperatures[0], temperatures[-1])) < 4 * error
    np.testing.assert_allclose(line.errors, line.errors.T, atol=1e-12)


def test_gaps_are_bridged_by_the_integral():
    temperatures = np.array([300.0, 310.0, 420.0, 435.0])
    line = along_temperature(temperatures, Oscillators.series(temperatures), Oscillators.n_atoms)
    assert line.overlapping.tolist() == [True, False, True]
    found, error = line.change(300.0, 435.0)
    by_integral, _ = line.change(300.0, 435.0, by_integral=True)
    expected = Oscillators.change(300.0, 435.0)
    assert abs(found - expected) < 4 * error + 0.5 and abs(by_integral - expected) < 4 * error + 0.5
    plain = np.trapezoid(line.enthalpies, 1 / (BOLTZMANN * temperatures))
    assert abs(plain - expected) > abs(by_integral - expected)  # without the slopes at the ends
    assert line.errors[0, 3] > line.errors[0, 1]


def test_motion_of_the_atoms_counts():
    """The same energies with more atoms: ``-(3/2) (N - 1) log T``, and an enthalpy that goes with it."""
    temperatures = 300 * 1.05 ** np.arange(3)
    series = Oscillators.series(temperatures)
    one, ten = (along_temperature(temperatures, series, n) for n in (1, 10))
    expected = -13.5 * np.log(temperatures[-1] / temperatures[0])
    assert ten.reduced[-1] - one.reduced[-1] == pytest.approx(expected, abs=1e-9)
    np.testing.assert_allclose(ten.enthalpies - one.enthalpies, 13.5 * BOLTZMANN * temperatures)


def test_unknown_temperatures_are_refused():
    line = along_temperature([300.0, 310.0], Oscillators.series([300.0, 310.0]), 1)
    with pytest.raises(AnharmonicError, match="305 K was not sampled"):
        line.change(300.0, 305.0)
    with pytest.raises(AnharmonicError, match="at least two"):
        along_temperature([300.0], Oscillators.series([300.0]), 1)


def test_samples_of_a_run_that_is_not_finished(tmp_path):
    """The temperature that it is at counts, with its work under the stress of the run, see `Conditions.work`."""
    basis, file, chunks = ClusterBasis(builders.simple_cubic(), pairs=1, order=2), tmp_path / "run.h5", []
    springs = builders.polynomial(basis, [[0.0, 6.0]], metadata={"name": "springs"})
    lengths = {"method": "mc", "equilibration": 40, "production": 120, "direction": "cooling"}
    load = {"stress_GPa": [0.5, 0, -1, 0, 0, 0]}
    with pytest.raises(Stopped):
        ah.sweep(
            springs, [2, 2, 2], [100, 200, 300], file, on_chunk=lambda p, plan: chunks.append(p.step),
            stop=lambda: 15 if len(chunks) == 6 else None, **lengths, **load,
        )  # fmt: skip
    found, run, (_, columns) = samples_of_run(tmp_path), open_run(tmp_path), read_samples(file)
    assert [p.temperature for p in run.points] == [300] and found["temperatures"] == [300, 200]
    for k, stage in enumerate(run.plan.stages[:2]):
        chosen = columns["production"] & (columns["stage"] == k)
        conditions, _ = stage.conditions("float32")
        work = [float(conditions.work(run.volume, f)) for f in columns["deformation"][chosen]]
        np.testing.assert_allclose(found["series"][k], columns["energy"][chosen] + work, atol=1e-4)
        assert np.ptp(work) > 0.01 and len(found["strains"][k]) == len(work) == len(found["tilts"][k])
    assert len(found["series"][0]) == 3 * len(found["series"][1]) > 0
