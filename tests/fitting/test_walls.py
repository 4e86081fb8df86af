"""Where the walls of a fit stand: around the data, not within, and closed in every direction."""

import builders
import jax
import numpy as np
import pytest

import anharmonic as ah
from anharmonic.data.frames import Frame
from anharmonic.fitting.geometry import Geometry
from anharmonic.fitting.statistics import Statistics
from anharmonic.fitting.walls import EDGE, walls_around
from anharmonic.potential.potential import Potential
from anharmonic.potential.walls import EllipsoidWall

STIFFNESS = 300.0


@pytest.fixture(scope="module")
def basis(cspbbr3):
    """Triplets without symmetry, with a twofold axis, and with a threefold one whose deformations are degenerate."""
    order = {"pair": 2, "triplet": 3, "polyhedron": 1}
    return ah.ClusterBasis(cspbbr3, pairs=2, triplets=4.6, polyhedra=["octahedron"], order=order)


def distorted(crystal, displacement, seeds, strain=0.02):
    states = [builders.distorted(crystal, [2, 1, 1], seed, strain=strain, displacement=displacement) for seed in seeds]
    return ah.Dataset(crystal, [Frame(s, 0.0, None, None, "a", "", f"a:{k}") for k, s in enumerate(states)])


@pytest.fixture(scope="module")
def frames(cspbbr3):
    return distorted(cspbbr3, 0.1, range(12))


def around(basis, dataset, start=None):
    """Walls of some frames, and the geometries of these."""
    geometry = Geometry(basis)
    walls = walls_around(geometry, dataset, Statistics.of_dataset(geometry, dataset), STIFFNESS, start)
    return walls, [geometry(frame.configuration).orbits for frame in dataset]


def forms(wall, orbit):
    """The form of a wall for all clusters of a frame, from 0 at the centre of the ellipsoid to 1 where it touches."""
    phi = orbit.invariants[: len(wall.weights)]
    return np.tensordot(wall.weights, phi, 1) + EDGE - float(wall.limit)


def test_form_of_the_covariance(basis, frames):
    """Against the covariance of the deformations and all their images under the point group, made one by one."""
    walls, geometries = around(basis, frames)
    found = [(k, wall) for k, wall in enumerate(walls) if isinstance(wall, EllipsoidWall)]
    assert {ccd.point_group[0] for ccd in basis.ccds} >= {"Cs", "C2v", "C3v"} and len(found) >= 3
    for k, wall in found:
        q = np.concatenate([orbits[k].deformations.reshape(3, -1) for orbits in geometries], axis=1)
        images = np.concatenate([d @ q for d in basis.ccds[k].representations], axis=1)
        inverse = np.linalg.inv(np.cov(images, bias=True))
        away = q - images.mean(axis=1, keepdims=True)
        expected = np.einsum("ac,ab,bc->c", away, inverse, away)
        rho = np.concatenate([forms(wall, orbits[k]).ravel() for orbits in geometries])
        np.testing.assert_allclose(rho, expected / expected.max(), atol=1e-9)


def test_no_orbit_without_squares(basis, frames):
    """The octahedron is linear here: its wall could not be closed."""
    walls, _ = around(basis, frames)
    assert walls[-1] is None and basis.orbits[-1].n_points > 3


def test_data_are_inside_and_all_else_is_not(basis, frames):
    """Not one frame meets a wall; far out, energies rise in every direction, though the polynomial falls."""
    walls, _ = around(basis, frames)
    bare = builders.random_potential(basis, "polynomial", 1)
    walled = Potential(basis, bare.model.walled(walls))
    for frame in frames:
        difference = walled.evaluate(frame.configuration)["energy"] - bare.evaluate(frame.configuration)["energy"]
        assert abs(difference) < 1e-12
    with jax.enable_x64(True):
        for k, wall in enumerate(walls):
            if not isinstance(wall, EllipsoidWall):
                continue
            term, features = walled.model.terms[k], walled.lattice.features.orbits[k]
            directions = np.random.default_rng(k).normal(size=(3, 200))
            near, far, bottom = (np.asarray(term(features(s * directions))) for s in (5.0, 10.0, 0.0))
            assert (far > 5 * near).all() and (near > bottom).all()


def test_stiffness_where_it_begins(basis, frames):
    """Along the shortest axis the excess of the form is that of the wall of a pair, and the energy its cube."""
    walls, _ = around(basis, frames)
    k = next(k for k, wall in enumerate(walls) if isinstance(wall, EllipsoidWall))
    features = builders.random_potential(basis, "polynomial", 1).lattice.features.orbits[k]
    with jax.enable_x64(True):

        def rho(q):
            return float(np.tensordot(walls[k].weights, features(q[:, None])[: len(walls[k].weights)], 1)[0])

        axes = np.eye(3) * 1e-3
        second = [[rho(a + b) - rho(a - b) - rho(b - a) + rho(-a - b) for a in axes] for b in axes]
        values, vectors = np.linalg.eigh(np.array(second) / 8e-6)  # the matrix of the form, over its reach
        slope = np.array([rho(a) - rho(-a) for a in axes]) / 2e-3
        centre = -0.5 * np.linalg.solve((vectors * values) @ vectors.T, slope)
        start = np.sqrt(EDGE / values[-1])
        step = 1e-4 * start
        q = centre + (start + step) * vectors[:, -1]
        energy = float(walls[k](features(q[:, None]))[0])
        excess = rho(q) - float(walls[k].limit)
    assert float(walls[k].stiffness) * excess**2 == pytest.approx(STIFFNESS * step**2, rel=1e-3)
    assert energy == pytest.approx(float(walls[k].stiffness) * excess**3)


def test_walls_of_a_start_move_outwards_only(basis, frames, cspbbr3):
    narrow, wide = distorted(cspbbr3, 0.05, range(20, 24)), distorted(cspbbr3, 0.2, range(30, 36))
    bare = builders.random_potential(basis, "polynomial", 1).model
    known, _ = around(basis, frames)
    for dataset, wider in ((narrow, False), (wide, True)):
        found, geometries = around(basis, dataset, bare.walled(known))
        for k, (old, new) in enumerate(zip(known, found, strict=True)):
            if isinstance(old, EllipsoidWall):
                np.testing.assert_array_equal(new.weights, old.weights)
                assert (new.limit > old.limit) if wider else (new.limit == old.limit)
                highest = max(
                    np.tensordot(new.weights, o[k].invariants[: len(new.weights)], 1).max() for o in geometries
                )
                assert highest < new.limit


def test_no_wall_around_nothing(basis, cspbbr3):
    """Frames of the undistorted crystal have no ellipsoid; walls of pairs remain."""
    walls, _ = around(basis, distorted(cspbbr3, 0.0, range(2), strain=0.0))
    assert not any(isinstance(wall, EllipsoidWall) for wall in walls)
