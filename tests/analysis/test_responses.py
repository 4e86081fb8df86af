"""Heat capacity, thermal expansion and elastic constants against quadrature and closed forms."""

import numpy as np
import pytest
from series import autoregressive, perovskite

from anharmonic.analysis.responses import covariance, heat_capacity, mean_slopes, temperature_derivative
from anharmonic.analysis.strains import elastic_constants, strains, thermal_expansion
from anharmonic.conventions import BOLTZMANN, GPA, from_voigt
from anharmonic.errors import AnharmonicError

N_DRAWS = 200_000
STIFFNESS = np.array(
    [[40, 12, 11, 0, 0, 0], [12, 40, 11, 0, 0, 0], [11, 11, 30, 0, 0, 0],
     [0, 0, 0, 8, 0, 0], [0, 0, 0, 0, 8, 0], [0, 0, 0, 0, 0, 14]]
)  # fmt: skip
"""A tetragonal crystal, GPa."""


class QuarticCell:
    """One coordinate x with quadratic and quartic energy, coupled to a stretch s that has a pressure: by quadrature."""

    def __init__(self, temperature):
        self.x, self.s = np.meshgrid(np.linspace(-3, 3, 601), np.linspace(0.7, 1.6, 601), indexing="ij")
        bowl = 0.02 * self.x**2 + 0.05 * self.x**4
        self.enthalpy = bowl + 4.0 * (self.s - 1) ** 2 + 0.1 * self.s * self.x**2 + 0.3 * self.s**3
        weights = np.exp(-(self.enthalpy - self.enthalpy.min()) / (BOLTZMANN * temperature)) * self.s**3
        self.weights = weights / weights.sum()

    def mean(self, values):
        return float((self.weights * values).sum())

    def draws(self, seed=0):
        """Independent (enthalpy, stretch)."""
        chosen = np.random.default_rng(seed).choice(self.weights.size, N_DRAWS, p=self.weights.ravel())
        return self.enthalpy.ravel()[chosen], self.s.ravel()[chosen]


def slope(value, temperature, step=0.5):
    """Central difference of ``value(QuarticCell)`` by temperature."""
    up, down = (value(QuarticCell(temperature + h)) for h in (step, -step))
    return (up - down) / (2 * step)


@pytest.mark.parametrize("temperature", [100.0, 600.0])
def test_anharmonic_heat_capacity_and_expansion(temperature):
    """Fluctuations give the temperature slopes of mean enthalpy and mean stretch, which quadrature knows."""
    enthalpy, stretch = QuarticCell(temperature).draws()
    expected = slope(lambda s: s.mean(s.enthalpy), temperature) / BOLTZMANN
    found = heat_capacity(enthalpy, temperature, n_atoms=1)
    assert abs(found.mean - expected) < 4 * found.error < 0.05 * expected
    assert abs(found.mean - 1.5) > 20 * found.error  # it is not harmonic in two coordinates
    expected = slope(lambda s: s.mean(s.s), temperature)
    found = temperature_derivative(stretch, enthalpy, temperature)
    assert abs(found.mean - expected) < 4 * found.error < 0.2 * abs(expected)
    assert abs(found.mean + expected) > 10 * found.error


def test_both_routes_agree_on_a_sweep():
    """The slope of the mean enthalpy between temperatures equals the mean of the fluctuations at both ends."""
    temperatures = np.arange(200, 401, 50)
    drawn = [QuarticCell(t).draws(seed)[0] for seed, t in enumerate(temperatures)]
    fluctuations = [heat_capacity(h, t, 1) for h, t in zip(drawn, temperatures, strict=True)]
    errors = [h.std() / np.sqrt(len(h)) for h in drawn]
    slopes, uncertain = mean_slopes(temperatures, [h.mean() for h in drawn], errors)
    middle = [(a.mean + b.mean) / 2 for a, b in zip(fluctuations[1:], fluctuations, strict=False)]
    spread = [np.hypot(a.error, b.error) / 2 for a, b in zip(fluctuations[1:], fluctuations, strict=False)]
    scores = (slopes / BOLTZMANN - middle) / np.hypot(uncertain / BOLTZMANN, spread)
    assert abs(scores).max() < 4
    assert abs((1.15 * slopes / BOLTZMANN - middle) / np.hypot(uncertain / BOLTZMANN, spread)).min() > 4
    falling, _ = mean_slopes(temperatures[::-1], [h.mean() for h in drawn][::-1], errors[::-1])
    np.testing.assert_allclose(falling[::-1], slopes)


@pytest.mark.parametrize("n_atoms", [2, 40])
def test_harmonic_crystal_has_three_k_per_atom(n_atoms):
    """3 (N - 1) displacements and six strains, without a kinetic energy of the cell: exactly 3 k."""
    kt, rng = BOLTZMANN * 300, np.random.default_rng(3)
    enthalpy = kt * rng.gamma((3 * (n_atoms - 1) + 6) / 2, size=N_DRAWS)
    found = heat_capacity(enthalpy - 7.0, 300, n_atoms)
    assert abs(found.mean - 3) < 4 * found.error < 0.05


