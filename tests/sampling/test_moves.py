"""Every move of Monte Carlo: detailed balance by its flux, exact distributions, coloured against sequential updates.

Replicas start in equilibrium, drawn independently; in one step as many go from bin i to bin j as from j to i.
The same counts refuse a wrong temperature, a wrong measure and a biased proposal. Replicas that start with the
reference crystal arrive at the exact distributions.
"""

import builders
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ensembles import density_scores, replicas, thermal, z_score
from equilibria import draw_image_springs, draw_two_atoms, flux_level, steps
from scipy.stats import ks_2samp
from test_exact_ensembles import FINE, TEMPERATURE, WRONG, ImageSprings, TwoAtoms

from anharmonic.conventions import BOLTZMANN, GPA
from anharmonic.crystal import Supercell
from anharmonic.errors import AnharmonicError
from anharmonic.evaluation import Evaluator
from anharmonic.potential import precision
from anharmonic.sampling import Conditions, MonteCarlo, strain_modes
from anharmonic.sampling.monte_carlo import HybridMoves, Microstate, ModeMoves, SequentialMoves, SiteMoves, StrainMoves
from anharmonic.sampling.monte_carlo.metropolis import unit_steps

COUNT = 60_000
LEVEL, REFUSED = 1e-4, 1e-8
"""Least level of a right answer, and largest of a wrong one."""
HOT = 1.2 * TEMPERATURE
STRESS = 0.2 * GPA, GPA * np.array([[0.15, 0.08, -0.1], [0.08, -0.05, 0.12], [-0.1, 0.12, -0.1]])
ATOMS = ["coloured normal", "coloured uniform", "sequential normal random", "sequential uniform fixed"]


class WithoutMeasure(Conditions):
    """A control: the factor V^(N-1) of 8 atoms is missing."""

    def work(self, volume, deformation):
        missing = 7 * BOLTZMANN * self.temperature * jnp.log(jnp.linalg.det(deformation))
        return super().work(volume, deformation) + missing


class BiasedMoves(SiteMoves):
    """A control: steps that prefer one direction."""

    def draw(self, key, displacements):
        steps, limits = super().draw(key, displacements)
        return steps + 0.1, limits


@pytest.fixture(scope="module")
def two_atoms():
    return TwoAtoms()


@pytest.fixture(scope="module")
def image_springs():
    return ImageSprings()


@pytest.fixture(scope="module")
def drawn_atoms(two_atoms):
    return draw_two_atoms(two_atoms, TEMPERATURE, COUNT)


@pytest.fixture(scope="module")
def drawn_cells(image_springs):
    """Equilibrium of a full cell under shear."""
    return draw_image_springs(image_springs, TEMPERATURE, STRESS, strain_modes("full"), COUNT)


def composed(*moves):
    """A sampler of given moves."""
    return MonteCarlo.create(None, None, None, moves)


def atom_moves(name, system):
    """Moves of single atoms: coloured or sequential."""
    kind, proposal, *order = name.split(" ")
    if kind == "coloured":
        return SiteMoves.create(system.potential, system.supercell, proposal)
    return SequentialMoves(proposal, *order)


def flux_of_an_atom(system, start, moves, temperature=TEMPERATURE):
    """Level of detailed balance in the distance between both atoms; one of them moves, once."""
    conditions = Conditions.of(temperature, system.PRESSURE)
    end = steps(composed(moves), system.potential, system.supercell, start, conditions, [[0.15, 0.0]])
    vectors = [u[:, 0, :, 0] - u[:, 1, :, 0] for u in (start[0], end.displacements)]
    return flux_level(*[((x**2).sum(1), x[:, 0]) for x in vectors])


@pytest.mark.parametrize("name", ATOMS)
def test_flux_of_atoms(two_atoms, drawn_atoms, name):
    moves = atom_moves(name, two_atoms)
    assert flux_of_an_atom(two_atoms, drawn_atoms, moves) > LEVEL
    assert flux_of_an_atom(two_atoms, drawn_atoms, moves, HOT) < REFUSED


