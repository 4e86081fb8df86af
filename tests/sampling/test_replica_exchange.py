"""Replica exchange: swaps leave every ensemble as it is, happen as often as they must, and are kept account of."""

import shutil
from functools import partial

import builders
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ensembles import density_scores, thermal, z_score
from scipy.special import betainc
from test_exact_ensembles import TwoAtoms

import anharmonic
from anharmonic.analysis import TiltModes, estimate
from anharmonic.clusters import ClusterBasis
from anharmonic.conventions import GPA
from anharmonic.crystal import Supercell
from anharmonic.errors import AnharmonicError
from anharmonic.evaluation import Evaluator
from anharmonic.sampling import (
    Conditions,
    Langevin,
    MolecularDynamics,
    MonteCarlo,
    Piston,
    replica_exchange,
    strain_modes,
)
from anharmonic.sampling.observables import Observer
from anharmonic.sampling.replica_exchange import DOWN, UP, ReplicaExchange, swap_exponents
from anharmonic.sampling.run import Run
from anharmonic.sampling.runfile import RunFile
from anharmonic.sampling.stages import Sampling, Stage
from anharmonic.sweep.start import ground_state

FINE, WRONG = 4.0, 6.0
"""Largest z-score of a right answer, and least of a wrong one."""
METHODS = ["md", "mc"]


class Spring(eqx.Module):
    """A model of one atom on a spring and a stiff cell: U = a u^2 / 2 + V0 tr (F - 1)^2 b / 2."""

    volume: jax.Array = 100.0
    a: jax.Array = 1.0
    b: jax.Array = 0.3

    def energy(self, displacements, deformation):
        strain = deformation - jnp.eye(3)
        return self.a * jnp.sum(displacements**2) / 2 + self.b * self.volume * jnp.sum(strain**2) / 2


class Still(eqx.Module):
    """A sampler of which nothing moves."""

    def init(self, key, displacements, deformation, conditions, model):
        return StillState(displacements, deformation)

    def step(self, key, state, conditions, model):
        return state

    def observe(self, state, conditions, model):
        return {"energy": model.energy(state.displacements, state.deformation)}

    def adopt(self, own, other, own_conditions, other_conditions):
        return other


class StillState(eqx.Module):
    displacements: jax.Array
    deformation: jax.Array


def ladder(temperatures, pressures=0.0, tensions=None):
    """Conditions of replicas (K, GPA)."""
    return Conditions.of(np.array(temperatures), np.array(pressures) * GPA, tensions)


# Draws from the exact ensembles, one round of swaps: cheap, and as sensitive as can be


TENSION = np.diag([0.02, -0.01, -0.01])
FOUR = ladder([200, 300, 300, 380], np.array([0.5, 1.5, 2.5, 2.5]), np.array([0, 0, 0.6, 0.1])[:, None, None] * TENSION)


def drawn(rng, model, conditions, count):
    """Independent draws of u and F (count, n, ...): exact for u, by resampling a quadrature for F diagonal."""
    kt = thermal(np.asarray(conditions.temperature, float))
    u = rng.normal(size=(count, len(kt), 1, 3, 1)) * np.sqrt(kt / model.a)[:, None, None, None]
    grid = np.stack(np.meshgrid(*[np.linspace(0.87, 1.13, 27)] * 3), -1).reshape(-1, 3)
    cells = grid[:, :, None] * np.eye(3)
    chosen = []
    for k in range(len(kt)):
        own = jax.tree.map(lambda x, k=k: x[k], conditions)
        work = jax.vmap(lambda f, own=own: own.work(model.volume, f))(jnp.asarray(cells, jnp.float32))
        enthalpy = np.asarray(work, float) + model.b * model.volume * ((grid - 1) ** 2).sum(1) / 2
        weights = np.exp(-(enthalpy - enthalpy.min()) / kt[k])
        chosen.append(cells[rng.choice(len(grid), count, p=weights / weights.sum())])
    return u.astype("float32"), np.stack(chosen, 1).astype("float32")


