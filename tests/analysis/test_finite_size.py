"""Transition temperatures and their errors: exact densities of a Landau model, and the phi-4 lattice."""

from dataclasses import replace
from itertools import pairwise

import landau
import numpy as np
import phi4
import pytest

from anharmonic.analysis.collapse import collapse, settled
from anharmonic.analysis.curves import BLOCKS, State, curves
from anharmonic.analysis.finite_size import crossing, extrapolated, growth, lag, latent_heat, peak, shift
from anharmonic.analysis.kinds import order_of
from anharmonic.analysis.measured import Measured
from anharmonic.analysis.routes import transition
from anharmonic.analysis.statistics import jackknife_error
from anharmonic.conventions import BOLTZMANN
from anharmonic.errors import AnharmonicError

T0, SIZES = 300.0, (27, 125, 512)
TEMPERATURES = np.linspace(270.0, 330.0, 5)
FIRST = {"t0": 290.0, "a": 1.0, "b": -20.0, "c": 10.0}
"""A Landau model with a jump: two wells at m = 0 and m = 1 are equal at 300 K."""


def landau_curves(rng, sizes=SIZES, n_samples=1600, temperatures=TEMPERATURES, **model):
    return {n: curves([landau.sample(rng, n, t, n_samples, **model) for t in temperatures], n) for n in sizes}


@pytest.fixture(scope="module")
def repetitions():
    """Curves of three sizes, eight times."""
    return [landau_curves(np.random.default_rng(k)) for k in range(8)]


def scores(found, exact):
    """Deviations in stated errors."""
    return np.array([(f.value - exact) / f.error for f in found])


def is_honest(z):
    """Mean and scatter of standard normal deviates, at three and a half standard errors of both."""
    n = len(z)
    return abs(z.mean()) < 3.5 / np.sqrt(n) and 1 - 3.5 / np.sqrt(2 * n) < np.sqrt((z**2).mean()) < 1 + 3.5 / np.sqrt(
        2 * n
    )


def test_cumulants_cross_at_the_transition(repetitions):
    """Where they cross exactly, with errors that are neither too small nor too large."""
    for small, large in pairwise(SIZES):
        found = [crossing(c[small], c[large], "m") for c in repetitions]
        assert max(f.error for f in found) < 5.0
        assert is_honest(scores(found, T0))
    assert not is_honest(scores([crossing(c[27], c[512], "m") for c in repetitions], T0 + 4.0))


def test_cumulants_fall_on_one_curve(repetitions):
    """At the exact transition with the exact exponent (3/2: m n^(1/4) over (T - T0) n^(1/2)), and honest errors."""
    found = [collapse(c, "m") for c in repetitions]
    assert max(f.temperature.error for f in found) < 2.0
    assert is_honest(scores([f.temperature for f in found], T0))
    assert not is_honest(scores([f.temperature for f in found], T0 + 4.0))
    assert is_honest(scores([f.exponent for f in found], 1.5))
    assert max(f.scatter for f in found) < 0.02
    few = {n: repetitions[0][n] for n in SIZES[1:]}
    assert not collapse(few, "m").temperature.is_known and settled(few, "m") == ((), {})


@pytest.mark.slow
def test_supercells_that_miss_the_curve_are_left_out():
    """The smallest, 25 K off, is; where all are right, all four are used but for the twentieth case of two errors."""
    sizes = 27, 64, 216, 512
    found = [landau_curves(np.random.default_rng(k), sizes) for k in (5, 6, 7)]
    assert sum(settled(c, "m")[0] == sizes for c in found) >= 2
    off = landau_curves(np.random.default_rng(8), sizes[:1], t0=T0 - 25.0)
    chosen, made = settled(found[-1] | off, "m")
    assert chosen == sizes[1:] and list(made) == [sizes, sizes[1:]]
    assert made[sizes].scatter > 3 * made[chosen].scatter
    assert abs(made[chosen].temperature.value - T0) < 3 * made[chosen].temperature.error


def test_cumulants_that_run_together_cross_anywhere(repetitions):
    """Equal within their errors from 290 to 315 K, a crossing by noise at its end: the answer is the range."""
    curve = repetitions[0][27]
    t, rows = curve.temperatures, (-1.0) ** np.arange(len(curve.values["cumulant m"]))[:, None]
    rows[0] = 0
    apart = 0.01 * (np.clip(290 - t, 0, None) - np.clip(t - 315, 0, None)) + 0.001 * np.sign(314 - t)
    small, large = (replace(curve, values={"cumulant m": x + 0.0004 * rows}) for x in (0.5 + 0 * t, 0.5 + apart))
    found = crossing(small, large, "m")
    assert found.value == pytest.approx(302.5, abs=1) and found.error == pytest.approx(6.25, abs=0.5)
    small.values["cumulant m"][3] -= 0.5  # a replica that crosses nowhere
    found = crossing(small, large, "m")
    assert found.error == pytest.approx((curve.span[1] - curve.span[0]) / 4)