def test_flux_of_a_biased_proposal(two_atoms, drawn_atoms):
    moves = BiasedMoves.create(two_atoms.potential, two_atoms.supercell)
    assert flux_of_an_atom(two_atoms, drawn_atoms, moves) < REFUSED


def flux_of_a_cell(system, start, moves, widths, conditions):
    """Level of detailed balance in the volume, one component of F, and the energy of the cell's strain."""
    end = steps(composed(moves), system.potential, system.supercell, start, conditions, widths)
    matrices = start[1], end.deformation
    return flux_level(*[(np.linalg.det(f), system.enthalpy(f, *STRESS)) for f in matrices])


def cell_moves(kind, system):
    """``(moves, widths)``: strains alone, or a wave of displacements with strains."""
    crystal, supercell, modes = system.potential.crystal, system.supercell, strain_modes("full")
    if kind == "strain":
        return StrainMoves.create(crystal, supercell, modes, trials=1), [0.05]
    wave = np.zeros((1, 1, 3, 8))
    wave[0, 0, 0] = 0.1 * (-1.0) ** supercell.cells[:, 1]
    return ModeMoves.create(crystal, supercell, wave, modes, strain=0.06), [0.5]


@pytest.mark.parametrize("kind", ["strain", "modes"])
def test_flux_of_cells(image_springs, drawn_cells, kind):
    """Under shear; controls without the measure of the atoms, and at a wrong temperature."""
    arguments = image_springs, drawn_cells, *cell_moves(kind, image_springs)
    assert flux_of_a_cell(*arguments, Conditions.of(TEMPERATURE, *STRESS)) > LEVEL
    assert flux_of_a_cell(*arguments, Conditions.of(HOT, *STRESS)) < REFUSED
    assert flux_of_a_cell(*arguments, WithoutMeasure.of(TEMPERATURE, *STRESS)) < REFUSED


def two_atom_moves(name, system):
    """A composition that reaches every configuration of `TwoAtoms` in an isotropic cell."""
    cell = system.crystal, system.supercell, strain_modes("isotropic")
    if name == "modes":
        waves = np.zeros((3, 2, 3, 1))
        waves[np.arange(3), :, np.arange(3), 0] = [1.0, -1.0]
        patterns = waves @ np.ones((1, 1)) + 0.3 * waves[[1, 2, 0]]
        return composed(ModeMoves.create(*cell[:2], patterns, cell[2], strain=0.1))
    return composed(atom_moves(name, system), StrainMoves.create(*cell))


@pytest.mark.parametrize("name", [*ATOMS[1:3], "modes"])
def test_two_atoms(two_atoms, name):
    """Anharmonic, under pressure: the density of the stretch and the energy, by quadrature."""
    system, chosen = two_atoms, two_atom_moves(name, two_atoms)
    found = replicas(
        chosen, system.potential, system.supercell, TEMPERATURE, system.PRESSURE, count=192, burn=400, stride=5
    )
    stretch, (density, energy) = found["deformation"][..., 0, 0], system.density(TEMPERATURE)
    assert abs(density_scores(stretch, system.GRID, density)).max() < FINE
    assert abs(z_score(found["energy"], energy)) < FINE
    assert abs(z_score(found["energy"], system.density(1.03 * TEMPERATURE)[1])) > WRONG
    for power in (0, 2):
        assert abs(density_scores(stretch, system.GRID, system.density(TEMPERATURE, power)[0])).max() > WRONG


@pytest.fixture(scope="module")
def trial_start(springs):
    """A displaced and strained perovskite with cells of five colours or so."""
    return builders.distorted(springs.crystal, [[3, 1, 2], [0, 2, 1], [0, 0, 5]], 4, strain=0.01, displacement=0.05)


