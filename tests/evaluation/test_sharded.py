"""A supercell split over devices: the numbers are those of one device, whatever is split into how many blocks."""

from types import SimpleNamespace

import builders
import jax
import numpy as np
import pytest
import split

from anharmonic.clusters import ClusterBasis
from anharmonic.crystal import Supercell
from anharmonic.errors import AnharmonicError
from anharmonic.evaluation import Blocks, Evaluator, ShardedEvaluator
from anharmonic.evaluation.layout import reach
from anharmonic.sampling.monte_carlo import SiteMoves
from anharmonic.sampling.monte_carlo.sharded_sites import ShardedSiteMoves
from anharmonic.sampling.noise import normal, uniform
from anharmonic.sampling.traffic import counted_bytes, halo_bytes

TWISTED = [[8, 1, 1], [0, 3, 1], [0, 0, 3]]
CALM = {"strain": 0.01, "displacement": 0.03}
EVALUATIONS = {"potential": "rich", "matrix": TWISTED, "method": "evaluate", "dtype": "float64", "devices": [0, 4]}
LONG = EVALUATIONS | {"potential": "long", "matrix": [[4, 1, 1], [0, 3, 1], [0, 0, 3]], "devices": [0, 2]}
DYNAMICS = {"potential": "springs", "matrix": [8, 1, 1], "method": "md", "steps": 3, "dtype": "float64", **CALM}
DYNAMICS |= {"devices": [0, 8], "thermostat": "BussiRescaling"}
MONTE_CARLO = {"potential": "long", "matrix": [8, 5, 5], "method": "mc", "steps": 3, "dtype": "float32", **CALM}
MONTE_CARLO |= {"devices": [0, 2]}
EXACT = 1e-13
"""Of float64, relative to the largest number."""


def differences(found, n):
    """Largest difference from the numbers on one device by name, relative to the largest of them."""
    expected, here = found[0], found[n]
    assert set(expected) == set(here) and all(expected[k].shape == here[k].shape for k in here)
    return {k: abs(expected[k] - x).max() / max(abs(expected[k]).max(), 1e-30) for k, x in here.items() if x.size}


