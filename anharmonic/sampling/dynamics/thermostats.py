"""Thermostats of the atoms: what happens to the momenta in the middle of a time step.

All keep the total momentum at zero and leave the Maxwell-Boltzmann distribution of the
3N - 3 remaining degrees of freedom unchanged, exactly, whatever the time step.
"""

import equinox as eqx
import jax
import jax.numpy as jnp

from anharmonic.conventions import BOLTZMANN


class Langevin(eqx.Module):
    """Friction and noise on every atom: an exact Ornstein-Uhlenbeck step.

    In the middle of velocity Verlet this is BAOAB (Leimkuhler and Matthews,
    Appl. Math. Res. Express 2013, 34). Ergodic for any crystal; slows collective motion.

    Attributes
    ----------
    friction : float
        Rate (1/fs).
    """

    friction: jax.Array = 1e-3

    def init(self, dtype):
        """Variables of the thermostat: none."""
        return jnp.zeros(0, dtype)

    def __call__(self, key, state, hamiltonian, conditions, dt):
        """The state after `dt` (fs)."""
        decay = jnp.exp(-self.friction * dt)
        n_cells = state.momenta.shape[-1]
        noise = hamiltonian.momenta(key, state.deformation, n_cells, (1 - decay**2) * conditions.temperature)
        return eqx.tree_at(lambda s: s.momenta, state, decay * state.momenta + noise)


class BussiRescaling(eqx.Module):
    """Stochastic velocity rescaling (Bussi, Donadio and Parrinello, J. Chem. Phys. 126, 014101 (2007), appendix A).

    One random number pattern for all atoms: collective motion is not slowed down.

    Attributes
    ----------
    time : float
        Relaxation time of the kinetic energy (fs).
    """

    time: jax.Array = 100.0

    def init(self, dtype):
        """Variables of the thermostat: none."""
        return jnp.zeros(0, dtype)

    def __call__(self, key, state, hamiltonian, conditions, dt):
        """The state after `dt` (fs)."""
        decay = jnp.exp(-dt / self.time)
        freedom = _degrees_of_freedom(state)
        one_key, rest_key = jax.random.split(key)
        one = jax.random.normal(one_key, (), state.momenta.dtype)
        rest = 2 * jax.random.gamma(rest_key, 0.5 * (freedom - 1), (), state.momenta.dtype)
        thermal = 0.5 * BOLTZMANN * conditions.temperature
        ratio = (1 - decay) * thermal / jnp.maximum(hamiltonian.kinetic_energy(state), 1e-6 * thermal)
        along = jnp.sqrt(decay) + jnp.sqrt(ratio) * one
        factor = jnp.sign(along) * jnp.sqrt(along**2 + ratio * rest)
        return eqx.tree_at(lambda s: s.momenta, state, factor * hamiltonian.at_rest(state.momenta))


class NoseHooverChain(eqx.Module):
    """Nose-Hoover chain: deterministic (Martyna, Tuckerman, Tobias and Klein, Mol. Phys. 87, 1117 (1996), eqs. 27-36).

    Ergodic only as far as the crystal is: prefer another thermostat for stiff or small crystals.

    Attributes
    ----------
    time : float
        Period of the oscillations of the kinetic energy, divided by 2 pi (fs).
    length : int
        Thermostats in the chain.
    substeps : int
        Parts of a time step in which the chain is integrated.
    """

    time: jax.Array = 100.0
    length: int = eqx.field(static=True, default=3)
    substeps: int = eqx.field(static=True, default=4)

    def init(self, dtype):
        """Velocities of the chain (1/fs), shape (length,)."""
        return jnp.zeros(self.length, dtype)

    def __call__(self, key, state, hamiltonian, conditions, dt):
        """The state after `dt` (fs)."""
        freedom, thermal = _degrees_of_freedom(state), BOLTZMANN * conditions.temperature
        reduced = 2 * hamiltonian.kinetic_energy(state) / thermal
        part = dt / self.substeps

        def substep(_, carry):
            return self._substep(*carry, freedom, part)

        start = jnp.ones((), state.momenta.dtype), reduced, state.thermostat
        factor, _, chain = jax.lax.fori_loop(0, self.substeps, substep, start)
        momenta = factor * hamiltonian.at_rest(state.momenta)
        return eqx.tree_at(lambda s: (s.momenta, s.thermostat), state, (momenta, chain))

    def _substep(self, factor, reduced, chain, freedom, dt):
        """Half of the chain from its end, the atoms, the other half back; `reduced` is 2K / kT."""
        velocities = self._half(list(chain), reduced, freedom, dt, range(self.length)[::-1])
        scale = jnp.exp(-dt * velocities[0])
        reduced = reduced * scale**2
        return factor * scale, reduced, jnp.stack(self._half(velocities, reduced, freedom, dt, range(self.length)))

    def _half(self, velocities, reduced, freedom, dt, order):
        """Half a step of each velocity, slowed by the next thermostat of the chain."""
        for k in order:
            damping = jnp.exp(-0.25 * dt * velocities[k + 1]) if k + 1 < self.length else 1.0
            kick = 0.5 * dt * self._force(velocities, k, reduced, freedom)
            velocities[k] = damping * (damping * velocities[k] + kick)
        return velocities

    def _force(self, velocities, k, reduced, freedom):
        """Acceleration (1/fs^2) of a thermostat; the masses are f kT time^2 for the first and kT time^2 for others."""
        if k == 0:
            return (reduced / freedom - 1) / self.time**2
        above = freedom if k == 1 else 1
        return above * velocities[k - 1] ** 2 - 1 / self.time**2


def _degrees_of_freedom(state):
    """3N - 3, of the atoms without total momentum."""
    return max(state.momenta.size - 3, 1)
