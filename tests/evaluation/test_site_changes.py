"""Energy changes of single-site moves against differences of the full energy, by the plain path."""

import builders
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from builders import MATRICES, distorted

from anharmonic.clusters import ClusterBasis
from anharmonic.crystal import Supercell
from anharmonic.errors import AnharmonicError
from anharmonic.evaluation import Evaluator, SiteChanges, conflicts
from anharmonic.evaluation.tables import NetTable
from anharmonic.potential import precision
from anharmonic.sampling.monte_carlo.colouring import colour_cells

SUPERCELLS = {
    "2x2x2": MATRICES["2x2x2"],
    "untidy": MATRICES["untidy"],
    "left-handed": MATRICES["left-handed"],
    "bent": np.array([[2, 2, 0], [0, 2, 2], [2, 0, 0]]),
    "3x3x3": 3 * np.eye(3, dtype=int),
    "twisted": np.array([[3, 1, 0], [0, 3, 1], [1, 0, 3]]),
    "sheared": np.array([[3, 1, 2], [0, 2, 1], [0, 0, 5]]),
}
"""Up to 30 cells, 1 to 14 of them of one colour; in the first all opposite neighbours are the same atom."""
CASES = [("polynomial", m) for m in SUPERCELLS]
CASES += [("cluster", m) for m in ("2x2x2", "bent", "sheared")]
CASES += [("walls", m) for m in ("2x2x2", "bent")]
EXACT = 1e-10
"""eV, in float64."""
SINGLE = 2e-5
"""In float32, relative to the largest change of a site's energy."""


@pytest.fixture(scope="module")
def sums(potentials, rich_basis):
    """Sums over clusters: the shared potentials, and polynomials with walls."""
    return {
        "polynomial": potentials["polynomial"],
        "cluster": potentials["cluster"],
        "walls": builders.random_potential(rich_basis, "polynomial", 4, walls=True),
    }


@eqx.filter_jit
def plain_energies(lattice, displacements, deformation, translations):
    """Energies of many displacements by the plain path."""
    return jax.lax.map(lambda u: lattice.energy(u, deformation, translations), displacements)


def energies(potential, state, displacements):
    """Energies (n,) of displacements (n, n_sites, 3, n_cells) in the cell of `state`, in float64."""
    with precision("float64"):
        translations = potential.lattice.topology.translations(state.supercell)
        return np.asarray(plain_energies(potential.lattice, displacements, state.deformation, translations))


@eqx.filter_jit
def compiled_change(changes, site, own, steps, others, metric_tensor):
    return changes.change(site, own, steps, others, metric_tensor)


def found_changes(changes, state, site, cells, steps, dtype="float64"):
    """`SiteChanges.change`, with the neighbours looked up one by one."""
    around, u = changes.surroundings[site], state.displacements
    neighbours = [
        u[s, :, state.supercell.index(state.supercell.cells[cells] + np.array(changes.offsets[o]))]
        for s, o in zip(around.sites, around.offsets, strict=True)
    ]
    others = np.moveaxis(np.array(neighbours).reshape(len(neighbours), len(cells), 3), -1, 0)
    metric_tensor = state.deformation.T @ state.deformation
    arrays = [np.asarray(x, dtype) for x in (u[site][:, cells], steps, others, metric_tensor)]
    with precision(dtype):
        change = compiled_change(changes, site, *map(jnp.asarray, arrays))
        assert change.dtype == dtype and change.shape == (len(cells),)
        return np.asarray(change, float)


def exact_changes(potential, state, site, cells, steps):
    """``(alone, together)``: differences of full energies for each move alone, (n_moved,), and for all of them."""
    u = np.repeat(state.displacements[None], len(cells) + 2, axis=0)
    u[np.arange(len(cells)), site, :, cells] += steps.T
    u[-2, site][:, cells] += steps
    *alone, together, before = energies(potential, state, u)
    return np.array(alone) - before, together - before