def check(found, n, largest=EXACT):
    seen = differences(found, n)
    assert max(seen.values()) < largest, seen
    assert all(np.isfinite(x).all() for x in found[n].values())


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Evaluations, dynamics and Monte Carlo on virtual devices of one process."""
    return split.results(tmp_path_factory.mktemp("split"), [EVALUATIONS, DYNAMICS, MONTE_CARLO, LONG])


def test_energy_forces_stress_and_grades(small):
    """Pairs, triplets and octahedra on a twisted supercell."""
    check(small[0], 4)


def test_halos_that_reach_around_the_crystal(small):
    """Halos of two planes on both sides of blocks of two, of a twisted supercell of four."""
    check(small[3], 2)


def test_dynamics_with_thermostat_and_barostat(small):
    """Positions, momenta, cell, forces and stress after steps of NPT dynamics."""
    check(small[1], 8)


def test_monte_carlo_is_the_same_chain(small):
    """Every trial has the same fate, with 20 colours and halos of two planes: displacements are equal bit by bit."""
    one, two = small[2][0], small[2][2]
    assert (one["displacements"] == two["displacements"]).all()
    assert (one["observed_acceptance"] == two["observed_acceptance"]).all()
    assert 0.05 < one["observed_acceptance"] < 0.95
    assert abs(one["deformation"] - two["deformation"]).max() < 1e-6


def test_two_processes(small, tmp_path):
    """Dynamics of two processes that talk over the loopback equal those of one."""
    found = split.results(tmp_path, [DYNAMICS | {"devices": [2]}], processes=2)
    check({0: small[1][0], 2: found[0][2]}, 2)


@pytest.mark.slow
@pytest.mark.parametrize("method, dtype, largest", [("md", "float64", 1e-12), ("mc", "float32", 2e-5)])
def test_all_numbers_of_devices(tmp_path, method, dtype, largest):
    """Pairs, triplets and octahedra; Monte Carlo with two colours."""
    matrix = TWISTED if method == "md" else [8, 4, 4]
    spec = {"potential": "rich", "matrix": matrix, "method": method, "steps": 3, "dtype": dtype, **CALM}
    found = split.results(tmp_path, [spec | {"devices": [0, 2, 4, 8]}], seconds=1500)[0]
    for n in (2, 4, 8):
        check(found, n, largest)
        assert method == "md" or (found[0]["displacements"] == found[n]["displacements"]).all()


@pytest.mark.slow
def test_a_million_atoms_on_two_processes(tmp_path):
    """64^3 cells: forces, stress and energy equal those of one process to float32 rounding, from step to step."""
    spec = {"potential": "CsPbBr3", "matrix": [64, 64, 64], "method": "md", "dtype": "float32", **CALM}
    for n_steps, largest in ((1, 2e-6), (10, 1e-5)):
        runs, options = [spec | {"steps": n_steps}], {"seconds": 1500, "flags": ""}
        one = split.results(tmp_path, [runs[0] | {"devices": [0]}], **options)[0][0]
        two = split.results(tmp_path, [runs[0] | {"devices": [2]}], processes=2, **options)[0][2]
        assert one["displacements"].size == 3 * 1310720
        check({0: one, 2: two}, 2, largest)


@pytest.mark.parametrize("count, fitting", [(3, "1, 2, 4"), (8, "1, 2, 4")])
def test_refusal_says_what_fits(monkeypatch, count, fitting):
    monkeypatch.setattr(jax, "devices", lambda: [None] * 8)
    basis = ClusterBasis(builders.simple_cubic(), pairs=4)
    assert reach(basis)[0] == 2
    with pytest.raises(
        AnharmonicError, match=f"8 planes.* 2 that it sends.*{count} devices do not fit; {fitting} would"
    ):
        Blocks.create(basis, Supercell.from_matrix([8, 2, 2]), count)


def test_more_devices_than_there_are_are_refused(springs):
    with pytest.raises(AnharmonicError, match="found 1 devices of 1 processes, asked for 2"):
        Blocks.create(springs.basis, Supercell.from_matrix([4, 1, 1]), 2)


@pytest.mark.parametrize("kind, what", [("site", "a net for each site"), ("dipoles", "dipoles")])
def test_models_that_reach_everywhere_are_refused(potentials, kind, what):
    potential, supercell = potentials[kind], Supercell.from_matrix([4, 2, 2])
    blocks = Blocks.create(potential.basis, supercell, 1)
    with pytest.raises(AnharmonicError, match=f"{what}: run it on one device"):
        ShardedEvaluator.create(potential, supercell, blocks)


def test_colours_that_are_not_shared_equally_are_refused():
    """Of the 10 cells of each of 20 colours two devices have 5 each; four cannot."""
    potential, supercell = split.potential("long"), Supercell.from_matrix([8, 5, 5])
    moves = SiteMoves.create(potential, supercell)
    two, four = (Blocks(SimpleNamespace(size=n), supercell.shape, 2) for n in (2, 4))
    assert ShardedSiteMoves.of_moves(moves, two).shape == (20, 10)
    with pytest.raises(AnharmonicError, match="20 colours in turn, and 4 devices would not .* multiple of 80 cells"):
        ShardedSiteMoves.of_moves(moves, four)


@pytest.mark.parametrize("shape", [(5, 3, 16), (1, 3, 5)])
@pytest.mark.parametrize("numbers", [normal, uniform])
def test_random_numbers_do_not_depend_on_blocks(springs, shape, numbers):
    """Of an even and an odd number of numbers; what several devices make is part of the tests above."""
    blocks = Blocks.create(springs.basis, Supercell.from_matrix([shape[-1], 1, 1]), 1)
    key = jax.random.key(3)
    assert (numbers(key, shape, np.dtype("float32"), blocks) == numbers(key, shape, np.dtype("float32"))).all()


def test_halo_traffic_is_that_of_the_model(springs):
    """Counted from the traced program: one halo an evaluation, two here."""
    supercell = Supercell.from_matrix([4, 3, 2])
    blocks = Blocks.create(springs.basis, supercell, 1)
    model = ShardedEvaluator.create(springs, supercell, blocks)
    placed = blocks.place(model)
    assert all(a is b for a, b in zip(jax.tree.leaves(placed), jax.tree.leaves(model), strict=True))
    state = jax.ShapeDtypeStruct((5, 3, 24), "float32"), jax.ShapeDtypeStruct((3, 3), "float32")

    def twice(model, *state):
        return jax.lax.map(lambda k: model.energy(state[0] + k, state[1]), jax.numpy.arange(2.0))

    planes, cells, sites, bytes_of_vector = 2 * int(reach(springs.basis)[0]), 6, 5, 12
    assert halo_bytes(blocks, 5, 4) == planes * cells * sites * bytes_of_vector
    assert counted_bytes(twice, model, *state) == 2 * halo_bytes(blocks, 5, 4)
    assert counted_bytes(Evaluator.energy, Evaluator.create(springs, supercell), *state) == 0
