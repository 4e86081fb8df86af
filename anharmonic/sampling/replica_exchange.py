"""Replica exchange: copies of a sampler at neighbouring conditions that swap their configurations.

Swaps of configurations x_i, x_j between conditions i, j are accepted with probability
min(1, exp(-Delta)),

    Delta = beta_i (H_i(x_j) - H_i(x_i)) + beta_j (H_j(x_i) - H_j(x_j)),   H_i = U + W_i(F)

(Okabe, Kawata, Okamoto and Mikami, Chem. Phys. Lett. 335, 435 (2001), there for W = P V; momenta as by
Sugita and Okamoto, Chem. Phys. Lett. 314, 141 (1999)). The powers of V in the densities cancel. Even and odd pairs of
neighbours take turns, which lets configurations travel instead of diffuse (Syed, Bouchard-Cote, Deligiannidis and
Doucet, J. R. Stat. Soc. B 84, 321 (2022)).
"""

import equinox as eqx
import jax
import jax.numpy as jnp

from anharmonic.conventions import BOLTZMANN
from anharmonic.errors import AnharmonicError
from anharmonic.sampling.conditions import Conditions
from anharmonic.sampling.noise import uniform

UP, DOWN = 1, -1


class ExchangeState(eqx.Module):
    """State of a run: all that a restart needs besides key, step and conditions.

    A walker is a configuration that wanders through the conditions.

    Attributes
    ----------
    replicas : eqx.Module
        States of the sampler, stacked in the order of the conditions.
    steps : array, int32
        Steps done.
    walker : array, shape (n,), int32
        The walker at each of the conditions.
    heading : array, shape (n,), int32
        By walker: 1 if it was at the first conditions last, -1 if at the last ones, 0 if at neither yet.
    round_trips : array, shape (n,), int32
        By walker: how often it has come from the first to the last conditions and back.
    attempts, acceptances : array, shape (n - 1,), int32
        By pair of neighbours: swaps tried and done.
    jump : array, shape (n,)
        What swaps have added to the conserved energy (eV) of dynamics at each of the conditions.
    """

    replicas: eqx.Module
    steps: jax.Array
    walker: jax.Array
    heading: jax.Array
    round_trips: jax.Array
    attempts: jax.Array
    acceptances: jax.Array
    jump: jax.Array

    @property
    def displacements(self):
        """u (n, n_sites, 3, n_cells), A."""
        return self.replicas.displacements

    @property
    def deformation(self):
        """F (n, 3, 3)."""
        return self.replicas.deformation