def compare(potential, matrix, dtype="float64", colours=2):
    """``(found, exact, exact change of all together)`` for the cells of a few colours, by site."""
    rng, state = np.random.default_rng(17), distorted(potential.crystal, matrix, 18, displacement=0.08)
    changes = SiteChanges.of_evaluator(potential.basis, Evaluator.create(potential, state.supercell, dtype))
    groups = colour_cells(state.supercell, conflicts(potential.basis))
    for site in range(potential.crystal.n_sites):
        for cells in groups[rng.permutation(len(groups))[:colours]]:
            steps = 0.1 * rng.normal(size=(3, len(cells)))
            yield (
                found_changes(changes, state, site, cells, steps, dtype),
                *exact_changes(potential, state, site, cells, steps),
            )


def assert_exact(results):
    """Each change and their sum; also the largest change of each."""
    sizes = []
    for found, exact, together in results:
        np.testing.assert_allclose(found, exact, rtol=0, atol=EXACT)
        assert abs(found.sum() - together) < EXACT
        sizes.append(abs(exact).max())
    return np.array(sizes)


@pytest.mark.parametrize("name, matrix", CASES)
def test_every_move_and_their_sum(sums, name, matrix):
    """Moves of one site in many cells at once: each has its own change, and they add up to that of all."""
    sizes = assert_exact(compare(sums[name], SUPERCELLS[matrix]))
    assert len(sizes) == 10 and sizes.min() > 1e-3


@pytest.mark.parametrize("factor", [0.5, 0.0])
@pytest.mark.parametrize("orbit", range(5))
def test_every_orbit_counts(sums, orbit, factor):
    """A control: less weight for pairs, the triplet or the octahedron gives other changes, and right ones."""
    potential = sums["polynomial"]
    assert [o.n_points for o in potential.basis.orbits] == [2, 2, 2, 3, 6]
    other = eqx.tree_at(lambda p: p.terms[orbit].weights, potential.model, replace_fn=lambda w: factor * w)
    other = list(compare(type(potential)(potential.basis, other), SUPERCELLS["2x2x2"]))
    assert_exact(other)
    before = compare(potential, SUPERCELLS["2x2x2"])
    assert max(abs(a[0] - b[0]).max() for a, b in zip(before, other, strict=True)) > 1e-3


def test_walls_are_felt(sums):
    """A control: with the walls taken away, the changes are others."""
    walled = sums["walls"]
    bare = type(walled.model)(tuple(getattr(t, "term", t) for t in walled.model.terms))
    bare = compare(type(walled)(walled.basis, bare), SUPERCELLS["2x2x2"])
    pairs = zip(compare(walled, SUPERCELLS["2x2x2"]), bare, strict=True)
    assert max(abs(one[0] - other[0]).max() for one, other in pairs) > 0.01


def test_two_of_one_cluster_do_not_add_up(potentials):
    """A control: the changes of sites that share a cluster are not independent."""
    potential, rng = potentials["polynomial"], np.random.default_rng(3)
    state = distorted(potential.crystal, SUPERCELLS["2x2x2"], 18, displacement=0.08)
    changes = SiteChanges.of_evaluator(potential.basis, Evaluator.create(potential, state.supercell, "float64"))
    lead, cells, steps = 1, state.supercell.index(np.array([[0, 0, 0], [1, 0, 0]])), 0.1 * rng.normal(size=(3, 2))
    assert potential.crystal.species[lead] == "Pb"
    found = found_changes(changes, state, lead, cells, steps)
    alone, together = exact_changes(potential, state, lead, cells, steps)
    np.testing.assert_allclose(found, alone, rtol=0, atol=EXACT)
    assert abs(found.sum() - together) > 1e-3


@pytest.mark.parametrize("name", ["polynomial", "cluster", "walls"])
@pytest.mark.parametrize("matrix", ["2x2x2", "bent"])
def test_single_precision(sums, name, matrix):
    """Changes keep their relative precision: nothing large is subtracted but the energies of the touched clusters."""
    for found, exact, together in compare(sums[name], SUPERCELLS[matrix], "float32"):
        assert 0 < abs(found - exact).max() < SINGLE * abs(exact).max()
        assert abs(found.sum() - together) < SINGLE * abs(exact).sum()


