"""Checks of physical_validation (Merz and Shirts, PLoS ONE 13, e0202764 (2018)) on CsPbBr3, for every bath: minutes.

Kinetic energies are compared with their exact distribution, pairs of runs at neighbouring temperatures and
pressures with the ratio of their Boltzmann factors. A time step of 2 fs keeps its own error below the statistical.
"""

import chains
import jax
import numpy as np
import pytest

import anharmonic as ah
from anharmonic.analysis import estimate
from anharmonic.conventions import BOLTZMANN, GPA
from anharmonic.sampling import Conditions

TIMESTEP = 2.0
LENGTHS = {"burn": 8000, "samples": 3000, "stride": 128}
COLD, HOT = 450.0, 485.0
LOW, HIGH = 0.0, 0.16 * GPA
"""Some two standard deviations of energy and volume apart."""
SIGMAS = 3.0
NVT = list(chains.THERMOSTATS)
NPT = [f"{thermostat}, {barostat}" for thermostat in chains.THERMOSTATS for barostat in chains.BAROSTATS]


@pytest.fixture(scope="module")
def validation():
    """The package, which lets pymbar switch JAX to double precision; taken back at the end."""
    package = pytest.importorskip("physical_validation")
    before = jax.config.jax_enable_x64
    yield package
    jax.config.update("jax_enable_x64", before)


def run(method, temperature, pressure=0.0, seed=0):
    """A chain of the method, computed in single precision whatever pymbar has switched on."""
    with jax.enable_x64(False):
        sampler = chains.make_sampler(ah.load("CsPbBr3"), method, timestep=TIMESTEP)
        return chains.chain(sampler, Conditions.of(temperature, pressure), **LENGTHS, seed=seed)


def independent(samples, names):
    """Samples two statistical inefficiencies of these series and of their squares apart: e^-4 of correlation is left.

    Squares, since widths are compared too: a Nose-Hoover chain makes the kinetic energy swing about its mean, so that
    means look uncorrelated after one sample while the size of the swings persists. The package would cut and thin by
    itself, but by one inefficiency, and keeps the part of a series that looks least correlated: of 1,500 samples in
    equilibrium it once kept the last 396, whose variance was 20 percent too small.
    """
    series = [samples[name] - samples[name].mean() for name in names if np.ptp(samples[name])]
    stride = max(int(np.ceil(2 * len(x) / estimate(x).n_effective)) for d in series for x in (d, d**2))
    assert len(samples["energy"]) > 100 * stride, stride
    return {name: x[::stride] for name, x in samples.items()}


def described(package, samples, temperature, pressure=None, names=("energy", "volume")):
    """Independent samples of these series as the package takes them; eV, A, K, fs, eV/A^3."""
    samples = independent(samples, names)
    units = package.data.UnitData(
        kb=BOLTZMANN, energy_str="eV", energy_conversion=96.485, length_str="A", length_conversion=0.1,
        volume_str="A^3", volume_conversion=1e-3, temperature_str="K", temperature_conversion=1.0,
        pressure_str="eV/A^3", pressure_conversion=1e4 / GPA, time_str="fs", time_conversion=1e-3,
    )  # fmt: skip
    fixed = pressure is None
    ensemble = {"volume": samples["volume"][0]} if fixed else {"pressure": pressure}
    energies = {"potential_energy": samples["energy"]}
    if "kinetic" in samples:
        energies |= {"kinetic_energy": samples["kinetic"], "total_energy": samples["energy"] + samples["kinetic"]}
    return package.data.SimulationData(
        units=units,
        ensemble=package.data.EnsembleData(
            "NVT" if fixed else "NPT", natoms=chains.N_ATOMS, temperature=temperature, **ensemble
        ),
        system=package.data.SystemData(
            natoms=chains.N_ATOMS, nconstraints=0, ndof_reduction_tra=3, ndof_reduction_rot=0
        ),
        observables=package.data.ObservableData(**energies, volume=samples["volume"]),
    )


def kinetic_deviations(package, samples, temperature):
    """Mean and width of the kinetic energy, in standard errors from those at `temperature`."""
    return np.array(package.kinetic_energy.distribution(
        described(package, samples, temperature, names=["kinetic"]), strict=False, verbosity=0, bootstrap_seed=1,
        data_is_uncorrelated=True,
    ))  # fmt: skip


def ensemble_deviations(package, one, other):
    """Slopes of the logarithm of the ratio of two distributions, in standard errors from the exact ones."""
    return np.array(package.ensemble.check(one, other, verbosity=0, bootstrap_seed=1, data_is_uncorrelated=True))


@pytest.mark.slow
@pytest.mark.parametrize("method", NVT)
def test_canonical(validation, method):
    """Kinetic energy at two temperatures; potential energies of both."""
    first = 10 * NVT.index(method) + 100
    runs = [run(method, temperature, seed=first + k) for k, temperature in enumerate((COLD, HOT))]
    for samples, temperature in zip(runs, (COLD, HOT), strict=True):
        assert abs(kinetic_deviations(validation, samples, temperature)).max() < SIGMAS
        assert abs(kinetic_deviations(validation, samples, 1.03 * temperature)).max() > 2 * SIGMAS
    one, other = (described(validation, s, t) for s, t in zip(runs, (COLD, HOT), strict=True))
    assert abs(ensemble_deviations(validation, one, other)).max() < SIGMAS
    wrong = described(validation, runs[1], HOT + 20.0)
    assert abs(ensemble_deviations(validation, one, wrong)).max() > SIGMAS


@pytest.mark.slow
@pytest.mark.parametrize("method", [*NPT, "mc"])
def test_isothermal_isobaric(validation, method):
    """Two temperatures, two pressures, and both."""
    states = [(COLD, LOW), (HOT, LOW), (COLD, HIGH), (HOT, HIGH)]
    first = 10 * [*NPT, "mc"].index(method) + 10  # runs that share random numbers would deviate together
    runs = [run(method, *state, seed=first + k) for k, state in enumerate(states)]
    if method != "mc":
        for samples, (temperature, _) in zip(runs, states, strict=True):
            assert abs(kinetic_deviations(validation, samples, temperature)).max() < SIGMAS
    cold, *others = (described(validation, s, *state) for s, state in zip(runs, states, strict=True))
    for other in others:
        assert abs(ensemble_deviations(validation, cold, other)).max() < SIGMAS
    wrong = described(validation, runs[2], COLD, 1.5 * HIGH)
    assert abs(ensemble_deviations(validation, cold, wrong)).max() > SIGMAS
