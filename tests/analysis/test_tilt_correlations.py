"""Local tilts, their correlations, and atoms off the centre of their cages, against states made by hand."""

import builders
import numpy as np
import pytest

from anharmonic.analysis import TiltModes, angles
from anharmonic.analysis.off_centre import coordination, off_centre
from anharmonic.analysis.tilt_correlations import local_tilts, staggered_octahedra, tilt_correlations
from anharmonic.crystal import Configuration, Supercell
from anharmonic.sampling.observables import axis_offsets

SUPERCELL = Supercell.from_matrix((4, 4, 4))


def series_of(modes, states):
    """What a run records of these displacements."""
    weights, sites, cells = staggered_octahedra(modes, SUPERCELL)
    near = np.stack([np.asarray(states)[:, s][..., c] for s, c in zip(sites, cells, strict=True)], axis=1)
    local, offsets = np.einsum("pvxn,tvxn->tpn", weights, near), axis_offsets(SUPERCELL)
    images = SUPERCELL.translations(offsets)
    return np.stack([(local * local[..., image]).mean(axis=-1) for image in images], axis=-1), offsets


def test_local_tilts_of_a_tilted_crystal():
    """Every octahedron has the angle of the mode, with the signs of its wave."""
    modes = TiltModes.of_crystal(builders.perovskite())
    u = modes.displacements([0, 0, 6], [-3, 0, 0], SUPERCELL)
    found, cells = angles(local_tilts(modes, SUPERCELL, u)), SUPERCELL.cells
    np.testing.assert_allclose(found[2], 6 * (-1.0) ** (cells[:, 0] + cells[:, 1]), atol=1e-10)
    np.testing.assert_allclose(found[0], -3 * (-1.0) ** cells.sum(axis=1), atol=1e-10)
    np.testing.assert_allclose(found[1], 0, atol=1e-10)


def test_modes_are_averages_of_local_tilts():
    """Of any displacements, with the alternating signs of each mode."""
    modes = TiltModes.of_crystal(builders.perovskite())
    u = np.random.default_rng(0).normal(size=(5, 3, 64))
    local, cells = local_tilts(modes, SUPERCELL, u), SUPERCELL.cells
    projected = (modes.projection(SUPERCELL) * u).sum((1, 2, 3))
    for axis in range(3):
        others = cells.sum(axis=1) - cells[:, axis]
        assert (local[axis] * (-1.0) ** others).mean() == pytest.approx(projected[axis], abs=1e-12)
        assert (local[axis] * (-1.0) ** cells.sum(axis=1)).mean() == pytest.approx(projected[3 + axis], abs=1e-12)


def test_correlations_of_ordered_and_disordered_tilts():
    """In-phase: +1 along the axis; anti-phase: -1, +1; random layers: rigid across, nothing along."""
    modes, rng = TiltModes.of_crystal(builders.perovskite()), np.random.default_rng(1)
    ordered = modes.displacements([0, 0, 6], [-3, 0, 0], SUPERCELL)[None]
    layers = modes.displacements([0, 5, 0], [0, 0, 0], SUPERCELL)
    signs = rng.choice([-1.0, 1.0], (2000, 4))[:, SUPERCELL.cells[:, 1]]
    states = ordered + layers * signs[:, None, None, :]
    series, offsets = series_of(modes, states)
    found = tilt_correlations(series, offsets, modes.commensurate(SUPERCELL))
    (along, along_error), across = found.along, found.across[0]
    np.testing.assert_allclose(along[[0, 2]], [[1, -1, 1], [1, 1, 1]], atol=1e-10)
    np.testing.assert_allclose(across, 1, atol=1e-10)
    np.testing.assert_allclose(angles(np.sqrt(found.mean_square)), [3, 5, 6], atol=1e-10)
    assert (abs(along[1, 1:]) < 4 * along_error[1, 1:]).all() and (along_error[1, 1:] < 0.03).all()
    # the error is that of the mean of 2000 states with 4 (distance 1) or 2 (distance 2) independent products each
    assert along_error[1, 1:] == pytest.approx(1 / np.sqrt([2000 * 4, 2000 * 2]), rel=0.15)


def test_supercells_that_hold_one_kind_only():
    """The other kind says the same, with the sign of the layer; where neither fits there is nothing."""
    modes = TiltModes.of_crystal(builders.perovskite())
    series, offsets = series_of(modes, [modes.displacements([0, 0, 6], [-3, 0, 0], SUPERCELL)] * 2)
    both = tilt_correlations(series, offsets, np.ones(6, bool))
    one = tilt_correlations(series, offsets, np.array([0, 0, 0, 1, 1, 1], bool))
    for axis in (0, 2):
        np.testing.assert_allclose(one.mean[axis], both.mean[axis], atol=1e-10)
    none = tilt_correlations(series, offsets, np.zeros(6, bool))
    assert np.isnan(none.mean).all() and np.isnan(none.across[0]).all()


def test_cations_off_the_centre():
    """Moved cations are that far away; strain counts, a shift of the whole crystal does not."""
    crystal = builders.perovskite()
    state = Configuration.reference(crystal, SUPERCELL, np.diag([1.1, 1, 1]))
    u = np.full_like(state.displacements, 0.3)
    u[crystal.species.index("Cs"), 0] += 0.2 * (-1.0) ** SUPERCELL.cells[:, 2]
    error = np.full_like(u, 0.01)
    found = {a["species"]: a for a in off_centre(builders.changed(state, u), error)}
    assert {s: a["neighbours"] for s, a in found.items()} == {"Cs": 12, "Pb": 6, "Br": 2}
    assert found["Cs"]["off_centre_A"] == pytest.approx(0.22) and found["Pb"]["off_centre_A"] == pytest.approx(0)
    assert found["Cs"]["off_centre_error_A"] == pytest.approx(0.01 * np.sqrt(3 * (1 + 1 / 12)))
    assert len(coordination(builders.bcc(), 0)) == 8 and len(coordination(builders.fluorite(), 0)) == 8
