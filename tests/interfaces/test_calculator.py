"""The ASE calculator: derivatives, orders of atoms, relaxation, refusals, and agreement with both samplers."""

import warnings
from dataclasses import replace

import builders
import numpy as np
import pytest
from ase.calculators.calculator import PropertyNotImplementedError
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS
from builders import MATRICES, distorted
from scipy.linalg import polar

import anharmonic as ah
from anharmonic.errors import AnharmonicError, ExtrapolationError, MappingError
from anharmonic.evaluation import Evaluator
from anharmonic.potential import precision
from anharmonic.potential.posterior import Posterior
from anharmonic.sampling import Conditions, MolecularDynamics, MonteCarlo, Observer, Run, Sampling, Stage, strain_modes

VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))


@pytest.fixture
def atoms(springs):
    """A distorted supercell of CsPbBr3, atoms in mixed order, with a quiet calculator."""
    atoms = distorted(springs.crystal, MATRICES["untidy"], 1, displacement=0.08).to_atoms()
    atoms = atoms[np.random.default_rng(2).permutation(len(atoms))]
    atoms.calc = ah.Calculator(springs, extrapolation="ignore")
    return atoms


def slope(function, step=1e-4):
    """Derivative at 0, to fourth order."""
    return (8 * (function(step) - function(-step)) - function(2 * step) + function(-2 * step)) / (12 * step)


def test_forces_are_those_of_the_energy(atoms):
    forces, rng = atoms.get_forces(), np.random.default_rng(3)
    for _ in range(12):
        i, axis = rng.integers(len(atoms)), rng.integers(3)

        def energy(x, i=i, axis=axis):
            moved = atoms.copy()
            moved.calc = atoms.calc
            moved.positions[i, axis] += x
            return moved.get_potential_energy()

        assert abs(-slope(energy) - forces[i, axis]) < 1e-6 * abs(forces).max()


def test_stress_is_that_of_the_energy(atoms):
    stress = atoms.get_stress()
    assert stress.shape == (6,)
    for k, (i, j) in enumerate(VOIGT):

        def energy(x, i=i, j=j):
            strain = np.eye(3)
            strain[i, j] += x / 2
            strain[j, i] += x / 2
            strained = atoms.copy()
            strained.calc = atoms.calc
            strained.set_cell(atoms.cell[:] @ strain.T, scale_atoms=True)
            return strained.get_potential_energy()

        assert abs(slope(energy) / atoms.get_volume() - stress[k]) < 1e-6 * abs(stress).max()
    np.testing.assert_allclose(atoms.get_stress(voigt=False)[1, 2], stress[3])


def test_energies(atoms):
    """free_energy is the energy; energies per atom sum to it; what is not there is said so."""
    energy = atoms.get_potential_energy()
    assert atoms.get_potential_energy(force_consistent=True) == energy
    energies = atoms.get_potential_energies()
    assert energies.shape == (40,)
    assert abs(energies.sum() - energy) < 1e-10
    assert abs(energy) > 0.1
    with pytest.raises(PropertyNotImplementedError):
        atoms.get_dipole_moment()


def test_order_and_wrapping(atoms, springs):
    """A fresh calculator finds the same numbers for wrapped, shuffled, shifted, turned atoms."""
    rng = np.random.default_rng(4)
    before = atoms.get_potential_energy(), atoms.get_forces(), atoms.get_potential_energies()
    order, turn = rng.permutation(len(atoms)), np.linalg.qr(rng.normal(size=(3, 3)))[0]
    turn *= np.linalg.det(turn)
    other = atoms[order]
    other.positions += rng.normal(size=3)
    other.wrap()
    other.set_cell(other.cell[:] @ turn.T, scale_atoms=True)
    other.calc = ah.Calculator(springs, extrapolation="ignore")
    assert abs(other.get_potential_energy() - before[0]) < 1e-9
    np.testing.assert_allclose(other.get_forces(), before[1][order] @ turn.T, atol=1e-9)
    np.testing.assert_allclose(other.get_potential_energies(), before[2][order], atol=1e-9)


