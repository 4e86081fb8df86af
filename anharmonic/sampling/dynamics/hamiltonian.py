"""The Hamiltonian of a crystal in a flexible cell, and its flows.

The canonical variables are the scaled positions s = R + u with momenta p_s, and the
deformation gradient F = sum_k e_k B_k with momenta pi_k (the B_k of `strain_modes`):

    H = sum p_s^T (F^T F)^-1 p_s / 2m + sum pi_k^2 / 2W + U(s, F) + W(F)

with the work W(F) of `Conditions`. H splits into three parts whose flows are exact; their
symmetric composition is a symplectic integrator of second order (Parrinello and Rahman,
J. Appl. Phys. 52, 7182 (1981), for the variable cell). Without strain modes it is velocity Verlet.
The canonical density exp(-H / kT), flat in all variables, has the marginal
exp(-(U + W) / kT) V^N in u and F; with no total momentum, V^(N-1).
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.conventions import BOLTZMANN, KINETIC
from anharmonic.evaluation.blocks import Blocks
from anharmonic.evaluation.fields import outer, transform
from anharmonic.sampling.noise import normal


class PhasePoint(eqx.Module):
    """A point in phase space with the gradients of U there.

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
        Gradients of U at u and F (eV/A, eV).
    """

    displacements: jax.Array
    deformation: jax.Array
    momenta: jax.Array
    cell_momenta: jax.Array
    by_displacement: jax.Array
    by_deformation: jax.Array


class Hamiltonian(eqx.Module):
    """Masses and strain modes of a supercell; states are a `PhasePoint` or a record with more.

    Attributes
    ----------
    masses : array, shape (n_sites, 1, 1)
        eV fs^2/A^2.
    cell_mass : array
        W (eV fs^2).
    modes : array, shape (n_modes, 3, 3)
        Strain modes; none for a cell without momenta.
    volume : array
        Volume of the undeformed supercell (A^3).
    blocks : Blocks or None
        Of a supercell that is split over devices.
    """

    masses: jax.Array
    cell_mass: jax.Array
    modes: jax.Array
    volume: jax.Array
    blocks: Blocks | None = eqx.field(static=True, default=None)

    @classmethod
    def create(cls, crystal, supercell, modes, cell_mass, dtype="float32", blocks=None):
        """Of a supercell of `crystal`; `cell_mass` in eV fs^2."""
        values = KINETIC * crystal.masses[:, None, None], cell_mass, modes, crystal.volume * supercell.n_cells
        return cls(*(np.asarray(v, dtype) for v in values), blocks)

    def momenta(self, key, deformation, n_cells, temperature):
        """Thermal p_s (n_sites, 3, n_cells) without total momentum, at `temperature` (K)."""
        noise = normal(key, (len(self.masses), 3, n_cells), deformation.dtype, self.blocks)
        momenta = transform(deformation.T, jnp.sqrt(BOLTZMANN * temperature * self.masses) * noise)
        return self.at_rest(momenta)

    def at_rest(self, momenta):
        """The momenta without their total, which rounding of the forces lets grow."""
        total_mass = jnp.sum(self.masses) * momenta.shape[-1]
        return momenta - self.masses / total_mass * jnp.sum(momenta, axis=(0, 2), keepdims=True)

    def cell_momenta(self, key, temperature):
        """Thermal pi (n_modes,) at `temperature` (K)."""
        noise = jax.random.normal(key, (len(self.modes),), self.modes.dtype)
        return jnp.sqrt(BOLTZMANN * temperature * self.cell_mass) * noise

    def kick(self, state, conditions, dt):
        """Flow of U + W for `dt` (fs): momenta change."""
        by_f = state.by_deformation + conditions.work_gradient(self.volume, state.deformation)
        momenta = state.momenta - dt * state.by_displacement
        cell = state.cell_momenta - dt * jnp.tensordot(self.modes, by_f, 2)
        return eqx.tree_at(lambda s: (s.momenta, s.cell_momenta), state, (momenta, cell))

    def strain(self, state, dt):
        """Flow of the cell's kinetic energy: F changes at fixed u and p_s."""
        change = jnp.tensordot(state.cell_momenta, self.modes, 1)
        return eqx.tree_at(lambda s: s.deformation, state, state.deformation + dt / self.cell_mass * change)

    def drift(self, state, kinetic, dt):
        """Flow of the atoms' kinetic energy: u and pi change at fixed F and p_s; `kinetic` as of `kinetic_tensor`."""
        inverse_metric = _inverse_metric(state.deformation)
        velocities = transform(inverse_metric, state.momenta / self.masses)
        push = -self.kinetic_gradient(kinetic, state.deformation)
        return eqx.tree_at(
            lambda s: (s.displacements, s.cell_momenta),
            state,
            (state.displacements + dt * velocities, state.cell_momenta + dt * jnp.tensordot(self.modes, push, 2)),
        )

    def first_half(self, state, conditions, dt):
        """Half a time step: half of every flow."""
        state = self.strain(self.kick(state, conditions, 0.5 * dt), 0.5 * dt)
        return self.drift(state, self.kinetic_tensor(state.momenta), 0.5 * dt)

    def second_half(self, state, conditions, model, dt):
        """The other halves in reverse order, with new gradients."""
        state = self.strain(self.drift(state, self.kinetic_tensor(state.momenta), 0.5 * dt), 0.5 * dt)
        gradients = model.derivatives(state.displacements, state.deformation)
        state = eqx.tree_at(lambda s: (s.by_displacement, s.by_deformation), state, gradients)
        return self.kick(state, conditions, 0.5 * dt)

    def kinetic_tensor(self, momenta):
        """Sum of p_s p_s^T / m (3, 3), eV."""
        return outer(momenta, momenta / self.masses)

    def kinetic_gradient(self, kinetic, deformation):
        """Derivative (3, 3) of the atoms' kinetic energy by F at fixed p_s, eV."""
        return -jnp.linalg.inv(deformation).T @ kinetic @ _inverse_metric(deformation)

    def kinetic_energy(self, state):
        """Kinetic energy of the atoms (eV)."""
        return 0.5 * jnp.sum(_inverse_metric(state.deformation) * self.kinetic_tensor(state.momenta))

    def cell_energy(self, state):
        """Kinetic energy of the cell (eV)."""
        return 0.5 * jnp.sum(state.cell_momenta**2) / self.cell_mass

    def gain(self, before, after):
        """Kinetic energy (eV) that changed momenta bring at fixed F, without subtracting large numbers."""
        change, total = after.momenta - before.momenta, after.momenta + before.momenta
        atoms = jnp.sum(_inverse_metric(after.deformation) * outer(change, total / self.masses))
        cell = (after.cell_momenta - before.cell_momenta) * (after.cell_momenta + before.cell_momenta) / self.cell_mass
        return 0.5 * (atoms + jnp.sum(cell))


def _inverse_metric(deformation):
    """(F^T F)^-1."""
    inverse = jnp.linalg.inv(deformation)
    return inverse @ inverse.T
