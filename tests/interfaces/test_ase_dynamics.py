"""ASE's own dynamics with the calculator: the same trajectories, energies and ensembles as those of the package."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ase import units
from ase.filters import FrechetCellFilter
from ase.md.verlet import VelocityVerlet
from ase.optimize import BFGS

import anharmonic as ah
from anharmonic.conventions import GPA
from anharmonic.evaluation import Evaluator
from anharmonic.potential import precision
from anharmonic.sampling import Conditions, MolecularDynamics, strain_modes

LangevinBAOAB = pytest.importorskip("ase.md.langevinbaoab").LangevinBAOAB  # of newer versions of ASE
SUPERCELL = ah.Supercell.from_matrix([2, 2, 2])


def thermal_atoms(potential, temperature):
    """Atoms of a 2x2x2 cell with thermal momenta and a quiet calculator; the momenta by sites (n_sites, 3, n_cells)."""
    reference = ah.Configuration.reference(potential.crystal, SUPERCELL)
    atoms, rng = reference.to_atoms(), np.random.default_rng(1)
    masses = atoms.get_masses()[:, None]
    momenta = rng.normal(size=(40, 3)) * np.sqrt(units.kB * temperature * masses)
    atoms.set_momenta(momenta - masses * momenta.sum(axis=0) / masses.sum())
    atoms.calc = ah.Calculator(potential, extrapolation="ignore")
    return atoms, np.moveaxis(reference.to_sites(atoms.get_momenta()), 2, 1)


def native(potential, temperature, n_steps, timestep, cell="fixed", pressure=0.0, momenta=None, **options):
    """The package's own dynamics from the reference crystal, momenta in eV fs/A or drawn at random.

    Displacements (n_sites, 3, n_cells) at the end; energy (eV) and volume (A^3) of every step.
    """

    @eqx.filter_jit
    def run(sampler, model, conditions, momenta, key):
        def step(state, key):
            state = sampler.step(key, state, conditions, model)
            volume = sampler.hamiltonian.volume * jnp.linalg.det(state.deformation)
            return state, (model.energy(state.displacements, state.deformation), volume)

        state = sampler.init(key, jnp.zeros((5, 3, 8)), jnp.eye(3), conditions, model)
        if momenta is not None:
            state = eqx.tree_at(lambda s: s.momenta, state, momenta)
        state, samples = jax.lax.scan(step, state, jax.random.split(key, n_steps))
        return state.displacements, *samples

    with precision("float64"):
        options = options | {"timestep": timestep, "dtype": "float64"}
        sampler = MolecularDynamics.create(potential.crystal, SUPERCELL, strain_modes(cell), **options)
        model = Evaluator.create(potential, SUPERCELL, "float64")
        conditions = Conditions.of(temperature, pressure, dtype="float64")
        return [np.asarray(x) for x in run(sampler, model, conditions, momenta, jax.random.key(1))]


def mean_and_error(samples, blocks=20):
    """Mean and its standard error by blocks."""
    means = [block.mean() for block in np.array_split(np.asarray(samples), blocks)]
    return np.mean(means), np.std(means, ddof=1) / np.sqrt(blocks)


def moved(atoms, start, timestep, n_steps):
    """Displacements (A) of `atoms` after velocity Verlet in ASE."""
    VelocityVerlet(atoms, timestep * units.fs).run(n_steps)
    return atoms.positions - start


def test_verlet_gives_the_same_trajectory(springs):
    """Positions after 400 fs agree to 1e-9 A; with a time step that is longer by 0.1 % they do not."""
    atoms, momenta = thermal_atoms(springs, 600.0)
    start, fresh = atoms.positions.copy(), atoms.copy()
    end, _, _ = native(springs, 600.0, 100, 4.0, momenta=momenta / units.fs, thermostat=None)
    reference = ah.Configuration.reference(springs.crystal, SUPERCELL)
    expected = reference.to_atom_order(np.moveaxis(end, 1, 2))
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(moved(atoms, start, 4.0, 100), expected, atol=1e-9)
    fresh.calc = atoms.calc
    assert np.abs(moved(fresh, start, 4.004, 100) - expected).max() > 1e-4


def test_energy_is_conserved_to_second_order(springs):
    """Halving the time step of velocity Verlet divides the error of the energy by four."""
    errors = []
    for factor in (1, 2, 4):
        atoms, energies = thermal_atoms(springs, 600.0)[0], []
        dynamics = VelocityVerlet(atoms, 4.0 / factor * units.fs)
        for _ in dynamics.irun(60 * factor):
            energies.append(atoms.get_total_energy())
        errors.append(np.std(energies[::factor]))
    ratios = np.divide(errors[:-1], errors[1:])
    assert np.all(abs(ratios - 4) < 0.5), ratios
    assert 1e-7 < errors[-1] < errors[0] < 0.02


def test_langevin_temperature(springs):
    """The kinetic energy of LangevinBAOAB, which moves all 3N degrees of freedom, is that of the temperature."""
    atoms, temperatures = thermal_atoms(springs, 300.0)[0], []
    bath = {"temperature_K": 300.0, "T_tau": 20 * units.fs, "rng": np.random.default_rng(3)}
    for _ in LangevinBAOAB(atoms, 2 * units.fs, **bath).irun(1500):
        temperatures.append(atoms.get_kinetic_energy() / (1.5 * 40 * units.kB))
    mean, error = mean_and_error(temperatures[100:])
    assert error < 5
    assert abs(mean - 300) < 4 * error


@pytest.mark.filterwarnings("ignore:logm result")
def test_relaxation_under_pressure(springs):
    """A flexible cell at 2 GPa shrinks until its stress is minus the pressure, and its enthalpy is lowest."""
    atoms = thermal_atoms(springs, 0.0)[0]
    atoms.rattle(0.02, seed=4)
    pressure, before = 2 * GPA, atoms.get_volume()
    assert BFGS(FrechetCellFilter(atoms, scalar_pressure=pressure), logfile=None).run(fmax=1e-4, steps=200)
    np.testing.assert_allclose(atoms.get_stress(), [-pressure] * 3 + [0] * 3, atol=1e-3 * pressure)
    enthalpy = atoms.get_potential_energy() + pressure * atoms.get_volume()
    assert 0.9 * before < atoms.get_volume() < 0.999 * before
    for scale in (0.998, 1.002):
        other = atoms.copy()
        other.calc = atoms.calc
        other.set_cell(scale * atoms.cell[:], scale_atoms=True)
        assert other.get_potential_energy() + pressure * other.get_volume() > enthalpy


@pytest.mark.slow
def test_constant_pressure_gives_the_same_ensemble():
    """Mean energy, mean volume and its spread of cubic CsPbBr3 at 600 K, 1 GPa; at 0 GPa the volume is another."""
    potential, pressure = ah.load("CsPbBr3"), 1 * GPA
    atoms, volumes, energies = thermal_atoms(potential, 600.0)[0], [], []
    bath = {"T_tau": 200 * units.fs, "P_tau": 500 * units.fs, "P_mass": 3e4, "rng": np.random.default_rng(5)}
    conditions = {"temperature_K": 600.0, "externalstress": -pressure, "hydrostatic": True}
    for _ in LangevinBAOAB(atoms, 4 * units.fs, **conditions, **bath).irun(30000):
        volumes.append(atoms.get_volume())
        energies.append(atoms.get_potential_energy())
    volumes, energies = np.array(volumes[2000:]), np.array(energies[2000:])
    _, own_energies, own_volumes = native(potential, 600.0, 100000, 4.0, "isotropic", pressure)
    own_energies, own_volumes = own_energies[5000:], own_volumes[5000:]
    compare = [(volumes, own_volumes), (energies, own_energies)]
    compare.append(tuple((v - v.mean()) ** 2 for v in (volumes, own_volumes)))
    for k, pair in enumerate(compare):
        (mean, error), (own, own_error) = map(mean_and_error, pair)
        assert error < (0.002, 0.1, 0.25)[k] * abs(own)
        assert abs(mean - own) < 4 * np.hypot(error, own_error), (k, mean, error, own, own_error)
    (mean, error), (free, free_error) = map(
        mean_and_error, (volumes, native(potential, 600.0, 50000, 4.0, "isotropic")[2])
    )
    assert free - mean > 8 * np.hypot(error, free_error)
