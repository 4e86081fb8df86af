"""The lattice evaluation against the plain path: energies, gradients, extrapolation, precision, compiled code."""

import re
from dataclasses import replace

import builders
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from builders import distorted

from anharmonic.clusters import ClusterBasis
from anharmonic.crystal import Supercell
from anharmonic.evaluation import Evaluation, Evaluator, many_body
from anharmonic.evaluation.grid import HaloGrid, windows
from anharmonic.potential import precision
from anharmonic.sampling import Conditions, MolecularDynamics, strain_modes

DIAGONALS = ((1, 1, 1), (1, 1, 7), (1, 2, 3), (3, 2, 2))
N_MATRICES = 20


def untidy_matrix(seed):
    """A random supercell with a Hermite normal form of one of the DIAGONALS: twisted, and far from reduced."""
    rng = np.random.default_rng(seed)
    hermite = np.diag(DIAGONALS[seed % len(DIAGONALS)])
    for row, column in ((0, 1), (0, 2), (1, 2)):
        hermite[row, column] = rng.integers(hermite[column, column])
    unimodular = np.eye(3, dtype=int)
    for _ in range(6):
        i, j = rng.permutation(3)[:2]
        unimodular[i] += rng.choice([-2, -1, 1, 2]) * unimodular[j]
    return unimodular[rng.permutation(3)] @ hermite


@eqx.filter_jit
def evaluated(evaluator, *state):
    return evaluator.gradients(*state)


@eqx.filter_jit
def plain(lattice, *state):
    return lattice.gradients(*state)


def both(potential, configuration, dtype="float64"):
    """(E, dE/du, dE/dF) of the lattice evaluation in `dtype` and of the plain path in float64."""
    state = configuration.displacements, configuration.deformation
    with precision("float64"):
        translations = potential.lattice.topology.translations(configuration.supercell)
        expected = jax.tree.map(np.asarray, plain(potential.on(configuration.supercell), *state, translations))
    with precision(dtype):
        evaluator = Evaluator.create(potential, configuration.supercell, dtype)
        found = evaluated(evaluator, *(x.astype(dtype) for x in state))
        return jax.tree.map(np.asarray, found), expected


def largest_error(found, expected):
    """Largest difference relative to the largest magnitude, over energy and gradients."""
    return max(abs(f - e).max() / abs(e).max() for f, e in zip(found, expected, strict=True))


@pytest.mark.parametrize("seed", range(N_MATRICES))
def test_equals_the_plain_path_on_untidy_supercells(potential, seed):
    """All models, 1x1x1 and strongly skewed supercells included, general (not symmetric) F."""
    matrix = untidy_matrix(seed)
    state = distorted(potential.crystal, matrix, seed, strain=0.02, displacement=0.08)
    turn = np.array([[0, 0.03, 0], [-0.02, 0, 0], [0, 0, 0]])
    rotated = builders.changed(state, deformation=state.deformation + turn)
    found, expected = both(potential, rotated)
    assert abs(expected[1]).max() > 0.01
    assert largest_error(found, expected) < 1e-10


@pytest.mark.parametrize("dtype, bound", [("float64", 1e-10), ("float32", 2e-6)])
def test_expansions_of_many_orbits(cspbbr3, dtype, bound):
    """Triplets of four orbits in one kernel; their bonds are pairs, or of theirs alone, and reach across a twist."""
    basis = ClusterBasis(cspbbr3, pairs=4.0, triplets=5.2, order={"pair": 4, "triplet": 3}, metric="inverse")
    potential = builders.random_potential(basis, "polynomial", 4, walls=True)
    state = distorted(cspbbr3, [[3, 1, 0], [0, 2, 1], [0, 0, 2]], 5, strain=0.01, displacement=0.05)
    assert largest_error(*both(potential, state, dtype)) < bound
    model = Evaluator.create(potential, state.supercell).model
    assert len(model.functions) == 1 and len(model.groups[0]) == 4
    assert len(model.pairs.lower) < basis.bonds.n_bonds