def test_disordered_crystals_do_not_cross(repetitions):
    """Cumulants that meet near 0 say nothing of a transition; the same curves, higher up or below, do."""
    small, large = (repetitions[0][n] for n in SIZES[1:])
    found = crossing(small, large, "m")
    level = np.interp(found.value, small.temperatures, small["cumulant m"])
    for shift_by, known in ((0.0, True), (level, False), (level + 0.6, True)):
        moved = [
            replace(c, values=c.values | {"cumulant m": c.values["cumulant m"] - shift_by}) for c in (small, large)
        ]
        assert crossing(*moved, "m").is_known == known


def test_scatter_of_peaks_is_an_error():
    """Points that miss a line by more than their errors make its end as uncertain; points on it leave it as it is."""
    lengths, on = np.array([4.0, 6.0, 8.0, 10.0]), lambda length: 260.0 - 900.0 * length**-3.0
    points, three = [Measured(on(n), 1.0) for n in lengths], Measured(3.0, 0.0)
    right = extrapolated(lengths, points, three)
    off = extrapolated(lengths, [Measured(on(n) + 10 * (-1) ** k, 1.0) for k, n in enumerate(lengths)], three)
    assert right.value == pytest.approx(260.0) and right.error < 1.0
    assert off.error > 8 * right.error and abs(off.value - 260.0) < 2 * off.error
    steeper, flatter = (extrapolated(lengths, points, Measured(x, 0.0)).value for x in (3.5, 2.5))
    doubtful = extrapolated(lengths, points, Measured(3.0, 0.5))
    assert doubtful.value == right.value
    assert doubtful.error == pytest.approx(np.hypot(right.error, (steeper - flatter) / 2))
    two = extrapolated(lengths[:2], points[:2], three)
    assert two.value == pytest.approx(260.0) and two.error > abs(points[1].value - 260.0)


def test_crossings_do_not_move(repetitions):
    """The difference of two crossings is zero within its error, though both share a supercell."""
    assert is_honest(scores([shift(*(c[n] for n in SIZES), "m") for c in repetitions], 0.0))


def test_hysteresis_is_a_difference_with_an_error(repetitions):
    """Two runs of one equilibrium do not differ; a shifted one does, by its shift."""
    same = transition("m", {"all": repetitions[0], "heating": repetitions[0], "cooling": repetitions[1]})
    difference = same["hysteresis"]["difference_K"]
    assert abs(difference["value"]) < 3.5 * difference["error"] < 20
    later = {n: replace(c, temperatures=c.temperatures + 25.0) for n, c in repetitions[0].items()}
    shifted = transition("m", {"all": repetitions[0], "heating": later, "cooling": repetitions[0]})
    assert shifted["hysteresis"]["difference_K"]["value"] == pytest.approx(25.0)
    other = {n: c for n, c in later.items() if n != 512}
    fewer = transition("m", {"all": repetitions[0], "heating": other, "cooling": repetitions[0]})["hysteresis"]
    assert fewer["heating_K"]["value"] - fewer["cooling_K"]["value"] == pytest.approx(25.0)


def test_curves_lag_by_the_area_between_them(repetitions):
    """Zero within its error for one equilibrium; 5 K for a curve moved by as much."""
    assert is_honest(scores([lag(a[512], b[512], "m") for a, b in pairwise(repetitions)], 0.0))
    curve = repetitions[0][512]
    moved = lag(replace(curve, temperatures=curve.temperatures + 5.0), curve, "m")
    assert moved.value == pytest.approx(5.0, abs=0.5) and moved.error < 2.0


def test_peaks_are_where_they_should_be(repetitions):
    """Of the susceptibility, against the exact density."""
    exact = landau.balance(512, T0, 1.0, 100.0, 0.0, np.linspace(270, 330, 6001))
    assert 275 < exact < 325
    assert is_honest(scores([peak(c[512], "susceptibility m")[0] for c in repetitions], exact))


def test_peaks_at_an_end_are_none():
    """A curve that rises to the end of the temperatures has no peak, and says so."""
    found = landau_curves(np.random.default_rng(0), (64,), temperatures=np.linspace(310.0, 330.0, 3))[64]
    assert not peak(found, "susceptibility m")[0].is_known
    assert transition("m", {"all": {64: found}}) is None


def test_heat_capacity_and_enthalpy_agree(repetitions):
    """The derivative of the mean enthalpy is its fluctuation."""
    c = repetitions[0][125]
    slope = np.gradient(c["enthalpy"], c.temperatures) / BOLTZMANN
    np.testing.assert_allclose(slope[5:-5], c["heat_capacity"][5:-5], atol=0.02 * c["heat_capacity"].max())