def swapped(u, deformation, model, conditions, rounds=1, first=0):
    """`drawn` after swaps; a round is one turn of even or of odd pairs."""
    exchange = ReplicaExchange.create(Still(), u.shape[1], stride=1)

    @jax.jit
    def one(key, u, deformation):
        state = exchange.init(key, u, deformation, conditions, model)
        state = eqx.tree_at(lambda s: s.steps, state, jnp.int32(first))
        for k in range(rounds):
            state = exchange.step(jax.random.fold_in(key, k), state, conditions, model)
        return state.displacements, state.deformation, state.walker

    keys = jax.random.split(jax.random.key(1), len(u))
    return [np.asarray(x) for x in jax.vmap(one)(keys, u, deformation)]


def changes(before, after):
    """z-scores of the change of the mean energy of the spring, and of the cell's volume and shape, by conditions."""
    scores = []
    for u, f in (before, after):
        stretch = f[..., [0, 1, 2], [0, 1, 2]].astype(float)
        scores.append(np.stack([(u.astype(float) ** 2).sum((2, 3, 4)), stretch.prod(-1), np.ptp(stretch, -1)], -1))
    change = scores[1] - scores[0]
    return change.mean(0) / (change.std(0, ddof=1) / np.sqrt(len(change)) + 1e-12)


@pytest.fixture(scope="module")
def four():
    """Draws at `FOUR`."""
    return drawn(np.random.default_rng(0), Spring(), FOUR, 10_000)


@pytest.mark.parametrize("first", [0, 1])
def test_swaps_leave_all_ensembles_unchanged(four, first):
    """Temperatures, pressures and shear-free tensions differ; even pairs, then odd ones."""
    model, (u, f) = Spring(), four
    new_u, new_f, walker = swapped(u, f, model, FOUR, first=first)
    moved = (walker != np.arange(4)).mean(0)
    assert abs(changes((u, f), (new_u, new_f))).max() < FINE
    pairs = [(0, 1), (2, 3)] if first == 0 else [(1, 2)]
    assert all(0.1 < moved[i] == moved[j] < 0.99 for i, j in pairs)
    assert (moved > 0).sum() == 2 * len(pairs)


def without(name, conditions):
    zero = jnp.zeros_like(getattr(conditions, name))
    return eqx.tree_at(lambda c: getattr(c, name), conditions, zero)


WRONG_RULES = {
    "sign": lambda e, f, c, v: -swap_exponents(e, f, c, v),
    "no pV": lambda e, f, c, v: swap_exponents(e, f, without("pressure", c), v),
    "no tension": lambda e, f, c, v: swap_exponents(e, f, without("tension", c), v),
    "half": lambda e, f, c, v: 0.5 * swap_exponents(e, f, c, v),
}


@pytest.mark.parametrize("rule", WRONG_RULES)
def test_wrong_rules_are_caught(monkeypatch, four, rule):
    monkeypatch.setattr(replica_exchange, "swap_exponents", WRONG_RULES[rule])
    model, (u, f) = Spring(), four
    worst = max(abs(changes((u, f), swapped(u, f, model, FOUR, first=first)[:2])).max() for first in (0, 1))
    assert worst > WRONG


def test_detailed_balance_by_flux(monkeypatch):
    """Pairs (low, high) of energies, and of volumes, become (high, low) as often as back; wrong rules do not."""
    model, conditions, rng = Spring(), ladder([250, 350], [0.0, 1.0]), np.random.default_rng(3)
    u, f = drawn(rng, model, conditions, 30_000)
    energies, volumes = (u.astype(float) ** 2).sum((2, 3, 4)), np.linalg.det(f.astype(float))

    def worst():
        is_swapped = swapped(u, f, model, conditions)[2][:, 0] == 1
        scores = []
        for values in (energies, volumes):
            bins = np.searchsorted(np.quantile(values, [0.25, 0.5, 0.75]), values[is_swapped])
            flux = np.zeros((4, 4))
            np.add.at(flux, tuple(bins.T), 1)
            scores.append((abs(flux - flux.T) / np.sqrt(flux + flux.T + 1)).max())
        return max(scores), is_swapped.mean()

    score, share = worst()
    assert score < FINE and 0.2 < share < 0.9
    for rule in ("sign", "no pV"):
        monkeypatch.setattr(replica_exchange, "swap_exponents", WRONG_RULES[rule])
        assert worst()[0] > WRONG