def test_one_calculator_for_changing_atoms(atoms, springs, monkeypatch):
    """The kept assignment never gives other numbers than a fresh one: steps, jumps, swaps, other cells."""
    rng, calculator, mapped = np.random.default_rng(5), atoms.calc, []
    own = "anharmonic.interfaces.calculator.map_atoms"
    monkeypatch.setattr(own, lambda *arguments: mapped.append(1) or ah.map_atoms(*arguments))
    steps = [
        lambda a: a.positions.__iadd__(0.05 * rng.normal(size=(40, 3))),
        lambda a: a.wrap(),
        lambda a: a.set_cell(a.cell[:] @ (np.eye(3) + 0.01 * rng.normal(size=(3, 3))), scale_atoms=True),
        lambda a: a.positions.__iadd__(rng.integers(-2, 3, (40, 3)) @ a.cell[:]),
        lambda a: a.positions.__setitem__([0, 1], a.positions[[1, 0]]) if a.numbers[0] == a.numbers[1] else None,
        lambda a: a.positions.__iadd__(rng.normal(size=3)),
        lambda a: a.set_cell(np.array([[1, 1, 0], [0, 1, 0], [0, 0, 1]]) @ a.cell[:]),
    ]
    atoms = atoms[np.argsort(atoms.numbers)]
    remapped = []
    for change in steps:
        change(atoms)
        atoms.calc = calculator
        mapped.clear()
        kept = atoms.get_potential_energy(), atoms.get_forces()
        remapped.append(len(mapped))
        atoms.calc = ah.Calculator(springs, extrapolation="ignore")
        np.testing.assert_allclose(kept[0], atoms.get_potential_energy(), atol=1e-9)
        np.testing.assert_allclose(kept[1], atoms.get_forces(), atol=1e-9)
    assert remapped[0] == 1 and sum(remapped[1:4]) == 0 and remapped[4] == 1
    other = distorted(springs.crystal, MATRICES["2x2x2"], 6)
    atoms = other.to_atoms()
    atoms.calc = calculator
    assert abs(atoms.get_potential_energy() - springs.evaluate(other)["energy"]) < 1e-9


@pytest.mark.filterwarnings("ignore:logm result")
def test_relaxation(atoms, springs):
    """BFGS in a flexible cell finds the reference crystal, the minimum of this potential."""
    before = atoms.get_potential_energy()
    optimiser = BFGS(FrechetCellFilter(atoms), logfile=None)
    assert optimiser.run(fmax=1e-3, steps=150)
    assert atoms.get_potential_energy() < 1e-3 < 0.1 < before
    assert abs(atoms.get_volume() / 8 - springs.crystal.volume) < 0.02 * springs.crystal.volume
    assert abs(atoms.get_stress()).max() < 1e-3


def test_extrapolation(springs):
    """Warn by default, refuse or be silent if asked; silent inside the fitted range."""
    inside = distorted(springs.crystal, [2, 2, 2], 7, strain=0.005, displacement=0.02).to_atoms()
    outside = distorted(springs.crystal, [2, 2, 2], 7, strain=0.02, displacement=0.25).to_atoms()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for atoms, options in ((inside, {}), (outside, {"extrapolation": "ignore"}), (outside, {"limit": 100.0})):
            atoms.calc = ah.Calculator(springs, **options)
            atoms.get_potential_energy()
    outside.calc = ah.Calculator(springs)
    with pytest.warns(UserWarning, match="outside the data that the potential was fitted to.*has grade"):
        outside.get_potential_energy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        outside.rattle(0.001, seed=1)
        outside.get_potential_energy()
    outside.calc = ah.Calculator(springs, extrapolation="raise")
    for _ in range(2):
        with pytest.raises(ExtrapolationError, match="limit 1.5.*extend the data set"):
            outside.get_potential_energy()
    with pytest.raises(AnharmonicError, match="warn, raise, ignore; found 'never'"):
        ah.Calculator(springs, extrapolation="never")