def test_coloured_updates_are_sequential_updates(potentials, trial_start):
    """Trial for trial: the same numbers, given to one atom at a time with full energies, end in the same place."""
    potential, supercell = potentials["cluster"], trial_start.supercell
    with precision("float64"):
        coloured, model = (
            SiteMoves.create(potential, supercell, dtype="float64"),
            Evaluator.create(potential, supercell, "float64"),
        )
        u, deformation = (jnp.asarray(x) for x in (trial_start.displacements, trial_start.deformation))
        start = Microstate(u, deformation, eqx.filter_jit(model.energy)(u, deformation))
        steps, limits = coloured.draw(jax.random.key(3), u)
        steps, limits = 0.2 * steps, thermal(3000.0) * limits
        displacements, shares, change = eqx.filter_jit(coloured.sweep)(start, steps, limits)
        atoms = (np.arange(5, dtype=np.int32)[:, None] * supercell.n_cells + np.asarray(coloured.order)).ravel()
        trials = atoms, jnp.moveaxis(steps, 2, -1).reshape(-1, 3), limits.ravel()
        end, accepted = eqx.filter_jit(SequentialMoves().sweep)(start, *trials, model)
        np.testing.assert_allclose(displacements, end.displacements, rtol=0, atol=1e-14)
        np.testing.assert_allclose(shares, np.reshape(accepted, (5, -1)).mean(1), atol=1e-14)
        np.testing.assert_allclose(change, end.energy - start.energy, rtol=0, atol=1e-9)
    assert 0.2 < np.mean(accepted) < 0.8
    assert coloured.neighbours.shape[0] > 1 and coloured.neighbours.shape[2] > 1


def test_coloured_and_sequential_distributions(springs):
    """40 atoms of an anharmonic perovskite: sequential passes leave the equilibrium of coloured ones as it is."""
    supercell, half = Supercell.from_matrix([2, 2, 2]), 600
    reference = np.zeros((2 * half, 5, 3, 8)), np.tile(np.eye(3), (2 * half, 1, 1))
    coloured, sequential = composed(SiteMoves.create(springs, supercell)), composed(SequentialMoves("uniform"))
    widths, conditions = [np.full(5, 0.15)], Conditions.of(TEMPERATURE)
    warm = steps(coloured, springs, supercell, reference, conditions, widths, 250)
    start = warm.displacements[:half], warm.deformation[:half]

    def observed(u, energy):
        u = u - u.mean(axis=(1, 3), keepdims=True)
        return energy, u[:, 0, 0, 0], u[:, 1, 1, 3], u[:, 2, 0, 5], u[:, 2, 1, 5], u[:, 2, 0, 5] - u[:, 1, 0, 5]

    def after(temperature):
        end = steps(sequential, springs, supercell, start, Conditions.of(temperature), widths, 8, seed=2)
        return observed(end.displacements, end.energy)

    expected = observed(warm.displacements[half:], warm.energy[half:])
    assert min(ks_2samp(a, b).pvalue for a, b in zip(after(TEMPERATURE), expected, strict=True)) > 1e-3
    assert ks_2samp(after(HOT)[0], expected[0]).pvalue < REFUSED


@pytest.mark.parametrize("proposal, fourth", [("normal", 3.0), ("uniform", 1.8)])
def test_proposals(proposal, fourth):
    """Mean, variance and fourth moment of the steps; uniform ones are bounded."""
    drawn = np.asarray(unit_steps(proposal, jax.random.key(4), (100_000,), "float32"), float)
    assert abs(z_score(drawn[:, None], 0.0)) < FINE
    assert abs(z_score(drawn[:, None] ** 2, 1.0)) < FINE
    assert abs(z_score(drawn[:, None] ** 4, fourth)) < FINE
    assert (abs(drawn).max() < np.sqrt(3)) == (proposal == "uniform")