def test_exponents_are_exact_in_single_precision():
    """Large energies and works, small differences: as by double precision on the same numbers."""
    rng, conditions = np.random.default_rng(5), ladder([300, 301, 330], [5.0, 5.0, 5.1], rng_tensions(7))
    energy = (-400 + rng.normal(size=3)).astype("float32")
    f = (np.eye(3) + 1e-3 * rng.normal(size=(3, 3, 3))).astype("float32")
    found = np.asarray(swap_exponents(energy, f, conditions, jnp.float32(10_000.0)))
    double = jax.tree.map(lambda x: np.asarray(x, float), conditions)

    def reduced(i, x):
        strain = (f[x].astype(float).T @ f[x].astype(float) - np.eye(3)) / 2
        work = double.pressure[i] * np.linalg.det(f[x].astype(float)) - (double.tension[i] * strain).sum()
        return (float(energy[x]) + 10_000 * work) / thermal(double.temperature[i])

    expected = [reduced(i, i + 1) - reduced(i, i) + reduced(i + 1, i) - reduced(i + 1, i + 1) for i in (0, 1)]
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=5e-3)


def rng_tensions(seed):
    noise = 0.01 * np.random.default_rng(seed).normal(size=(3, 3, 3))
    return noise + np.swapaxes(noise, 1, 2)


# Book-keeping


def conveyor(n, rounds):
    """States after each round of swaps that are all accepted."""
    exchange, u = ReplicaExchange.create(Still(), n, stride=2), jnp.arange(n * 3.0).reshape(n, 1, 3, 1)
    model, conditions = Spring(a=jnp.float32(0.0)), ladder([300.0] * n)
    state, states = exchange.init(jax.random.key(0), u, jnp.eye(3), conditions, model), []
    step = jax.jit(exchange.step)
    for k in range(2 * rounds):
        state = step(jax.random.key(k), state, conditions, model)
        states.append(state)
    return states


@pytest.mark.parametrize("n", [2, 5])
def test_walkers_ride_a_conveyor_belt(n):
    """All swaps accepted: every walker moves one place in a round, turns at the ends, and is back after 2 n rounds."""
    states = conveyor(n, 4 * n)
    for k, state in enumerate(states):
        assert sorted(state.walker.tolist()) == list(range(n))
        np.testing.assert_array_equal(state.displacements[:, 0, 0, 0], 3 * state.walker)
        assert k % 2 or k == 0 or (state.walker == states[k - 1].walker).all()
    walkers = np.array([s.walker for s in states])[1::2]
    np.testing.assert_array_equal(walkers[2 * n - 1], np.arange(n))
    np.testing.assert_array_equal(walkers[4 * n - 1], np.arange(n))
    assert abs(np.diff(np.argsort(walkers, axis=1), axis=0)).max() == 1
    end = states[-1]
    np.testing.assert_array_equal(end.attempts, end.acceptances)
    np.testing.assert_array_equal(end.attempts, np.full(n - 1, 2 * n))
    assert abs(np.asarray(end.heading)).min() == 1
    # the walker of the first conditions is back twice, others have been at the last ones in the meantime
    assert end.round_trips[0] == 2
    assert set(end.round_trips.tolist()) <= {1, 2}


def test_headings_and_round_trips():
    """A trip counts at the first conditions, for a walker that was at the last ones since."""
    n, states = 4, conveyor(4, 12)
    place = [np.argsort(s.walker) for s in states]
    heading, trips = np.array([UP, 0, 0, DOWN]), np.zeros(n, int)
    for state, where in zip(states, place, strict=True):
        trips += (where == 0) & (heading == DOWN)
        heading = np.where(where == 0, UP, np.where(where == n - 1, DOWN, heading))
        np.testing.assert_array_equal(state.heading, heading)
        np.testing.assert_array_equal(state.round_trips, trips)


