"""Molecular dynamics with a symmetric deformation: NVE, Langevin NVT, and flexible-cell NPT.

The canonical variables are the scaled positions s = R + u with momenta p_s, and the
deformation gradient F = sum_k e_k B_k with momenta pi_k (the B_k of `strain_modes`):

    H = sum p_s^T (F^T F)^-1 p_s / 2m + sum pi_k^2 / 2W + U(s, F) + P V0 det F

H splits into three parts whose flows are exact, composed symmetrically, with exact
Ornstein-Uhlenbeck steps in the middle (BAOAB: Leimkuhler and Matthews, Appl. Math. Res.
Express 2013, 34; the variable cell: Parrinello and Rahman, J. Appl. Phys. 52, 7182, 1981).
It samples exp(-(U + P V) / kT) V^N with a flat measure in the components of F.
Without friction and strain modes it is velocity Verlet.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.conventions import BOLTZMANN, KINETIC
from anharmonic.evaluation.fields import outer, transform
from anharmonic.sampling.noise import normal

BAROSTAT_TEMPERATURE = 300.0


class DynamicsState(eqx.Module):
    """State of a run: all that a restart needs besides key, step and conditions.

    Attributes
    ----------
    displacements : array, shape (n_sites, 3, n_cells)
        u (A).
    deformation : array, shape (3, 3)
        F.
    momenta : array, shape (n_sites, 3, n_cells)
        p_s, conjugate to u (eV fs/A).
    cell_momenta : array, shape (n_modes,)
        pi (eV fs).
    by_displacement, by_deformation : arrays
        Gradients of U at u and F.
    heat : array, shape (2,)
        Energy (eV) that the thermostats have put in, and what rounding has left of it; H - heat is conserved.
    """

    displacements: jax.Array
    deformation: jax.Array
    momenta: jax.Array
    cell_momenta: jax.Array
    by_displacement: jax.Array
    by_deformation: jax.Array
    heat: jax.Array


class LangevinDynamics(eqx.Module):
    """Sampler of the canonical or isothermal-isobaric ensemble by molecular dynamics.

    Attributes
    ----------
    timestep : array
        fs.
    friction, cell_friction : array
        Rates (1/fs) of the thermostats of atoms and cell; zero switches one off.
    masses : array, shape (n_sites, 1, 1)
        eV fs^2/A^2.
    cell_mass : array
        W (eV fs^2).
    modes : array, shape (n_modes, 3, 3)
        Strain modes.
    volume : array
        Volume of the undeformed supercell (A^3).
    """

    timestep: jax.Array
    friction: jax.Array
    cell_friction: jax.Array
    masses: jax.Array
    cell_mass: jax.Array
    modes: jax.Array
    volume: jax.Array

    @classmethod
    def create(
        cls,
        crystal,
        supercell,
        modes,
        timestep=5.0,
        friction=1e-3,
        cell_friction=2e-3,
        barostat_time=500.0,
        dtype="float32",
    ):
        """Sampler for a supercell of `crystal`; times in fs, rates in 1/fs.

        The mass of the cell is ``3 N k_B (300 K) barostat_time^2``.
        """
        n_atoms = crystal.n_sites * supercell.n_cells
        cell_mass = 3 * n_atoms * BOLTZMANN * BAROSTAT_TEMPERATURE * barostat_time**2
        values = (timestep, friction, cell_friction, KINETIC * crystal.masses[:, None, None], cell_mass, modes)
        return cls(*(np.asarray(v, dtype) for v in values), np.asarray(crystal.volume * supercell.n_cells, dtype))

    def init(self, key, displacements, deformation, conditions, model):
        """State with momenta drawn at the temperature and no total momentum."""
        by_u, by_f = model.derivatives(displacements, deformation)
        no_heat = jnp.zeros(2, displacements.dtype)
        state = DynamicsState(
            displacements, deformation, jnp.zeros_like(displacements),
            jnp.zeros(len(self.modes), displacements.dtype), by_u, by_f, no_heat,
        )  # fmt: skip
        return self._thermostat(state, key, conditions, 0.0, 0.0)

    def step(self, key, state, conditions, model):
        """One time step."""
        half = 0.5 * self.timestep
        state = self._kick(state, conditions, half)
        kinetic = self._kinetic_tensor(state.momenta)
        state = self._drift(self._strain(state, half), kinetic, half)
        decay = jnp.exp(-self.friction * self.timestep), jnp.exp(-self.cell_friction * self.timestep)
        before, state = state, self._thermostat(state, key, conditions, *decay)
        state = eqx.tree_at(lambda s: s.heat, state, _compensated(state.heat, self._gain(before, state)))
        state = self._strain(self._drift(state, self._kinetic_tensor(state.momenta), half), half)
        by_u, by_f = model.derivatives(state.displacements, state.deformation)
        state = eqx.tree_at(lambda s: (s.by_displacement, s.by_deformation), state, (by_u, by_f))
        return self._kick(state, conditions, half)

    def observe(self, state, conditions, model):
        """Scalars of a state: energies in eV, temperature in K."""
        energy = model.energy(state.displacements, state.deformation)
        kinetic = self.kinetic_energy(state)
        n_atoms = state.displacements.size // 3
        total = energy + kinetic + self._cell_energy(state) + self._work(state, conditions)
        return {
            "energy": energy,
            "kinetic_temperature": 2 * kinetic / (3 * max(n_atoms - 1, 1) * BOLTZMANN),
            "conserved": total - state.heat[0],
        }

    def kinetic_energy(self, state):
        """Kinetic energy of the atoms (eV)."""
        return 0.5 * jnp.sum(_inverse_metric(state.deformation) * self._kinetic_tensor(state.momenta))

    def _kick(self, state, conditions, dt):
        """Flow of U + P V: momenta change."""
        inverse = jnp.linalg.inv(state.deformation)
        by_f = state.by_deformation + conditions.pressure * self.volume * jnp.linalg.det(state.deformation) * inverse.T
        momenta = state.momenta - dt * state.by_displacement
        cell = state.cell_momenta - dt * jnp.tensordot(self.modes, by_f, 2)
        return eqx.tree_at(lambda s: (s.momenta, s.cell_momenta), state, (momenta, cell))

    def _strain(self, state, dt):
        """Flow of the cell's kinetic energy: F changes at fixed u and p_s."""
        change = jnp.tensordot(state.cell_momenta, self.modes, 1)
        return eqx.tree_at(lambda s: s.deformation, state, state.deformation + dt / self.cell_mass * change)

    def _drift(self, state, kinetic, dt):
        """Flow of the atoms' kinetic energy: u and pi change at fixed F and p_s; `kinetic` as of `_kinetic_tensor`."""
        inverse_metric = _inverse_metric(state.deformation)
        velocities = transform(inverse_metric, state.momenta / self.masses)
        push = jnp.linalg.inv(state.deformation).T @ kinetic @ inverse_metric
        return eqx.tree_at(
            lambda s: (s.displacements, s.cell_momenta),
            state,
            (state.displacements + dt * velocities, state.cell_momenta + dt * jnp.tensordot(self.modes, push, 2)),
        )

    def _thermostat(self, state, key, conditions, decay, cell_decay):
        """Exact Ornstein-Uhlenbeck step of p = F^-T p_s and pi; total momentum stays zero."""
        atoms_key, cell_key = jax.random.split(key)
        thermal = BOLTZMANN * conditions.temperature
        noise = normal(atoms_key, state.momenta.shape, state.momenta.dtype)
        noise = jnp.sqrt((1 - decay**2) * thermal * self.masses) * noise
        momenta = decay * state.momenta + transform(state.deformation.T, noise)
        total_mass = jnp.sum(self.masses) * momenta.shape[-1]
        momenta = momenta - self.masses / total_mass * jnp.sum(momenta, axis=(0, 2), keepdims=True)
        cell_noise = jax.random.normal(cell_key, state.cell_momenta.shape, state.momenta.dtype)
        cell = cell_decay * state.cell_momenta + jnp.sqrt((1 - cell_decay**2) * thermal * self.cell_mass) * cell_noise
        return eqx.tree_at(lambda s: (s.momenta, s.cell_momenta), state, (momenta, cell))

    def _gain(self, before, after):
        """Kinetic energy (eV) that changed momenta bring, without subtracting large numbers."""
        change, total = after.momenta - before.momenta, after.momenta + before.momenta
        atoms = jnp.sum(_inverse_metric(after.deformation) * outer(change, total / self.masses))
        cell = (after.cell_momenta - before.cell_momenta) * (after.cell_momenta + before.cell_momenta) / self.cell_mass
        return 0.5 * (atoms + jnp.sum(cell))

    def _kinetic_tensor(self, momenta):
        """Sum of p_s p_s^T / m (3, 3)."""
        return outer(momenta, momenta / self.masses)

    def _cell_energy(self, state):
        return 0.5 * jnp.sum(state.cell_momenta**2) / self.cell_mass

    def _work(self, state, conditions):
        return conditions.pressure * self.volume * jnp.linalg.det(state.deformation)


def _inverse_metric(deformation):
    """(F^T F)^-1."""
    inverse = jnp.linalg.inv(deformation)
    return inverse @ inverse.T


def _compensated(total, term):
    """Kahan's sum: `total` is the sum so far and what rounding has added to it."""
    term = term - total[1]
    new = total[0] + term
    return jnp.stack([new, (new - total[0]) - term])
