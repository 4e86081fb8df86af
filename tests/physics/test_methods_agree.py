"""Molecular dynamics and Monte Carlo sample the same ensemble of CsPbBr3 with the shipped potential: minutes."""

import builders
import numpy as np
import pytest

import anharmonic as ah
from anharmonic.analysis import estimate
from anharmonic.evaluation import Evaluator
from anharmonic.potential import precision
from anharmonic.sampling import Conditions, MolecularDynamics, MonteCarlo, Observer, Run, Sampling, Stage, strain_modes

TEMPERATURES = (100, 300, 450)
LENGTHS = {"md": {"equilibration": 8000, "production": 40000}, "mc": {"equilibration": 4000, "production": 80000}}
N_CELLS = 64


@pytest.fixture(scope="module")
def potential():
    """The shipped potential; springs where there is none yet."""
    return ah.load("CsPbBr3") if "CsPbBr3" in ah.shipped() else builders.spring_perovskite()


@pytest.fixture(scope="module")
def sweeps(potential):
    """Heating of 320 atoms by both methods."""
    return {m: ah.sweep(potential, [4, 4, 4], TEMPERATURES, method=m, **LENGTHS[m]) for m in LENGTHS}


def observables(result, stage):
    """Series and their fluctuations that do not depend on how domains lie; where none turns, all strains too."""
    samples = result.samples
    chosen = (samples["stage"] == stage) & samples["production"]
    deformation, tilts = samples["deformation"][chosen].astype(float), samples["projections"][chosen].astype(float) ** 2
    lengths, shears = np.linalg.norm(deformation, axis=1), deformation[:, [1, 0, 0], [2, 2, 1]]
    series = {
        "energy": samples["energy"][chosen].astype(float) / N_CELLS,
        "volume": np.linalg.det(deformation),
        "spread of lengths": lengths.std(axis=1),
        "mean length": lengths.mean(axis=1),
        "squared in-phase tilts": tilts[:, :3].sum(axis=1),
        "squared anti-phase tilts": tilts[:, 3:].sum(axis=1),
        "squared shears": (shears**2).sum(axis=1),
    }
    if stage == 0:  # no domain turns
        series |= {f"F{i}{j}": deformation[:, i, j] for i in range(3) for j in range(i, 3)}
    fluctuations = {f"fluctuation of {name}": (x - x.mean()) ** 2 for name, x in series.items()}
    return series | fluctuations


@pytest.mark.slow
@pytest.mark.parametrize("stage", range(len(TEMPERATURES)), ids=[f"{t} K" for t in TEMPERATURES])
def test_dynamics_and_monte_carlo_agree(sweeps, stage):
    """Within errors that are small enough to mean something."""
    md, mc = (observables(sweeps[m], stage) for m in ("md", "mc"))
    for name in md:
        one, other = estimate(md[name]), estimate(mc[name])
        error = np.hypot(one.error, other.error)
        assert abs(one.mean - other.mean) < 4 * error, (name, one, other)
    thermal = 8.617e-5 * TEMPERATURES[stage] * 7.5
    assert np.hypot(estimate(md["energy"]).error, estimate(mc["energy"]).error) < 0.02 * thermal


@pytest.mark.slow
def test_temperatures_differ(sweeps):
    """A control: neighbouring temperatures are told apart by far more than the errors."""
    energies = [estimate(observables(sweeps["md"], k)["energy"]) for k in range(3)]
    for low, high in zip(energies, energies[1:], strict=False):
        assert high.mean - low.mean > 20 * np.hypot(low.error, high.error)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_shipped_potential_in_calculator_and_engines(potential, dtype):
    """A thermal structure of 320 atoms: ASE, dynamics and Monte Carlo, 1e-6 eV per cell or 1e-12 relative."""
    state = builders.distorted(potential.crystal, [4, 4, 4], 1, 0.005, 0.1, tilts=((0, 0, 8), (6, 6, 0)))
    atoms = state.to_atoms()[np.random.default_rng(2).permutation(320)]
    atoms.calc = ah.Calculator(potential, dtype=dtype, extrapolation="ignore")
    energy = atoms.get_potential_energy()
    mapped = ah.map_atoms(potential.crystal, atoms)
    model = Evaluator.create(potential, mapped.supercell, dtype)
    with precision(dtype):
        modes = strain_modes("full")
        samplers = (
            MolecularDynamics.create(potential.crystal, mapped.supercell, modes, dtype=dtype),
            MonteCarlo.create(potential, mapped.supercell, modes, dtype=dtype),
        )
        for sampler in samplers:
            observer = Observer(np.zeros((0, 5, 3, N_CELLS), dtype))
            run = Run(sampler, model, observer, (Stage(300.0),), Sampling(), dtype=dtype)
            begun = run.start(mapped.displacements, mapped.deformation).state
            observed = sampler.observe(begun, Conditions.of(300.0, dtype=dtype), model)["energy"]
            assert observed.dtype == dtype
            assert float(getattr(begun, "energy", observed)) == float(observed)
            other = float(observed)
            if dtype == "float32":
                assert abs(other - energy) < 1e-6 * N_CELLS
                assert abs(other - potential.evaluate(state)["energy"]) < 1e-6 * N_CELLS
            else:
                assert abs(other - energy) < 1e-12 * abs(energy)
