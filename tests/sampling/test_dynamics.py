"""Integration of the equations of motion: order, conservation, and what must not happen at low temperature."""

from dataclasses import replace

import builders
import jax
import numpy as np
import pytest

from anharmonic.clusters import ClusterBasis
from anharmonic.conventions import BOLTZMANN
from anharmonic.crystal import Supercell
from anharmonic.evaluation import Evaluator
from anharmonic.potential import precision
from anharmonic.sampling import (
    BussiRescaling,
    CellRescaling,
    Conditions,
    Langevin,
    MolecularDynamics,
    NoseHooverChain,
    Observer,
    Piston,
    Run,
    Sampling,
    Stage,
    strain_modes,
)

SUPERCELL = Supercell.from_matrix([2, 2, 2])


def make_run(springs, cell, temperature, n_chunks, dtype="float32", sampling=None, pressure=0.0, **options):
    """A `Run` of CsPbBr3 in 2x2x2 cells."""
    dynamics = MolecularDynamics.create(springs.crystal, SUPERCELL, strain_modes(cell), dtype=dtype, **options)
    observer, model = Observer(np.zeros((0, 5, 3, 8), dtype)), Evaluator.create(springs, SUPERCELL, dtype)
    stage = Stage(temperature, pressure, equilibration=0, production=n_chunks)
    return Run(dynamics, model, observer, (stage,), sampling or Sampling(1, 50), dtype=dtype)


@pytest.mark.parametrize("cell", ["fixed", "full"])
def test_energy_is_conserved_to_second_order(springs, cell):
    """Without thermostats, halving the time step divides the error of the energy by four."""
    free = {"thermostat": None, "barostat": Piston(100.0, 0.0), "dtype": "float64"}
    errors, ends = [], []
    with precision("float64"):
        run = make_run(springs, cell, 600.0, 4, **free, timestep=4.0, pressure=0.003)
        for factor in (1, 2, 4):
            sampler = replace(run.sampler, timestep=run.sampler.timestep / factor)
            finer = replace(run, sampler=sampler, stages=(replace(run.stages[0], production=4 * factor),))
            progress = finer.start(np.zeros((5, 3, 8)), np.eye(3))
            finer.go(progress)
            conserved = progress.columns()["conserved"]
            errors.append(np.std(conserved[factor - 1 :: factor]))
            ends.append(progress.state)
    ratios = np.divide(errors[:-1], errors[1:])
    assert np.all(abs(ratios - 4) < 0.5), ratios
    assert 1e-7 < errors[-1] < errors[0] < 0.02
    moved = [abs(end.displacements - ends[-1].displacements).max() for end in ends[:-1]]
    assert 3 < moved[0] / moved[1] < 7
    assert (abs(ends[0].deformation - np.eye(3)).max() > 1e-3) == (cell == "full")


@pytest.mark.parametrize("thermostat", [Langevin(10.0), BussiRescaling(), NoseHooverChain()])
def test_thermostats_take_out_the_total_momentum(springs, thermostat):
    """What rounding has given the crystal, and the rescaling of momenta would keep."""
    run = make_run(springs, "full", 300.0, 1, timestep=2.0, thermostat=thermostat, barostat=CellRescaling())
    state = run.start(np.zeros((5, 3, 8)), np.eye(3)).state
    pushed = replace(state, momenta=state.momenta + 1.0)
    with_bath = thermostat(jax.random.key(1), pushed, run.sampler.hamiltonian, Conditions.of(300.0), 2.0)
    assert abs(pushed.momenta.sum(axis=(0, 2))).min() > 39
    assert abs(with_bath.momenta.sum(axis=(0, 2))).max() < 1e-5 * abs(pushed.momenta).sum()


def test_momentum_stays_zero_and_heat_is_accounted_for(springs):
    """Thermostats conserve the total momentum; energy minus heat drifts far less than heat flows."""
    options = {"timestep": 4.0, "thermostat": Langevin(0.01), "barostat": Piston(200.0, 0.01)}
    run = make_run(springs, "full", 300.0, 10, sampling=Sampling(10, 10), **options)
    progress = run.start(np.zeros((5, 3, 8)), np.eye(3))
    run.go(progress)
    state, conserved = progress.state, progress.columns()["conserved"]
    assert abs(state.momenta.sum(axis=(0, 2))).max() < 1e-4 * abs(state.momenta).sum()
    assert state.heat.shape == (2,)
    assert abs(state.heat[0]) > 0.5
    assert abs(state.heat[1]) < 1e-6
    assert np.ptp(conserved) < 0.1 * abs(state.heat[0])
    assert (state.deformation == state.deformation.T).all()


def test_triclinic_cell_near_zero_temperature(springs):
    """At 1 K a strained, displaced start cools into the reference crystal: no rotation, no explosion."""
    options = {"timestep": 5.0, "thermostat": Langevin(0.02), "barostat": Piston(200.0, 0.02)}
    run = make_run(springs, "full", 1.0, 30, sampling=Sampling(10, 10), **options)
    rng = np.random.default_rng(1)
    noise = rng.uniform(-0.01, 0.01, (3, 3))
    progress = run.start(0.02 * rng.normal(size=(5, 3, 8)), np.eye(3) + noise + noise.T)
    first = float(run.model.energy(progress.state.displacements, progress.state.deformation))
    run.go(progress)
    samples = progress.columns()
    late = samples["deformation"][-100:]
    assert first > 0.1
    assert samples["energy"][-100:].max() < 0.02 < 0.2 * first
    assert abs(late - np.eye(3)).max() < 2e-3
    np.testing.assert_allclose(late, np.swapaxes(late, 1, 2), atol=1e-7)
    assert 0.7 < samples["kinetic_temperature"][-100:].mean() < 1.4


def test_start_draws_a_thermal_state(springs):
    """Kinetic energy of the temperature, no momentum, no heat yet; another seed, other momenta."""
    run = make_run(springs, "full", 300.0, 1)
    states = [replace(run, seed=seed).start(np.zeros((5, 3, 8)), np.eye(3)).state for seed in range(12)]
    temperatures = [2 * float(run.sampler.hamiltonian.kinetic_energy(s)) / (117 * BOLTZMANN) for s in states]
    assert abs(np.mean(temperatures) - 300) < 4 * 300 * np.sqrt(2 / 117 / 12)
    assert np.ptp(temperatures) > 5
    for state in states:
        assert (np.asarray(state.heat) == 0).all()
        assert abs(state.momenta.sum(axis=(0, 2))).max() < 1e-4 * abs(state.momenta).sum()
        assert state.cell_momenta.shape == (6,)


def test_one_atom_has_no_kinetic_temperature():
    """Its momentum is zero; the cell still moves, and nothing is divided by zero."""
    crystal, supercell = builders.simple_cubic(), Supercell.from_matrix([1, 1, 1])
    potential = builders.polynomial(ClusterBasis(crystal, pairs=1), [[0.0, 5.0]])
    dynamics = MolecularDynamics.create(crystal, supercell, strain_modes("full"))
    observer, model = Observer(np.zeros((0, 1, 3, 1))), Evaluator.create(potential, supercell)
    run = Run(dynamics, model, observer, (Stage(300.0, production=2),), Sampling(5, 5))
    progress = run.start(np.zeros((1, 3, 1)), np.eye(3))
    run.go(progress)
    assert progress.columns()["kinetic_temperature"].max() < 1e-6
    assert np.ptp(progress.columns()["deformation"], axis=0).max() > 0