def test_uncertainty_on_demand(springs):
    """Deviations and grades by atom, in the order of the atoms; a potential without a posterior says so."""
    n = sum(len(term.weights) for term in springs.model.terms)
    posterior = Posterior(0.1 * np.random.default_rng(0).normal(size=(n, 3)), np.array([1.0, 2.0, 3.0]))
    state = distorted(springs.crystal, [2, 2, 2], 7, strain=0.01, displacement=0.05)
    atoms, order = state.to_atoms(), np.random.default_rng(1).permutation(state.n_atoms)
    atoms = atoms[order]
    atoms.calc = ah.Calculator(replace(springs, posterior=posterior))
    expected = atoms.calc.potential.uncertainty(state)
    forces = atoms.calc.get_property("forces_uncertainty", atoms)
    np.testing.assert_allclose(forces, state.to_atom_order(np.moveaxis(expected["forces"], 1, 2))[order], rtol=1e-6)
    assert atoms.calc.get_property("energy_uncertainty", atoms) == pytest.approx(expected["energy"], rel=1e-8)
    assert atoms.calc.get_property("stress_uncertainty", atoms).shape == (6,)
    grades = atoms.calc.get_property("extrapolation", atoms)
    np.testing.assert_allclose(grades, state.to_atom_order(springs.evaluate(state)["extrapolations"])[order], rtol=1e-6)
    atoms.calc = ah.Calculator(springs)
    with pytest.raises(AnharmonicError, match="has no uncertainty"):
        atoms.calc.get_property("energy_uncertainty", atoms)


def test_foreign_structures(springs, atoms):
    """Another compound, a defect, an atom that has left its site: also after a good structure."""
    calculator = atoms.calc
    atoms.get_potential_energy()
    other, vacancy, moved = atoms.copy(), atoms.copy(), atoms.copy()
    other.symbols[list(atoms.symbols).index("Pb")] = "Sn"
    del vacancy[0]
    i, j = np.flatnonzero(atoms.symbols == "Cs")[:2]
    moved.positions[i] = atoms.positions[j] + 0.3
    for foreign, message in ((other, "no whole multiple"), (vacancy, "no whole multiple"), (moved, "Cs.*site")):
        foreign.calc = calculator
        with pytest.raises(MappingError, match=message):
            foreign.get_potential_energy()
    atoms.rattle(0.01, seed=8)
    assert np.isfinite(atoms.get_potential_energy())


def engine_energies(potential, configuration, dtype):
    """Energies (eV) of the states with which dynamics and Monte Carlo begin."""
    model, energies = Evaluator.create(potential, configuration.supercell, dtype), []
    observer, stage = Observer(np.zeros((0, 5, 3, 8), dtype)), Stage(300.0)
    with precision(dtype):
        samplers = (
            MolecularDynamics.create(potential.crystal, configuration.supercell, strain_modes("full"), dtype=dtype),
            MonteCarlo.create(potential, configuration.supercell, strain_modes("full"), dtype=dtype),
        )
        for sampler in samplers:
            run = Run(sampler, model, observer, (stage,), Sampling(), dtype=dtype)
            state = run.start(configuration.displacements, configuration.deformation).state
            observed = sampler.observe(state, Conditions.of(300.0, dtype=dtype), model)["energy"]
            for energy in (observed, getattr(state, "energy", observed)):
                assert energy.dtype == dtype
                energies.append(float(energy))
    return energies


@pytest.mark.parametrize("name", ["2x2x2", "bent"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_calculator_and_engines_agree(springs, name, dtype):
    """One structure, three ways: 1e-6 eV per cell in float32, 1e-12 relative in float64."""
    matrix = np.array([[2, 2, 0], [0, 2, 2], [2, 0, 0]]) if name == "bent" else MATRICES[name]
    state = distorted(springs.crystal, matrix, 9, strain=0.01, displacement=0.1)
    atoms = state.to_atoms()[np.random.default_rng(10).permutation(40)]
    atoms.wrap()
    atoms.calc = ah.Calculator(springs, dtype=dtype, extrapolation="ignore")
    energy = atoms.get_potential_energy()
    exact = springs.evaluate(state)["energy"]
    mapped = ah.map_atoms(springs.crystal, atoms)
    upright = builders.changed(mapped, deformation=polar(mapped.deformation)[1])
    for configuration in (mapped, upright):
        for other in engine_energies(springs, configuration, dtype):
            if dtype == "float32":
                assert abs(other - energy) / 8 < 1e-6
                assert abs(other - exact) / 8 < 1e-6
            else:
                assert abs(other - energy) < 1e-12 * abs(energy)
    assert energy / 8 > 0.1