def test_refusals():
    for n, stride, batch, text in ((1, 1, None, "at least 2"), (4, 0, None, "every 1"), (4, 1, 3, "batches of 3")):
        with pytest.raises(AnharmonicError, match=text):
            ReplicaExchange.create(Still(), n, stride, batch)


# With real samplers


def groups(exchange, model, u, conditions, count, burn, samples, stride, seed=0):
    """Observables (count, samples, n, ...) of independent exchanges, as `ensembles.replicas`."""
    observer = Observer(jnp.zeros((0, *u.shape)))

    @eqx.filter_jit
    def run(exchange, warm, model, conditions, keys):
        def one(key):
            def advance(k, state, sampler):
                return sampler.step(jax.random.fold_in(key, k), state, conditions, model)

            def sample(state, k):
                state = jax.lax.fori_loop(k, k + stride, partial(advance, sampler=exchange), state)
                return state, exchange.record(state, conditions, model, observer)

            state = exchange.init(key, u, jnp.eye(3, dtype=u.dtype), conditions, model)
            state = jax.lax.fori_loop(0, burn, partial(advance, sampler=warm), state)
            return jax.lax.scan(sample, state, burn + stride * jnp.arange(samples))[1]

        return jax.vmap(one)(keys)

    keys = jax.random.split(jax.random.key(seed), count)
    found = run(exchange, exchange.adapting(), model, conditions, keys)
    return {name: np.asarray(x, float) for name, x in found.items()}


def sampler(method, potential, supercell, cell):
    if method == "mc":
        return MonteCarlo.create(potential, supercell, strain_modes(cell))
    bath = Langevin(0.02), Piston(200.0, 0.02)
    return MolecularDynamics.create(potential.crystal, supercell, strain_modes(cell), 3.0, *bath)


@pytest.fixture(scope="module")
def two_atoms():
    return TwoAtoms()


TEMPERATURES, PRESSURES = np.array([180.0, 240.0, 240.0, 290.0]), np.array([0.0, 0.0, 1.4, 1.4])
LENGTHS = {"md": {"burn": 250, "samples": 120, "stride": 15}, "mc": {"burn": 150, "samples": 150, "stride": 5}}


def two_atom_scores(system, found, heating=1.0):
    """Largest z-score at each of the conditions: stretch (mean, variance, deciles) and energy."""
    scores, temperatures = [], heating * TEMPERATURES
    for k in range(4):
        enthalpy = system.energies + PRESSURES[k] * GPA * system.crystal.volume * system.GRID[:, None] ** 3
        joint = np.exp(-(enthalpy - enthalpy.min()) / thermal(temperatures[k])) * system.weights
        joint *= system.GRID[:, None] ** 3
        density, energy = joint.sum(1), (joint * system.energies).sum() / joint.sum()
        assert heating > 1 or max(density[0], density[-1]) < 1e-4 * density.max()
        stretch = density_scores(found["deformation"][..., k, 0, 0], system.GRID, density)
        scores.append(max(abs(stretch).max(), abs(z_score(found["energy"][..., k], energy))))
    return np.array(scores)


def two_atom_runs(system, method):
    exchange = ReplicaExchange.create(sampler(method, system.potential, system.supercell, "isotropic"), 4, stride=3)
    model = Evaluator.create(system.potential, system.supercell)
    u = jnp.zeros((2, 3, 1), "float32")
    return groups(exchange, model, u, ladder(TEMPERATURES, PRESSURES), 64, **LENGTHS[method])