def test_every_model_and_supercell_can_be_sampled(potentials):
    """What coloured moves refuse, naming the way out, sequential moves do: a single cell, and a site net."""
    single, double = (Supercell.from_matrix([n] * 3) for n in (1, 2))
    for kind, supercell in (("polynomial", single), ("site", double)):
        potential, modes = potentials[kind], strain_modes("full")
        with pytest.raises(AnharmonicError, match=r"moves=\(SequentialMoves\(\), ...\)"):
            MonteCarlo.create(potential, supercell, modes)
        chosen = MonteCarlo.create(potential, supercell, modes, (SequentialMoves(),))
        start = np.zeros((1, 5, 3, supercell.n_cells)), np.eye(3)[None]
        end = steps(chosen, potential, supercell, start, Conditions.of(300.0), [[0.05] * 5], 5)
        assert np.isfinite(end.energy).all() and (end.displacements != 0).any(axis=2).mean() > 0.8


@eqx.filter_jit
def advanced(sampler, state, conditions, model, count):
    def one(k, state):
        return sampler.step(jax.random.fold_in(jax.random.key(2), k), state, conditions, model)

    return jax.lax.fori_loop(0, count, one, state)


def test_all_moves_together(springs):
    """Energies do not drift in float32; widths adapt in equilibration alone; scalars by name; adopting."""
    supercell, modes = Supercell.from_matrix([2, 2, 2]), strain_modes("full")
    cell = springs.crystal, supercell
    waves = np.random.default_rng(0).normal(size=(2, 5, 3, 8))
    strains, hybrid = StrainMoves.create(*cell, modes), HybridMoves.create(*cell, modes, n_steps=3)
    moves = SiteMoves.create(springs, supercell), strains, ModeMoves.create(*cell, waves), hybrid
    sampler = MonteCarlo.create(springs, supercell, modes, moves)
    model, conditions = Evaluator.create(springs, supercell), Conditions.of(300.0)
    configuration = jnp.zeros((5, 3, 8)), jnp.eye(3)
    state = sampler.init(None, *configuration, conditions, model)
    names = ["energy", "acceptance", "strain_acceptance", "mode_acceptance", "hybrid_acceptance"]
    assert list(sampler.observe(state, conditions, model)) == names
    twice = composed(strains, strains)
    repeated = twice.observe(twice.init(None, *configuration, conditions, model), conditions, model)
    assert list(repeated) == ["energy", "strain_acceptance", "strain_acceptance_2"]
    warm = advanced(sampler.adapting(), state, conditions, model, jnp.int32(400))
    end = advanced(sampler, warm, conditions, model, jnp.int32(100))
    assert float(end.energy) == pytest.approx(float(model.energy(end.displacements, end.deformation)), abs=2e-6)
    for before, after, last, share in zip(state.widths, warm.widths, end.widths, end.acceptance, strict=True):
        assert (before != after).all() and (after == last).all()
        assert before.shape == share.shape and (share >= 0).all() and (share <= 1).all()
    adopted = sampler.adopt(state, end, Conditions.of(200.0), conditions)
    assert (adopted.displacements == end.displacements).all() and adopted.energy == end.energy
    assert all((a == b).all() for a, b in zip(adopted.widths, state.widths, strict=True))


def test_refusals(springs):
    cell = springs.crystal, Supercell.from_matrix([2, 2, 2])
    with pytest.raises(AnharmonicError, match="proposal is one of normal, uniform; found 'cauchy'"):
        SequentialMoves("cauchy")
    with pytest.raises(AnharmonicError, match="order is one of fixed, random; found 'up'"):
        SequentialMoves(order="up")
    with pytest.raises(AnharmonicError, match=r"shape \(n, 5, 3, 8\); found \(1, 5, 3, 4\)"):
        ModeMoves.create(*cell, np.ones((1, 5, 3, 4)))
    for pattern in (np.zeros((1, 5, 3, 8)), np.full((1, 5, 3, 8), np.nan)):
        with pytest.raises(AnharmonicError, match="a pattern is zero or not finite"):
            ModeMoves.create(*cell, pattern)
    with pytest.raises(AnharmonicError, match="at least 1 step; found 0"):
        HybridMoves.create(*cell, strain_modes("full"), n_steps=0)
