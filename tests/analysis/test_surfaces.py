"""Free energies over two order parameters: against exact densities, at temperatures that were not sampled."""

from dataclasses import replace

import numpy as np
import pytest
from landau import energy
from series import autoregressive

from anharmonic.analysis.curves import State
from anharmonic.analysis.surfaces import Coordinate, free_energy_surfaces
from anharmonic.conventions import BOLTZMANN
from anharmonic.errors import AnharmonicError

N_CELLS, T0, A, B = 400, 300.0, 1.0, 100.0
STIFFNESS = 2.0
"""Of the second order parameter, eV."""
TEMPERATURES = 270.0, 285.0, 300.0, 315.0, 330.0
GRID = np.linspace(0, 0.6, 3001)
BETWEEN = 278.0, 322.0


def exact(x, y, temperature):
    """Free energy (eV) of vectors of lengths x and y: an entropy and an energy of the first, an energy of the second.

    The first is longer than 0 below T0 only.
    """
    return N_CELLS * BOLTZMANN * (A * temperature * x**2 + energy(x, T0, A, B, 0.0)) + STIFFNESS * y**2 / 2


def state(rng, temperature, n_samples=3200, memory=0.9):
    """Samples of the exact density beside a bath: three components, two correlated ones that are Gaussian."""
    kt = BOLTZMANN * temperature
    weights = GRID**2 * np.exp(-exact(GRID, 0.0, temperature) / kt)
    lengths = rng.choice(GRID, n_samples, p=weights / weights.sum())
    m = lengths[:, None] * (lambda v: v / np.linalg.norm(v, axis=1, keepdims=True))(rng.normal(size=(n_samples, 3)))
    s = autoregressive(memory, n_samples, 2, rng.integers(1 << 30)) * np.sqrt(kt / STIFFNESS)
    bath = kt * rng.gamma(50.0, size=n_samples)
    own = N_CELLS * BOLTZMANN * energy(lengths, T0, A, B, 0.0) + STIFFNESS * (s**2).sum(axis=1) / 2
    return State(temperature, own + bath, {"m": m, "s": s})


@pytest.fixture(scope="module")
def states():
    rng = np.random.default_rng(0)
    return [state(rng, t) for t in TEMPERATURES]


@pytest.fixture(scope="module")
def lengths(states):
    return tuple(Coordinate.named(name, states[0].order) for name in ("m", "s"))


@pytest.fixture(scope="module")
def surfaces(states, lengths):
    return dict(zip(BETWEEN, free_energy_surfaces(states, lengths, BETWEEN, bins=12), strict=True))


def binned(surface, temperature, powers):
    """Exact free energy (eV) of each bin: of its density in the space of vectors with lengths to these powers."""
    kt = BOLTZMANN * temperature
    middles = (np.arange(40) + 0.5) / 40
    fine = [e[:-1, None] + np.diff(e)[:, None] * middles for e in surface.edges]
    x, y = fine[0][:, None, :, None], fine[1][None, :, None, :]
    density = (x**2 * y * np.exp(-exact(x, y, temperature) / kt)).mean(axis=(2, 3))
    volumes = [(f**p).mean(axis=1) for f, p in zip(fine, powers, strict=True)]
    return -kt * np.log(density / np.multiply.outer(*volumes))


def deviation(surface, temperature, powers=(2, 1)):
    """Root mean square deviation from the exact free energy in units of the errors, the common zero apart."""
    off, usable = surface.free_energy - binned(surface, temperature, powers), np.isfinite(surface.error)
    off, error = off[usable], surface.error[usable]
    return np.sqrt(np.mean(((off - np.average(off, weights=1 / error**2)) / error) ** 2))


@pytest.mark.parametrize("temperature", BETWEEN)
def test_exact_density(surfaces, temperature):
    """At temperatures that were not sampled; seven kelvin off, and the density of lengths, are noticed."""
    surface = surfaces[temperature]
    assert np.isfinite(surface.free_energy).sum() > 40 and surface.blank < 0.05
    assert np.nanmin(surface.free_energy) == 0 and surface.probability.sum() == pytest.approx(1)
    assert 0.6 < deviation(surface, temperature) < 1.4
    assert deviation(surface, temperature + 7) > 2
    assert deviation(surface, temperature, (0, 0)) > 5