@pytest.mark.parametrize("method", METHODS)
def test_two_atoms(two_atoms, method):
    """Anharmonic, four temperatures and pressures: stretch and energy of each by quadrature, with frequent swaps."""
    found = two_atom_runs(two_atoms, method)
    attempts, acceptances = (found[f"swap_{name}"] for name in ("attempts", "acceptances"))
    assert (np.ptp(attempts[:, -1], axis=-1) <= 1).all()
    assert ((acceptances[:, -1] / attempts[:, -1]).min(0) > 0.1).all()
    assert found["round_trips"][:, -1].min() >= 0 and found["round_trips"][:, -1].sum() > 1000
    assert two_atom_scores(two_atoms, found).max() < FINE
    assert two_atom_scores(two_atoms, found, 1.15).min() > WRONG


@pytest.mark.parametrize("method", METHODS)
def test_acceptance_of_harmonic_crystals(method):
    """Energies follow gamma distributions of 21 / 2; the share of swaps is an incomplete beta function.

    Of x at T_1 and y at T_2 > T_1 it is the overlap of both joint densities, 2 P(x > y).
    """
    crystal, supercell = builders.simple_cubic(), Supercell.from_matrix([2, 2, 2])
    potential = builders.polynomial(ClusterBasis(crystal, pairs=1, order=1), [[9.0]])
    temperatures = np.array([200.0, 270.0, 420.0])
    exchange = ReplicaExchange.create(sampler(method, potential, supercell, "fixed"), 3, stride=4)
    model, u = Evaluator.create(potential, supercell), jnp.zeros((1, 3, 8), "float32")
    found = groups(exchange, model, u, ladder(temperatures), 48, burn=150, samples=160, stride=10)
    counts = [found[f"swap_{name}"] for name in ("acceptances", "attempts")]
    shares = np.divide(*(c[:, -1] - c[:, 0] for c in counts))
    for k, (low, high) in enumerate(zip(temperatures, temperatures[1:], strict=False)):
        exact = 2 * betainc(10.5, 10.5, low / (low + high))
        error = shares[:, k].std(ddof=1) / np.sqrt(len(shares))
        assert abs(shares[:, k].mean() - exact) < FINE * error
        assert error < 0.02
    for k, temperature in enumerate(temperatures):
        expected = 21 / 2 * thermal(temperature)
        energy = found["energy"][..., k]
        assert abs(z_score(energy, expected)) < FINE
        assert abs(z_score((energy - expected) ** 2, expected * thermal(temperature))) < FINE
        assert abs(z_score(energy, 1.06 * expected)) > WRONG
        if method == "md":
            assert abs(z_score(found["kinetic_temperature"][..., k], temperature)) < FINE
    if method == "md":
        drift = found["conserved"][:, -1] - found["conserved"][:, 0]
        assert abs(drift).max() < 0.05 * expected


STAGES = (Stage((150.0, 200.0, 260.0, 350.0), 0.001, equilibration=2, production=3),)
OPTIONS = {"temperatures": (150.0, 200.0, 260.0, 350.0)}


def make_run(system, method):
    exchange = ReplicaExchange.create(sampler(method, system.potential, system.supercell, "full"), 4, stride=2)
    observer = Observer(np.random.default_rng(3).normal(size=(6, 2, 3, 1)).astype("float32"))
    return Run(exchange, Evaluator.create(system.potential, system.supercell), observer, STAGES, Sampling(3, 4), seed=5)


@pytest.mark.parametrize("method", METHODS)
def test_resumed_equals_uninterrupted(two_atoms, tmp_path, method):
    """Bit for bit through the run file, from a checkpoint after every chunk: states, walkers, counts, samples."""
    run, file = make_run(two_atoms, method), RunFile(tmp_path / "run.h5", OPTIONS)
    progress = run.start(np.zeros((2, 3, 1)), np.eye(3))

    def save(progress):
        file.save(progress)
        shutil.copy(file.path, tmp_path / f"{progress.step}.h5")

    run.go(progress, on_chunk=save)
    samples = progress.columns()
    assert samples["energy"].shape == (20, 4) and samples["deformation"].shape == (20, 4, 3, 3)
    assert samples["projections"].shape == (20, 4, 6) and samples["swap_attempts"].shape == (20, 3)
    assert samples["swap_acceptances"][-1].min() > 0
    assert (np.sort(samples["walker"], axis=1) == np.arange(4)).all() and np.ptp(samples["walker"], axis=0).min() > 0
    for step in (12, 24, 36):
        resumed = RunFile(tmp_path / f"{step}.h5", OPTIONS).load()
        assert resumed.step == step and not resumed.notes
        run.go(resumed)
        for a, b in zip(jax.tree.leaves(progress.state), jax.tree.leaves(resumed.state), strict=True):
            assert np.asarray(a).dtype == np.asarray(b).dtype
            np.testing.assert_array_equal(a, b)
        for name in samples:
            np.testing.assert_array_equal(samples[name], resumed.columns()[name])