def wide(basis):
    """Fitted ranges (n_invariants, 2) of each orbit that hold the distorted states of these tests."""
    return tuple(np.array([[-(0.1**d), 0.1**d] for d in i.degrees]) for i in basis.invariants)


def narrow(basis):
    """Ranges that they leave."""
    return tuple(0.02 * limits for limits in wide(basis))


def test_nets_by_table(plain_basis):
    """In float32 and with known ranges, pair nets are tables; they are as good inside their range."""
    potential = builders.random_potential(plain_basis, "cluster", 2, walls=True, ranges=wide(plain_basis))
    supercell = Supercell.from_matrix(SUPERCELLS["2x2x2"])
    single, double = (Evaluator.create(potential, supercell, dtype) for dtype in ("float32", "float64"))
    assert isinstance(single.model.pairs.net, NetTable)
    assert not isinstance(double.model.pairs.net, NetTable)
    for found, exact, _ in compare(potential, SUPERCELLS["2x2x2"], "float32"):
        assert 0 < abs(found - exact).max() < SINGLE * abs(exact).max()


def test_tables_end(plain_basis):
    """A control: tables of ranges that are too narrow give finite changes, but others."""
    potential = builders.random_potential(plain_basis, "cluster", 2, ranges=narrow(plain_basis))
    results = list(compare(potential, SUPERCELLS["2x2x2"], "float32"))
    assert all(np.isfinite(found).all() for found, *_ in results)
    assert max(abs(found - exact).max() / abs(exact).max() for found, exact, *_ in results) > 100 * SINGLE


def test_nothing_moves_nothing_changes(potentials):
    potential = potentials["cluster"]
    state = distorted(potential.crystal, SUPERCELLS["bent"], 18, displacement=0.08)
    for dtype in ("float32", "float64"):
        changes = SiteChanges.of_evaluator(potential.basis, Evaluator.create(potential, state.supercell, dtype))
        for site in range(5):
            assert (found_changes(changes, state, site, np.arange(4), np.zeros((3, 4)), dtype) == 0).all()


@pytest.mark.parametrize(
    "clusters",
    [{"pairs": 0, "triplets": 4.5}, {"pairs": 2, "triplets": 4.5}, {"pairs": 3, "quadruplets": 4.5}],
    ids=["no pairs", "triplets", "quadruplets"],
)
def test_other_bases(cspbbr3, clusters):
    """Without pairs; clusters of which a site is a member in many ways."""
    potential = builders.random_potential(ClusterBasis(cspbbr3, order=2, **clusters), "polynomial", 5)
    assert_exact(compare(potential, SUPERCELLS["2x2x2"]))


def test_sites_without_clusters(cspbbr3):
    """Caesium in a basis of Pb-Br bonds: it moves freely."""
    potential = builders.random_potential(ClusterBasis(cspbbr3, pairs=1), "polynomial", 6)
    sizes = assert_exact(compare(potential, SUPERCELLS["2x2x2"]))
    assert [s > 1e-3 for s in sizes] == [False, True, True, True, True]
    assert sizes[0] == 0


def test_one_cell_where_nothing_conflicts():
    """CsCl in one cell: all eight neighbours are the same atom."""
    basis = ClusterBasis(builders.cesium_chloride(), pairs=1, order=4)
    assert_exact(compare(builders.random_potential(basis, "polynomial", 7), np.eye(3, dtype=int)))


def test_models_without_local_changes(potentials):
    evaluator = Evaluator.create(potentials["site"], Supercell.from_matrix([2, 2, 2]))
    with pytest.raises(AnharmonicError, match="sum over clusters.*'polynomial' and 'cluster'.*--method md"):
        SiteChanges.of_evaluator(potentials["site"].basis, evaluator)
    evaluator = Evaluator.create(potentials["dipoles"], Supercell.from_matrix([2, 2, 2]))
    with pytest.raises(AnharmonicError, match="dipoles do: run molecular dynamics"):
        SiteChanges.of_evaluator(potentials["dipoles"].basis, evaluator)