def test_lowest_bin(surfaces):
    """Long vectors below the transition, the shortest ones above it, where their histogram is not highest."""
    cold, hot = (surfaces[t] for t in BETWEEN)
    width = np.diff(cold.edges[0])[0]
    assert abs(cold.lowest_at[0] - np.sqrt(A * (T0 - BETWEEN[0]) / (2 * B))) < 2 * width
    assert hot.lowest_at[0] < 3 * width
    assert hot.probability.sum(axis=1).argmax() >= 3


def test_errors_are_honest(lengths):
    """Over repetitions bins are off by their errors; correlated samples taken for independent ones are noticed."""
    rng, found, naive = np.random.default_rng(1), [], []
    for _ in range(8):
        states = [state(rng, t, memory=0.95) for t in (300.0, 315.0)]
        (surface,) = free_energy_surfaces(states, lengths, [308.0], bins=4)
        found.append(deviation(surface, 308.0))
        with np.errstate(divide="ignore"):
            independent = BOLTZMANN * 308.0 / np.sqrt(surface.probability * surface.n_samples)
        independent[np.isnan(surface.error)] = np.nan
        naive.append(deviation(replace(surface, error=independent), 308.0))
    assert 0.75 < np.sqrt(np.mean(np.square(found))) < 1.25 < 1.35 < np.sqrt(np.mean(np.square(naive)))


def test_one_visit_is_no_free_energy(states, lengths):
    """Two hundred samples in a row where no other time has any: blank; the same samples spread over the run are not."""
    far = {}
    for name, places in (("row", slice(400, 600)), ("spread", slice(None, None, 16))):
        m = states[0].order["m"].copy()
        m[places] = [0.8, 0.0, 0.0]
        changed = [replace(states[0], order=states[0].order | {"m": m}), *states[1:]]
        (surface,) = free_energy_surfaces(changed, lengths, [270.0], bins=6)
        assert surface.probability[-1].sum() > 0.02
        far[name] = np.isfinite(surface.free_energy[-1]).any()
    assert far == {"row": False, "spread": True}


def test_components_have_signs(states):
    """A component of an isotropic vector: both signs alike, and nothing is divided out."""
    coordinates = tuple(Coordinate.named(name, states[0].order) for name in ("m 2", "s"))
    (surface,) = free_energy_surfaces(states, coordinates, [330.0], bins=9)
    assert surface.edges[0][0] < 0 < surface.edges[0][-1]
    assert (coordinates[0].component, coordinates[0].n_components) == (1, 1)
    np.testing.assert_allclose(coordinates[0].volumes(surface.edges[0]), np.diff(surface.edges[0]))
    assert abs(surface.lowest_at[0]) < 2 * np.diff(surface.edges[0])[0]


def test_refusals(states, lengths):
    order = states[0].order
    for wrong in ("n", "m 4", "m 0", "m x"):
        with pytest.raises(AnharmonicError, match=r"no order parameter .* 'm' \(3\), 's' \(2\)"):
            Coordinate.named(wrong, order)
    for outside in (269.0, 331.0):
        with pytest.raises(AnharmonicError, match="outside of the temperatures that were sampled, 270 to 330 K"):
            free_energy_surfaces(states, lengths, [300.0, outside])
    apart = [states[0], replace(states[-1], enthalpy=states[-1].enthalpy + 4.0)]
    with pytest.raises(AnharmonicError, match="between 270 and 330 K, which share no configurations"):
        free_energy_surfaces(apart, lengths, [300.0])
    with pytest.raises(AnharmonicError, match="no bin has 8 independent samples"):
        free_energy_surfaces([state(np.random.default_rng(2), 300.0, 32)], lengths, [300.0])