class Shaking(Still):
    """A sampler that only shakes."""

    def step(self, key, state, conditions, model):
        noise = conditions.temperature * jax.random.normal(key, state.displacements.shape)
        return eqx.tree_at(lambda s: s.displacements, state, state.displacements + 1e-3 * noise)


def test_batches_and_starts_agree():
    """One by one, in batches or all at once, from one configuration or one for each: the same trajectories."""
    model, ends = Spring(), []
    for batch, copies in ((None, ()), (1, ()), (2, (4,)), (4, ())):
        exchange = ReplicaExchange.create(Shaking(), 4, stride=3, batch=batch)
        start = jnp.zeros((*copies, 1, 3, 1)), jnp.broadcast_to(jnp.eye(3), (*copies, 3, 3))
        state = jax.jit(exchange.init)(jax.random.key(0), *start, FOUR, model)
        step = jax.jit(exchange.step)
        for k in range(30):
            state = step(jax.random.key(k), state, FOUR, model)
        ends.append(state)
    for end in ends[1:]:
        np.testing.assert_array_equal(end.walker, ends[0].walker)
        np.testing.assert_allclose(end.displacements, ends[0].displacements, rtol=1e-5)
    assert abs(ends[0].displacements).max() > 0.05
    assert (ends[0].walker != np.arange(4)).any()


def tilted(potential, swap_stride, temperatures, picoseconds):
    """Series of a run of 4x4x4 cells: energies, lengths of the tilt vectors, correlation times of signed tilts (ps)."""
    cells = Supercell.from_matrix([4, 4, 4])
    dynamics = MolecularDynamics.create(potential.crystal, cells, strain_modes("full"))
    observer = Observer(TiltModes.of_crystal(potential.crystal).projection(cells).astype("float32"))
    stage = Stage(temperatures, equilibration=60, production=picoseconds)
    exchange = ReplicaExchange.create(dynamics, len(temperatures), swap_stride)
    run = Run(exchange, Evaluator.create(potential, cells), observer, (stage,), Sampling(20, 10), seed=swap_stride)
    progress = run.start(*ground_state(potential, cells))
    run.go(progress)
    columns = progress.columns()
    energy, tilts = (columns[name][columns["production"]].astype(float) for name in ("energy", "projections"))
    lengths = np.linalg.norm(tilts.reshape(*energy.shape, 2, 3), axis=-1)
    return [energy, lengths[..., 0], lengths[..., 1]], 0.1 * estimate(tilts).correlation_time[:, :3].mean(1)


@pytest.mark.slow
def test_across_the_transitions_of_a_perovskite():
    """8 temperatures with swaps against the same without: equal averages, and in-phase tilts that turn much faster.

    The factor is measured in benchmarks/replica_exchange.py; from 240 to 310 K it is about 10.
    """
    temperatures, potential = tuple(np.geomspace(200, 420, 8)), anharmonic.load("CsPbBr3")
    (swapped, fast), (alone, slow) = (tilted(potential, stride, temperatures, 500) for stride in (5, 10**9))
    for one, other in zip(swapped, alone, strict=True):
        one, other = estimate(one), estimate(other)
        z = (one.mean - other.mean) / np.hypot(one.error, other.error)
        assert abs(z).max() < FINE, z
    middle = slice(2, 5)
    assert slow[middle].mean() > 3 * fast[middle].mean()
