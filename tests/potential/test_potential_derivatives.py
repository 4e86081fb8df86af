"""Forces, stress and Hessian against differences of the energy; transposes; precision."""

import builders
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from builders import MATRICES, changed, distorted

from anharmonic.clusters import ClusterBasis
from anharmonic.crystal import Supercell
from anharmonic.errors import AnharmonicError
from anharmonic.potential import precision

STATES = {
    "single": (np.eye(3, dtype=int), None),
    "tilted": (MATRICES["2x2x2"], ((0, 0, 9), (7, 8, 0))),
    "skewed": (MATRICES["skewed"], None),
}
STEP = 2e-5


def central(function):
    """Derivative at 0 of a function of one number, with an error of order STEP^6."""
    weights = {1: 3 / 4, 2: -3 / 20, 3: 1 / 60}
    return sum(w * (function(n * STEP) - function(-n * STEP)) for n, w in weights.items()) / STEP


@pytest.fixture(params=STATES)
def state(request, potential):
    """Distorted configurations, of one cell and of eight, tilted or strongly skewed."""
    matrix, tilts = STATES[request.param]
    return distorted(potential.crystal, matrix, 11, displacement=0.08, tilts=tilts)


def test_forces(potential, state):
    """Move single atoms in the laboratory."""
    rng, n_cells = np.random.default_rng(12), state.supercell.n_cells
    forces = potential.evaluate(state)["forces"]
    inverse = np.linalg.inv(state.deformation)
    for _ in range(12):
        site, axis, cell = rng.integers(5), rng.integers(3), rng.integers(n_cells)

        def energy(x, site=site, axis=axis, cell=cell):
            u = state.displacements.copy()
            u[site, :, cell] += inverse[:, axis] * x
            return potential.evaluate(changed(state, displacements=u))["energy"]

        assert abs(-central(energy) - forces[site, axis, cell]) < 1e-6 * abs(forces).max()


def test_forces_sum_to_zero(potential, state):
    forces = potential.evaluate(state)["forces"]
    assert abs(forces.sum(axis=(0, 2))).max() < 1e-10 * abs(forces).max()


def test_stress(potential, state):
    """Strain the laboratory by all nine components; rotations cost nothing."""
    stress = potential.evaluate(state)["stress"]
    for i in range(3):
        for j in range(3):

            def energy(x, i=i, j=j):
                gradient = np.eye(3)
                gradient[i, j] += x
                return potential.evaluate(changed(state, deformation=gradient @ state.deformation))["energy"]

            assert abs(central(energy) / state.volume - stress[i, j]) < 1e-6 * abs(stress).max()


def test_gradients(potentials):
    """As dynamics uses them: those of `energy` by reverse mode; dE/dF F^T is V sigma without symmetrisation."""
    potential = potentials["site"]
    lattice, state = potential.lattice, distorted(potential.crystal, MATRICES["skewed"], 11)
    with precision("float64"):
        oracle = jax.value_and_grad(lattice.energy, argnums=(0, 1))
        both = jax.jit(lambda *arguments: (lattice.gradients(*arguments), oracle(*arguments)))
        arguments = state.displacements, state.deformation, lattice.topology.translations(state.supercell)
        (energy, by_u, by_f), (expected, automatic) = jax.tree.map(np.asarray, both(*arguments))
    found = potential.evaluate(state)
    assert abs(energy - found["energy"]) < 1e-10 and abs(energy - expected) < 1e-10
    for one, other in zip((by_u, by_f), automatic, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-11 * abs(other).max())
    np.testing.assert_allclose(-np.linalg.inv(state.deformation).T @ by_u, found["forces"], atol=1e-10)
    kirchhoff = by_f @ state.deformation.T
    np.testing.assert_allclose(kirchhoff, state.volume * found["stress"], atol=1e-11 * abs(kirchhoff).max())


@pytest.mark.parametrize("model", ["polynomial", "site"])
def test_hessian(cspbbr3, model):
    """Second derivatives by reverse mode twice: symmetric, translation invariant, and those of the gradients."""
    basis = ClusterBasis(cspbbr3, pairs=2, triplets=["Pb-Br-Pb"])
    lattice = builders.random_potential(basis, model, 13).lattice
    state = distorted(cspbbr3, np.eye(3, dtype=int), 13)
    with precision("float64"):
        translations = lattice.topology.translations(state.supercell)

        def gradient(u):
            return jax.grad(lattice.energy)(u, state.deformation, translations)

        both = jax.jit(lambda u: (jax.jacrev(gradient)(u), gradient(u)))
        u = state.displacements
        hessian = np.asarray(both(u)[0]).reshape(15, 15)
        direction = np.random.default_rng(14).normal(size=u.shape)
        numerical = central(lambda x: np.asarray(both(u + x * direction)[1]))
    size = abs(hessian).max()
    assert abs(hessian - hessian.T).max() < 1e-11 * size
    assert abs(hessian.reshape(15, 5, 3).sum(axis=1)).max() < 1e-11 * size
    np.testing.assert_allclose(hessian @ direction.ravel(), numerical.ravel(), atol=1e-6 * abs(numerical).max())


def test_single_precision(potential):
    """float32 agrees with float64 to about 1e-5."""
    state = distorted(potential.crystal, MATRICES["untidy"], 15)
    double, single = potential.evaluate(state), potential.evaluate(state, "float32")
    for name in ("energy", "energies", "forces", "stress"):
        scale = np.abs(double[name]).max() if name != "energy" else np.abs(double["energies"]).sum()
        difference = np.abs(single[name] - double[name]).max()
        assert 0 < difference < 2e-5 * scale, name


@pytest.mark.parametrize("dtype", ["float16", "double", None])
def test_unknown_precision(springs, dtype):
    with pytest.raises(AnharmonicError, match="float32, float64"):
        springs.evaluate(distorted(springs.crystal, [2, 2, 2]), dtype)


def test_stencils_and_their_transposes(potentials):
    """<A x, y> = <x, A^T y> for every neighbour relation, on a skewed supercell."""
    topology, rng = potentials["polynomial"].lattice.topology, np.random.default_rng(16)
    stencils = [topology.difference, *topology.sites, *(g for g in topology.gathers if g is not None)]
    assert len(stencils) == 1 + 5 + 2
    translations = topology.translations(Supercell.from_matrix(MATRICES["skewed"]))
    with precision("float64"):
        for stencil in stencils:
            x = rng.normal(size=(stencil.backward.row.shape[0], 8))
            y = rng.normal(size=(stencil.forward.row.shape[0], 8))
            forward, pull = jax.vjp(lambda v, s=stencil: s(v, translations), jnp.asarray(x))
            (pulled,), transposed = pull(jnp.asarray(y)), stencil.backward(y, translations)
            assert abs(np.vdot(forward, y) - np.vdot(x, transposed)) < 1e-12 * np.linalg.norm(x) * np.linalg.norm(y)
            np.testing.assert_allclose(pulled, transposed, atol=1e-14)