class ReplicaExchange(eqx.Module):
    """Sampler of the product of the ensembles at `n_replicas` conditions.

    One step is a step of every replica, and every `stride` steps an attempt to swap neighbours.
    Conditions have a leading axis (n_replicas); a pressure or a tension without it holds for all.
    Order them so that neighbours overlap: by temperature, or by pressure.

    Attributes
    ----------
    sampler : MolecularDynamics or MonteCarlo
        Any sampler with `adopt`.
    n_replicas : int
    stride : int
        Steps between attempts.
    batch : int
        Replicas that are computed together; a divisor of their number.
    """

    sampler: eqx.Module
    n_replicas: int = eqx.field(static=True)
    stride: int = eqx.field(static=True)
    batch: int = eqx.field(static=True)

    @classmethod
    def create(cls, sampler, n_replicas, stride=20, batch=None):
        """Copies of `sampler`; unless `batch` is given, one is computed after another on CPUs, all together elsewhere.

        One after another stays in a core's cache (benchmarks/replica_batches.py).

        Raises
        ------
        AnharmonicError
            If there is nothing to exchange, or never, or the batches are not equal.
        """
        if batch is None:
            batch = 1 if jax.default_backend() == "cpu" else n_replicas
        if n_replicas < 2:
            raise AnharmonicError(f"replica exchange takes at least 2 replicas, found {n_replicas}")
        if stride < 1:
            raise AnharmonicError(f"swaps are tried every 1 or more steps, found {stride}")
        if batch < 1 or n_replicas % batch:
            raise AnharmonicError(f"{n_replicas} replicas do not split into batches of {batch}")
        return cls(sampler, n_replicas, stride, batch)

    def adapting(self):
        """The same with a sampler that adapts, if it can: for equilibration only."""
        adapting = getattr(self.sampler, "adapting", None)
        return self if adapting is None else eqx.tree_at(lambda s: s.sampler, self, adapting())

    def init(self, key, displacements, deformation, conditions, model):
        """State from displacements (n_sites, 3, n_cells) and F, or from one of each (n, ...) for every replica."""
        n, dtype = self.n_replicas, displacements.dtype
        start = (
            jax.random.split(key, n),
            jnp.broadcast_to(displacements, (n, *displacements.shape[-3:])),
            jnp.broadcast_to(deformation, (n, 3, 3)),
            self._each_own(conditions),
        )
        replicas = self._each(lambda *own: self.sampler.init(*own, model), *start)
        index, pairs = jnp.arange(n, dtype=jnp.int32), jnp.zeros(n - 1, jnp.int32)
        heading = jnp.zeros(n, jnp.int32).at[0].set(UP).at[-1].set(DOWN)
        return ExchangeState(
            replicas, jnp.int32(0), index, heading, jnp.zeros(n, jnp.int32), pairs, pairs, jnp.zeros(n, dtype)
        )

    def step(self, key, state, conditions, model):
        """One step of every replica, then perhaps swaps."""
        conditions = self._each_own(conditions)
        step_key, swap_key = jax.random.split(key)
        keys = jax.random.split(step_key, self.n_replicas)
        replicas = self._each(lambda *own: self.sampler.step(*own, model), keys, state.replicas, conditions)
        state = eqx.tree_at(lambda s: (s.replicas, s.steps), state, (replicas, state.steps + 1))
        return jax.lax.cond(
            state.steps % self.stride == 0,
            lambda state: self.exchange(swap_key, state, conditions, model),
            lambda state: state,
            state,
        )

    def exchange(self, key, state, conditions, model):
        """Try to swap every other pair of neighbours; `conditions` with a leading axis throughout."""
        energy = self._each(lambda own: model.energy(own.displacements, own.deformation), state.replicas)
        exponents = swap_exponents(energy, state.deformation, conditions, model.volume)
        turn = (state.steps // self.stride + 1) % 2
        tried = jnp.arange(self.n_replicas - 1) % 2 == turn
        accepted = tried & (exponents < -jnp.log(uniform(key, exponents.shape, exponents.dtype)))
        source = jnp.arange(self.n_replicas) + jnp.pad(accepted, (0, 1)) - jnp.pad(accepted, (1, 0))
        return self._rearranged(state, source, energy, conditions, tried, accepted)

    def observe(self, state, conditions, model):
        """Scalars of every replica (n,), the walkers, and the counts of swaps so far."""
        conditions = self._each_own(conditions)
        scalars = self._each(lambda *own: self.sampler.observe(*own, model), state.replicas, conditions)
        if "conserved" in scalars:
            scalars["conserved"] = scalars["conserved"] - state.jump
        return scalars | {
            "walker": state.walker,
            "heading": state.heading,
            "round_trips": state.round_trips,
            "swap_attempts": state.attempts,
            "swap_acceptances": state.acceptances,
        }

    def record(self, state, conditions, model, observer):
        """`observe`, and what `observer` sees of every replica, in the order of the conditions."""
        return self.observe(state, conditions, model) | self._each(lambda own: observer(own, model), state.replicas)

    def _rearranged(self, state, source, energy, conditions, tried, accepted):
        """The state after the configurations at `source` (n,) have moved to their new conditions."""
        others, other_conditions = jax.tree.map(lambda x: x[source], (state.replicas, conditions))
        replicas = jax.vmap(self.sampler.adopt)(state.replicas, others, conditions, other_conditions)
        before = self._conserved(state.replicas, conditions, energy)
        jump = self._conserved(replicas, conditions, energy[source]) - before
        walker = state.walker[source]
        first, last = walker[0], walker[-1]
        returned = (state.heading[first] == DOWN).astype(jnp.int32)
        return ExchangeState(
            replicas,
            state.steps,
            walker,
            state.heading.at[first].set(UP).at[last].set(DOWN),
            state.round_trips.at[first].add(returned),
            state.attempts + tried,
            state.acceptances + accepted,
            state.jump + jump,
        )

    def _conserved(self, replicas, conditions, energy):
        """Conserved energy (n,) of dynamics with known potential energies, zero for other samplers; eV."""

        def one(own, conditions, energy):
            return self.sampler.observe(own, conditions, _Known(energy)).get("conserved", jnp.zeros_like(energy))

        return jax.vmap(one)(replicas, conditions, energy)

    def _each(self, function, *arguments):
        """Results of `function` for every replica, stacked as the arguments are."""
        if self.batch == self.n_replicas:
            return jax.vmap(function)(*arguments)
        batches = self.n_replicas // self.batch, self.batch
        split = jax.tree.map(lambda x: x.reshape(*batches, *x.shape[1:]), arguments)
        found = jax.lax.map(lambda own: jax.vmap(function)(*own), split)
        return jax.tree.map(lambda x: x.reshape(self.n_replicas, *x.shape[2:]), found)

    def _each_own(self, conditions):
        """Conditions with a leading axis throughout."""
        n = self.n_replicas
        return Conditions(
            jnp.broadcast_to(conditions.temperature, (n,)),
            jnp.broadcast_to(conditions.pressure, (n,)),
            jnp.broadcast_to(conditions.tension, (n, 3, 3)),
        )


class _Known(eqx.Module):
    """A model of which nothing but the energy is asked, and it is known."""

    value: jax.Array

    def energy(self, displacements, deformation):
        """The known energy."""
        return self.value


def swap_exponents(energy, deformation, conditions, volume):
    """Delta of swaps between neighbours, accepted with probability min(1, exp(-Delta)); see above.

    Parameters
    ----------
    energy : array, shape (n,)
        U (eV).
    deformation : array, shape (n, 3, 3)
        F.
    conditions : Conditions
        With a leading axis (n).
    volume : array
        Of the undeformed supercell (A^3).

    Returns
    -------
    array, shape (n - 1,)
    """
    own, other = (jax.tree.map(lambda x, part=part: x[part], conditions) for part in (slice(-1), slice(1, None)))
    work = jax.vmap(lambda c, f, g: c.work(volume, g) - c.work(volume, f))
    work_own, work_other = (work(c, deformation[:-1], deformation[1:]) / c.temperature for c in (own, other))
    # of the inverse temperatures and of the energies, the difference first: both are large numbers in float32
    inverse = (other.temperature - own.temperature) / (own.temperature * other.temperature)
    return (inverse * (energy[1:] - energy[:-1]) + work_own - work_other) / BOLTZMANN