def test_errors_of_covariances_of_correlated_series():
    """Many short series with memory: unbiased, and off by one standard error on the mean square."""
    series = autoregressive(0.9, 600, 1000, 1)
    found = [covariance(x, x) for x in series.T]
    means, errors = (np.array([getattr(f, name) for f in found]) for name in ("mean", "error"))
    assert abs(means.mean() - 1) < 4 * means.std() / np.sqrt(1000)
    assert abs(series.var(axis=0).mean() - 1) > 4 * means.std() / np.sqrt(
        1000
    )  # the plain variance is too small by 2 tau / n
    assert 0.8 < np.sqrt((((means - 1) / errors) ** 2).mean()) < 1.4
    with pytest.raises(AnharmonicError, match="run longer"):
        covariance(np.arange(2.0), np.arange(2.0))


def drawn_cells(n, memory=0.0, temperature=300.0, volume=2000.0, mean=(0.01, 0.01, -0.02)):
    """F whose strains about a tetragonal cell are those of `STIFFNESS`."""
    factor = np.linalg.cholesky(np.linalg.inv(STIFFNESS * GPA) * BOLTZMANN * temperature / volume)
    voigt = autoregressive(memory, n, 6, 5) @ factor.T
    strain = from_voigt(voigt / [1, 1, 1, 2, 2, 2])
    return (np.eye(3) + strain) @ np.diag(1 + np.array(mean))


@pytest.mark.parametrize("memory", [0.0, 0.8])
def test_elastic_constants_of_known_strains(memory):
    """All 36 within their errors, which are honest; a fifth less volume is refuted."""
    crystal, deformation = perovskite(), drawn_cells(40_000, memory)
    found = elastic_constants(crystal, deformation, 2000.0, 300.0)
    scores = (found.stiffness - STIFFNESS)[STIFFNESS > 0] / found.error[STIFFNESS > 0]
    assert abs(scores).max() < 4 and (scores**2).mean() < 3
    np.testing.assert_allclose(found.stiffness[STIFFNESS == 0], 0, atol=1e-9)  # by symmetry
    assert (found.error[STIFFNESS > 0] < 0.1 * STIFFNESS[STIFFNESS > 0] + 1).all()
    assert found.is_stable and not found.is_short
    assert abs(found.bulk_modulus - 1 / np.linalg.inv(STIFFNESS)[:3, :3].sum()) < 1
    wrong = elastic_constants(crystal, deformation, 1600.0, 300.0)
    assert abs(wrong.stiffness - STIFFNESS)[0, 0] > 4 * wrong.error[0, 0]


def test_short_series_of_the_cell_say_so():
    """Strains that move slowly, few samples, and a cell that was held."""
    crystal = perovskite()
    assert elastic_constants(crystal, drawn_cells(400, 0.97), 2000.0, 300.0).is_short
    with pytest.raises(AnharmonicError, match="40 samples"):
        elastic_constants(crystal, drawn_cells(30), 2000.0, 300.0)
    held = np.tile(np.eye(3), (100, 1, 1)) * (1 + 0.01 * np.random.default_rng(0).normal(size=(100, 1, 1)))
    with pytest.raises(AnharmonicError, match="cell full"):
        elastic_constants(crystal, held, 2000.0, 300.0)


def test_unstable_crystals_are_called_so():
    """C11 < C12: a strain costs nothing."""
    from anharmonic.analysis.strains import ElasticConstants

    stiffness = STIFFNESS.astype(float).copy()
    stiffness[0, 1] = stiffness[1, 0] = 45.0
    assert not ElasticConstants(stiffness, np.zeros((6, 6))).is_stable
    assert ElasticConstants(STIFFNESS, np.zeros((6, 6))).smallest_eigenvalue == pytest.approx(16.0)


def test_expansion_follows_the_symmetry_of_the_cell():
    """Strains proportional to the enthalpy: a known tensor; equal along equal axes of a tetragonal cell only."""
    crystal, rng, kt = perovskite(), np.random.default_rng(2), BOLTZMANN * 300
    enthalpy = kt * rng.normal(size=20_000)
    alpha = np.array([3e-5, 3e-5, -1e-5, 0, 0, 0])
    coupled = from_voigt(np.multiply.outer(enthalpy * 300 / kt, alpha)) + 1e-4 * np.array([1, -1, 0]) * np.eye(3)
    noise = 1e-3 * rng.normal(size=(20_000, 3, 3))
    strain = coupled + noise + np.swapaxes(noise, 1, 2)
    tetragonal = (np.eye(3) + strain) @ np.diag([1.01, 1.01, 0.98])
    found = thermal_expansion(crystal, tetragonal, enthalpy, 300.0)
    assert (abs(found.mean - alpha) <= 4 * found.error + 1e-12).all()
    assert found.mean[0] == pytest.approx(found.mean[1]) and abs(found.mean[0] - found.mean[2]) > 10 * found.error[0]
    cubic = thermal_expansion(crystal, np.eye(3) + strain, enthalpy, 300.0)
    np.testing.assert_allclose(cubic.mean[:3], cubic.mean[0])
    assert abs(cubic.mean[0] - alpha[:3].mean()) < 4 * cubic.error[0]
    np.testing.assert_allclose(strains(tetragonal).mean(axis=0), 0, atol=1e-12)
