"""Runs whose tilts turn, brought back into one domain; layers that turn against each other."""

import numpy as np
import pytest
from series import autoregressive, perovskite

from anharmonic.analysis import TiltModes, estimate, name_phase
from anharmonic.analysis.domains import align, layer_signs, stacking
from anharmonic.crystal import Supercell
from anharmonic.crystal.images import Images
from anharmonic.sampling.site_moments import moments

CRYSTAL, FOLDED = perovskite(), Supercell.from_matrix([2, 2, 2])
MODES = TiltModes.of_crystal(CRYSTAL)
DOMAINS = {"P4/mbm": [0, 0, 6, 0, 0, 0], "Pnma": [0, 0, 7, 8, 8, 0], "I4/mcm": [0, 0, 0, 0, 0, 5]}


def turning(name, n_samples=3000, turns=5, spread=1.0, seed=0):
    """Tilts (tangents) and F of a run whose domain turns: the same of one domain, and the operations that turn it."""
    rng, images = np.random.default_rng(seed), Images.of_crystal(CRYSTAL, FOLDED)
    tangents = np.tan(np.radians(DOMAINS[name] + spread * autoregressive(0.9, n_samples, 6, seed)))
    strain = np.diag([0.004, 0.004, -0.01]) + 1e-3 * np.eye(3) * autoregressive(0.9, n_samples, 1, seed)[:, None]
    fields = np.tensordot(tangents, MODES.patterns(FOLDED), 1)
    pieces = np.repeat(np.r_[0, rng.choice(len(images), turns)], -(-n_samples // (turns + 1)))[:n_samples]
    moved, turned = np.empty_like(fields), np.empty((n_samples, 3, 3))
    for k in np.unique(pieces):
        moved[pieces == k] = images.vectors(k, fields[pieces == k])
        turned[pieces == k] = images.rotations[k] @ (np.eye(3) + strain[pieces == k]) @ images.rotations[k].T
    return (
        np.eye(3) + strain,
        tangents,
        turned,
        np.tensordot(moved, MODES.projection(FOLDED), ([1, 2, 3], [1, 2, 3])),
        moved,
    )


@pytest.mark.parametrize("name", DOMAINS)
@pytest.mark.parametrize("seed", [0, 1])
def test_turning_runs_become_one_domain(name, seed):
    """Cells, tilts and moments of each sample are again those of one domain, and the phase has its name."""
    strained, tangents, turned, tilts, fields = turning(name, seed=seed)
    found = align(MODES, FOLDED, tilts)
    assert found.n_turns >= 3
    back, lengths = found.deformation(turned), np.linalg.eigvalsh(strained)
    np.testing.assert_allclose(np.linalg.eigvalsh(back), lengths, atol=1e-9)
    assert abs(back - back.mean(axis=0)).max() < 0.006 < abs(turned - turned.mean(axis=0)).max()
    size, expected = abs(found.turned.mean(axis=0)), abs(tangents.mean(axis=0))
    np.testing.assert_allclose(np.sort(size), np.sort(expected), atol=0.012)
    assert name_phase(CRYSTAL, back, found.turned).space_group == name
    members = np.arange(8)[:, None]
    series = np.stack([np.asarray(moments(u, members)) for u in fields[::100]])
    chosen = found.operations[::100]
    again = type(found)(found.images, chosen, found.turned[::100]).moments(series)
    for k, n in zip(chosen, range(len(chosen)), strict=True):
        expected = np.asarray(moments(found.images.vectors(k, fields[100 * n]), members))
        np.testing.assert_allclose(again[n], expected, atol=1e-6)


def test_disorder_is_not_turned():
    """Tilts about zero stay as they are, and so do ordered ones that never turn, equal ones among them."""
    noise = np.tan(np.radians(3.0 * autoregressive(0.9, 4000, 6, 3)))
    assert align(MODES, FOLDED, noise).n_turns == 0
    for name, means in DOMAINS.items():
        tilts = np.tan(np.radians(means + autoregressive(0.9, 4000, 6, 4)))
        found = align(MODES, FOLDED, tilts)
        assert found.n_turns == 0, name
        np.testing.assert_allclose(found.turned, tilts)


def test_layers():
    """Signs beyond the error, and what their sequence says."""
    series = np.radians([5, 5, -5, -5, 0.2, 0]) + 0.01 * autoregressive(0.5, 2000, 6, 1)
    assert layer_signs(estimate(series)) == "++--00"
    short = np.radians([3.0, -3.0]) + 0.1 * autoregressive(0.97, 200, 2, 2)
    assert layer_signs(estimate(short)) == "00"
    assert stacking("++++") == ("in-phase", 0)
    assert stacking("+-+-") == ("anti-phase", 0)
    assert stacking("++++----") == ("in-phase", 2)
    assert stacking("+-+--+-+") == ("anti-phase", 2)
    assert stacking("++0+") == (None, 0)
