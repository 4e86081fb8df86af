"""Potentials that many tests share: built once, so that each compiles once."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
# One width of vectors for this process and those that it starts: sums are compared bit by bit.
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_prefer_vector_width=256")
# As commands do for small supercells: there is a process for each core already.
os.environ.setdefault("PJRT_NPROC", "1")

import builders
import jax
import pytest

from anharmonic.clusters import ClusterBasis


@pytest.fixture(scope="module", autouse=True)
def forget_compiled_programs():
    """Compiled programs of a module end with it: Linux gives a process 65,530 memory maps, and each takes some."""
    yield
    jax.clear_caches()


@pytest.fixture(scope="session")
def cspbbr3():
    """The cubic reference crystal of CsPbBr3."""
    return builders.perovskite()


@pytest.fixture(scope="session")
def rich_basis(cspbbr3):
    """Pairs to order 4, a triplet to order 3, the octahedron to order 3."""
    order = {"pair": 4, "triplet": 3, "polyhedron": 3}
    return ClusterBasis(cspbbr3, pairs=3, triplets=["Pb-Br-Pb"], polyhedra=["octahedron"], order=order)


@pytest.fixture(scope="session")
def plain_basis(cspbbr3):
    """As `rich_basis`, with the octahedron to order 2 and the logarithmic metric."""
    order = {"pair": 3, "triplet": 2, "polyhedron": 2}
    return ClusterBasis(
        cspbbr3, pairs=3, triplets=["Pb-Br-Pb"], polyhedra=["octahedron"], order=order, metric="logarithmic"
    )


@pytest.fixture(scope="session")
def potentials(rich_basis, plain_basis):
    """Random potentials of every model, by name; both nets with walls; one with dipoles beside pairs."""
    return {
        "polynomial": builders.random_potential(rich_basis, "polynomial", 1),
        "dipoles": builders.dipolar_potential(rich_basis.crystal),
        "cluster": builders.random_potential(plain_basis, "cluster", 2, walls=True),
        "site": builders.random_potential(plain_basis, "site", 3, walls=True),
    }


@pytest.fixture(params=["polynomial", "dipoles", "cluster", "site"], scope="session")
def potential(request, potentials):
    """Each of `potentials` in turn."""
    return potentials[request.param]


@pytest.fixture(scope="session")
def springs(cspbbr3):
    """A stable CsPbBr3 with soft tilts."""
    return builders.spring_perovskite(cspbbr3)