def test_supercells_are_as_untidy_as_promised():
    matrices = [untidy_matrix(seed) for seed in range(N_MATRICES)]
    supercells = [Supercell.from_matrix(m) for m in matrices]
    assert {s.shape for s in supercells} == set(DIAGONALS)
    assert max(np.linalg.cond(m) for m in matrices) > 100
    assert sum(bool(np.triu(s.hermite, 1).any()) for s in supercells) >= 8
    assert any(np.linalg.det(m) < 0 for m in matrices)


@pytest.mark.parametrize("crystal", ["bcc", "fluorite", "cesium_chloride", "simple_cubic"])
def test_other_crystals(crystal):
    """Several sites of one kind, primitive cells with sharp angles, neighbours two cells away, all triplets."""
    crystal = getattr(builders, crystal)()
    nearest = crystal.nearest_distance()
    basis = ClusterBasis(crystal, pairs=2.1 * nearest, triplets=1.5 * nearest, order=3, metric="inverse")
    for seed, matrix in enumerate((np.diag([2, 1, 3]), np.array([[2, 1, 0], [0, 1, 3], [0, 0, 3]]))):
        state = distorted(crystal, matrix, seed, strain=0.02, displacement=0.05)
        found, expected = both(builders.random_potential(basis, "polynomial", 3, walls=True), state)
        assert largest_error(found, expected) < 1e-10


def test_single_precision(potential):
    state = distorted(potential.crystal, np.diag([3, 2, 2]), 5, strain=0.01, displacement=0.06)
    found, expected = both(potential, state, "float32")
    assert all(np.asarray(f).dtype == np.float32 for f in found)
    assert largest_error(found, expected) < (2e-6 if potential.born is None else 5e-6)  # where large terms cancel


def test_single_precision_of_the_shipped_potential():
    """At the size of thermal displacements, with all nine pair orbits, chains and octahedra."""
    import anharmonic as ah

    potential = ah.load("CsPbBr3")
    state = distorted(potential.crystal, np.diag([4, 4, 4]), 5, strain=0.01, displacement=0.1)
    found, expected = both(potential, state, "float32")
    assert largest_error(found, expected) < 2e-6


@pytest.mark.parametrize(
    "potential",
    ["polynomial", "dipoles", *(pytest.param(name, marks=pytest.mark.slow) for name in ("cluster", "site"))],
    indirect=True,
)
def test_energy_alone_and_extrapolation(potential):
    state = distorted(potential.crystal, np.diag([1, 2, 3]), 8, strain=0.02, displacement=0.08)
    ranged = replace(potential, domain=builders.simple_domain(potential.basis))
    with precision("float64"):
        evaluator = Evaluator.create(ranged, state.supercell, "float64")
        arguments = state.displacements, state.deformation
        energy = eqx.filter_jit(lambda e, *s: e.energy(*s))(evaluator, *arguments)
        assert energy == pytest.approx(float(evaluated(evaluator, *arguments)[0]), rel=1e-12)
        found = eqx.filter_jit(lambda e, *s: e.extrapolation(*s))(evaluator, *arguments)
        single = Evaluation(evaluator)(*arguments)
    expected = ranged.evaluate(state)
    grades = expected["extrapolations"]
    np.testing.assert_allclose(single[3], grades, rtol=1e-9)
    assert float(found.largest) == pytest.approx(expected["extrapolation"], rel=1e-9) == grades.max()
    assert float(found.mean) == pytest.approx(grades.mean() / ranged.domain.largest_mean, rel=1e-9)
    assert 0 < float(found.share) == (grades > 1).mean() < 1
    np.testing.assert_allclose(single[1], expected["forces"], atol=1e-10 * abs(expected["forces"]).max())
    np.testing.assert_allclose(single[2], expected["stress"], atol=1e-10 * abs(expected["stress"]).max())


def test_blocks_change_nothing(potential, monkeypatch):
    """Clusters are evaluated in blocks where their monomials would leave the cache."""
    state = distorted(potential.crystal, np.diag([3, 2, 2]), 4, strain=0.02, displacement=0.08)
    whole, expected = both(potential, state)
    monkeypatch.setattr(many_body, "BLOCK", 2000)
    eqx.clear_caches()
    in_blocks, _ = both(potential, state)
    eqx.clear_caches()
    assert largest_error(in_blocks, expected) < 1e-10
    assert largest_error(in_blocks, whole) < 1e-12