def test_a_first_order_transition():
    """The susceptibility grows with the volume; temperature and latent heat are those of two equal wells."""
    sizes = 27, 64, 125
    found = landau_curves(np.random.default_rng(3), sizes, 4000, np.linspace(285.0, 315.0, 9), **FIRST)
    peaks = [peak(found[n], "susceptibility m") for n in sizes]
    exponent = growth(np.cbrt(sizes), [height for _, height in peaks])
    assert abs(exponent.value - 3.0) < 0.35
    report = transition("m", {"all": found})
    assert report["kind"] == "first-order"
    assert abs(report["temperature_K"] - 300.0) < 3.0
    exact = BOLTZMANN * (landau.energy(0.0, **FIRST) - landau.energy(1.0, **FIRST))
    assert latent_heat(found[125], 300.0, 14.0).value == pytest.approx(exact, rel=0.2)


def test_verdicts_want_evidence():
    """What is near neither exponent, or too uncertain, is undecided; a negative cumulant decides."""
    flat, none = [Measured(0.0, 0.1)], Measured(np.nan, np.nan)
    assert order_of(Measured(2.0, 0.1), flat) == "continuous"
    assert order_of(Measured(2.9, 0.1), flat) == "first-order"
    assert order_of(Measured(2.5, 0.05), flat) == "undecided"
    assert order_of(Measured(2.0, 0.8), flat) == "undecided"
    assert order_of(none, flat) == "undecided"
    assert order_of(none, [*flat, Measured(-1.0, 0.1)]) == "first-order"
    assert order_of(none, [Measured(-1.0, 0.35)]) == "first-order"
    assert order_of(none, [Measured(-1.0, 0.35), *20 * flat]) == "undecided"  # the lowest of many


def cumulants_of_disorder(rng, n_temperatures, n_samples):
    """Cumulants of Gaussian order parameters of three components, with the errors of the jackknife over blocks."""
    square = (rng.normal(0, 1, (n_temperatures, BLOCKS, n_samples // BLOCKS, 3)) ** 2).sum(axis=-1)
    second, fourth = square.sum(axis=2), (square**2).sum(axis=2)
    found = []
    for a, b in zip(second, fourth, strict=True):
        a, b = (np.concatenate([[x.sum() / BLOCKS], (x.sum() - x) / (BLOCKS - 1)]) for x in (a, b))
        rows = 2.5 * (1 - 0.6 * b * (n_samples // BLOCKS) / a**2)
        found.append(Measured(float(rows[0]), float(jackknife_error(rows[1:]))))
    return found


@pytest.mark.parametrize("n_samples", [64, 1600])
def test_disorder_is_no_coexistence(n_samples):
    """Of five hundred disordered crystals at ten temperatures one in a hundred is called first-order, by chance."""
    rng = np.random.default_rng(n_samples)
    found = [order_of(Measured(np.nan, np.nan), cumulants_of_disorder(rng, 10, n_samples)) for _ in range(500)]
    assert found.count("first-order") <= 12


def test_gaps_widen_errors():
    """Between temperatures that share no configurations nothing is known better than half the gap."""
    rng, t = np.random.default_rng(0), np.linspace(200.0, 400.0, 5)
    hard = [State(x, rng.gamma(1000, BOLTZMANN * x, 400), {"m": rng.normal(0, 1, (400, 1)) + (x < 280)}) for x in t]
    found = curves(hard, 64)
    assert len(found.gaps) == 4 and found.resolution(260.0) == 25.0
    assert found.resolution(400.5) == 25.0 and found.resolution(402.0) == 0.0
    with pytest.raises(AnharmonicError, match="samples at 300 K"):
        curves([State(300.0, np.zeros(3), {}), *hard], 64)
    with pytest.raises(AnharmonicError, match="two temperatures"):
        curves(hard[:1], 64)


@pytest.mark.slow
def test_the_critical_coupling_of_phi_4():
    """Three lattices, twenty times: the coupling of Hasenbusch, the exponents of Ising magnets, honest errors."""
    lengths, betas = (6, 8, 12), np.linspace(0.365, 0.385, 5)
    states = {n: phi4.sample(n, betas, 800, 20, seed=n) for n in lengths}
    found = [{n**3: curves(states[n][k], n**3) for n in lengths} for k in range(20)]
    reports = [transition("phi", {"all": by_size}) for by_size in found]
    best = [Measured(r["temperature_K"], r["error_K"]) for r in reports]
    z = scores(best, phi4.kelvin(phi4.CRITICAL))
    assert np.median([b.error for b in best]) < 0.005 * phi4.kelvin(phi4.CRITICAL)
    assert is_honest(z), z
    inverse_nu = [r["collapse"]["inverse_nu"]["value"] for r in reports]
    assert abs(np.mean(inverse_nu) - 1.587) < 0.1, inverse_nu
    exponents = [Measured(*r["susceptibility_exponent"].values()) for r in reports]
    known = [e.value for e in exponents if e.is_known]  # of the others a peak is at the end of the couplings
    assert len(known) > 15 and abs(np.mean(known) - 1.963) < 0.1, exponents
    assert sum(r["kind"] == "continuous" for r in reports) > 15
