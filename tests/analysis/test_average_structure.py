"""Average structures of known ones with Gaussian noise: space group, positions, displacement parameters."""

import numpy as np
import pytest
from series import autoregressive, perovskite

from anharmonic.analysis import TiltModes
from anharmonic.analysis.average_structure import average_structure, isotropic
from anharmonic.analysis.glazer import TILT_SYSTEMS
from anharmonic.crystal import Crystal, Supercell
from anharmonic.crystal.folding import Folding
from anharmonic.sampling.site_moments import moments

CRYSTAL, SUPERCELL = perovskite(), Supercell.from_matrix([4, 2, 2])
FOLDED = Folding.of_supercell(SUPERCELL)
TILTS = {"Pm-3m": (0, 0), "P4/mbm": ([0, 0, 6], 0), "Pnma": ([0, 0, 7], [8, 8, 0]), "R-3c": (0, [6, 6, 6])}
WIDTH = np.array([[0.12, 0.12, 0.12], [0.05, 0.05, 0.05], [0.06, 0.15, 0.15], [0.15, 0.06, 0.15], [0.15, 0.15, 0.06]])
"""Standard deviations (A) of each site along each axis: those of the halides follow their bonds."""


def sampled(name, n_samples=150, drift=0.0, widths=WIDTH, seed=0):
    """Moments of noisy displacements about a tilted structure; all atoms may drift together."""
    tilts = [np.zeros(3) if np.isscalar(t) else np.array(t, float) for t in TILTS[name]]
    mean = TiltModes.of_crystal(CRYSTAL).displacements(*tilts, SUPERCELL)
    noise = autoregressive(0.5, n_samples, mean.size, seed).reshape(n_samples, *mean.shape) * widths[:, :, None]
    wander = drift * np.cumsum(np.random.default_rng(seed).normal(size=(n_samples, 1, 3, 1)), axis=0)
    found = np.stack([np.asarray(moments(u, FOLDED.members), float) for u in mean + noise + wander])
    return found, np.tile(np.eye(3), (n_samples, 1, 1)) + 1e-4 * np.random.default_rng(1).normal(size=(n_samples, 3, 3))


def test_folding():
    """Two cells along each axis, every folded cell with as many members; nothing to fold where numbers are odd."""
    assert FOLDED.folded.shape == (2, 2, 2) and FOLDED.members.shape == (8, 2)
    assert sorted(FOLDED.members.ravel()) == list(range(16))
    cells = SUPERCELL.cells[FOLDED.members]
    np.testing.assert_array_equal(cells % 2, np.broadcast_to(FOLDED.folded.cells[:, None], cells.shape))
    assert Folding.of_supercell(Supercell.from_matrix([3, 4, 5])).folded.shape == (1, 2, 1)
    skewed = Supercell.from_matrix([[2, 2, 0], [-2, 2, 0], [0, 0, 3]])
    assert Folding.of_supercell(skewed).folded.shape == (2, 2, 1)


@pytest.mark.parametrize("name", TILTS)
def test_space_groups_from_noisy_averages(name):
    """The group of the structure, over a range of tolerances that reaches well above the errors."""
    found = average_structure(CRYSTAL, FOLDED.folded, *sampled(name))
    assert found.symmetry.international == name
    assert 0.005 <= found.tolerance < 0.15
    low, high = found.tolerance_range()
    assert low <= found.tolerance <= high and high > 2 * low
    assert dict(found.groups())[high] == name or high == found.tolerance
    tight = [symbol for tolerance, symbol in found.groups() if tolerance < 0.002]
    assert name == "Pm-3m" or name not in tight  # a tolerance below the noise loses it
    assert name not in TILT_SYSTEMS or not found.is_short


@pytest.mark.parametrize("name", ["Pm-3m", "Pnma"])
def test_displacement_parameters(name):
    """The widths that were put in, whatever drifts; U of a halide is long across its bond."""
    found = average_structure(CRYSTAL, FOLDED.folded, *sampled(name, drift=0.02))
    for atom, tensor in found.displacement_parameters():
        site, axes = divmod(atom, 8)[0], np.zeros(3)
        if name == "Pm-3m":
            axes = WIDTH[site] ** 2
            assert (abs(np.diag(tensor.mean) - axes) < 5 * np.diag(tensor.error) + 0.03 * axes).all()
            np.testing.assert_allclose(tensor.mean - np.diag(np.diag(tensor.mean)), 0, atol=1e-5)
        mean, error = isotropic(tensor)
        expected = (WIDTH[site] ** 2).mean()
        assert abs(mean - expected) < 5 * error + 0.03 * expected and error < 0.03 * expected
    assert len(found.displacement_parameters()) == {"Pm-3m": 3, "Pnma": 4}[name]


def test_short_runs_have_wide_tolerances():
    """Ten samples tell less than 150: the tolerance grows with the errors, and positions stay within it."""
    short = average_structure(CRYSTAL, FOLDED.folded, *sampled("Pnma", 12))
    assert short.tolerance > 2 * average_structure(CRYSTAL, FOLDED.folded, *sampled("Pnma")).tolerance
    assert short.is_short or short.tolerance > 0.1


def test_crystals_without_tilts():
    """One atom a cell, odd numbers of cells."""
    from ase import Atoms

    crystal = Crystal.from_atoms(Atoms("Ar", cell=[4.0] * 3, pbc=True))
    supercell = Supercell.from_matrix([3, 3, 3])
    folding = Folding.of_supercell(supercell)
    u = 0.1 * np.random.default_rng(0).normal(size=(300, 1, 3, 27))
    u -= u.mean(axis=(1, 3), keepdims=True)
    series = np.stack([np.asarray(moments(x, folding.members), float) for x in u])
    found = average_structure(crystal, folding.folded, series, np.tile(1.01 * np.eye(3), (300, 1, 1)))
    assert found.symmetry.international == "Pm-3m"
    ((_, tensor),) = found.displacement_parameters()
    expected = 1.01**2 * 0.01 * 26 / 27
    assert (abs(np.diag(tensor.mean) - expected) < 4 * np.diag(tensor.error)).all()