def test_slabs_change_nothing(potential, monkeypatch):
    """Large supercells are evaluated slab by slab; here slabs of five cells' thickness and twisted boundaries."""
    matrix = np.array([[10, 3, 1], [0, 2, 1], [0, 0, 2]])
    state = distorted(potential.crystal, matrix, 7, strain=0.02, displacement=0.08)
    whole, expected = both(potential, state)
    monkeypatch.setattr("anharmonic.evaluation.evaluator.SLAB", 100)
    n_slabs = Evaluator.create(potential, state.supercell).grid.n_slabs
    assert n_slabs == (1 if type(potential.model).__name__ == "SiteModel" else 2)
    in_slabs, _ = both(potential, state)
    assert largest_error(in_slabs, expected) < 1e-10
    assert largest_error(in_slabs, whole) < 1e-12


def test_two_runs_are_identical_bit_by_bit(potential):
    state = distorted(potential.crystal, np.diag([3, 2, 2]), 6)
    first, second = (both(potential, state, "float32")[0] for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_no_scatter_in_a_step_of_dynamics(potential):
    """Scatters are serial on CPUs and not reproducible on GPUs; the test sees them where there are some."""
    supercell = Supercell.from_matrix(np.diag([2, 2, 2]))
    evaluator = Evaluator.create(potential, supercell)
    dynamics = MolecularDynamics.create(potential.crystal, supercell, strain_modes("full"))
    u, deformation, conditions = jnp.zeros((5, 3, 8)), jnp.eye(3), Conditions.of(300.0)
    state = eqx.filter_jit(dynamics.init)(jax.random.key(0), u, deformation, conditions, evaluator)

    def step(dynamics, evaluator, state, conditions):
        return dynamics.step(jax.random.key(1), state, conditions, evaluator)

    assert not scattered(step, dynamics, evaluator, state, conditions)
    assert scattered(lambda x, i: x.at[i].add(1.0), jnp.zeros(9), jnp.array([1, 1]))


def scattered(function, *arguments):
    """Floating-point arrays that the program of a function scatters to (pivots of a 3x3 inverse are integers)."""
    text = eqx.filter_jit(function).lower(*arguments).as_text()
    kinds = re.findall(r'"stablehlo\.scatter"\(.*?\}\) : \((tensor<[^>]+>)', text, re.DOTALL)
    return [kind for kind in kinds if re.search(r"f\d+>", kind)]


def test_one_compilation_for_other_numbers(potential):
    """Weights, tables and twists of the supercell are arguments: only the shape of the grid compiles anew."""
    traced = []

    @eqx.filter_jit
    def energy(evaluator, *state):
        traced.append(1)
        return evaluator.energy(*state)

    for seed in (2, 6, 10):
        state = distorted(potential.crystal, untidy_matrix(seed), seed)
        numbers = state.displacements.astype("float32"), state.deformation.astype("float32")
        energy(Evaluator.create(potential, state.supercell), *numbers)
    changed = eqx.tree_at(lambda e: e.cell, Evaluator.create(potential, state.supercell), replace_fn=lambda x: 1.01 * x)
    energy(changed, *numbers)
    assert len(traced) == 1


def test_windows_are_neighbours():
    """Every window of the halo grid holds the values at the promised offset, round a twisted boundary."""
    supercell = Supercell.from_matrix([[2, 1, 1], [0, 3, 2], [0, 0, 4]])
    grid = HaloGrid.create(supercell, 2, (1, 2, 1))
    field = np.arange(6.0 * supercell.n_cells).reshape(2, 3, -1)
    flat = grid.pad(jnp.asarray(field), grid.sources[0])
    for offset in ((0, 0, 0), (1, -2, 1), (-1, 2, -1), (1, 2, 0)):
        start = grid.position(2, 1, int(np.dot(offset, grid.pitch)))
        found = grid.crop(windows(flat, jnp.array([start]), grid.span))[0]
        expected = field[1, 2, supercell.index(supercell.cells + offset)]
        np.testing.assert_array_equal(found, expected)
