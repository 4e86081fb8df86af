"""Barostats: how the deformation gradient F moves.

Both sample the isothermal-isobaric ensemble of `hamiltonian`, along any strain modes.
"""

import equinox as eqx
import jax
import jax.numpy as jnp

from anharmonic.conventions import BOLTZMANN, GPA

REFERENCE_TEMPERATURE = 300.0
"""K; fixes the mass of the cell once for all temperatures of a sweep."""


class Piston(eqx.Module):
    """A cell with inertia, friction and noise (Feller et al., J. Chem. Phys. 103, 4613 (1995), in the components of F).

    The mass of the cell is ``3 N k_B (300 K) time^2``. Volume and shape oscillate about
    their means; relaxes faster than any first-order barostat.

    Attributes
    ----------
    time : float
        fs.
    friction : float
        Rate (1/fs) of the cell's own thermostat.
    """

    time: jax.Array = 500.0
    friction: jax.Array = 2e-3

    def mass(self, n_atoms):
        """Mass of the cell (eV fs^2)."""
        return 3 * n_atoms * BOLTZMANN * REFERENCE_TEMPERATURE * self.time**2

    def canonical(self, modes):
        """The strain modes that have momenta: all."""
        return modes

    def init(self, key, modes):
        """Variables of the barostat besides the cell's momenta: none."""
        return jnp.zeros(0, modes.dtype)

    def __call__(self, key, state, hamiltonian, modes, conditions, dt):
        """The state after an exact Ornstein-Uhlenbeck step of the cell's momenta for `dt` (fs)."""
        decay = jnp.exp(-self.friction * dt)
        noise = hamiltonian.cell_momenta(key, (1 - decay**2) * conditions.temperature)
        return eqx.tree_at(lambda s: s.cell_momenta, state, decay * state.cell_momenta + noise)


class CellRescaling(eqx.Module):
    """Stochastic cell rescaling: F diffuses down the gradient of the enthalpy at fixed u and p_s.

    Bernetti and Bussi, J. Chem. Phys. 153, 114107 (2020); anisotropic: Del Tatto, Raiteri,
    Bernetti and Bussi, Appl. Sci. 12, 1139 (2022). No inertia, no oscillation; gentle far from
    equilibrium. Noise is averaged over two steps (Leimkuhler and Matthews, as for BAOAB, eq. 12),
    which removes the error of first order of the Euler-Maruyama scheme.

    Attributes
    ----------
    time : float
        Relaxation time (fs) of a strain whose stiffness is 1 / compressibility.
    compressibility : float
        A^3/eV; only sets the time scale.
    """

    time: jax.Array = 500.0
    compressibility: jax.Array = 0.05 / GPA

    def mass(self, n_atoms):
        """There are no momenta: any number."""
        return 1.0

    def canonical(self, modes):
        """The strain modes that have momenta: none."""
        return modes[:0]

    def init(self, key, modes):
        """The noise of the last step (n_modes,)."""
        return jax.random.normal(key, (len(modes),), modes.dtype)

    def __call__(self, key, state, hamiltonian, modes, conditions, dt):
        """The state after `dt` (fs)."""
        noise = jax.random.normal(key, (len(modes),), modes.dtype)
        mobility = self.compressibility * dt / (self.time * hamiltonian.volume)
        force = -jnp.tensordot(modes, enthalpy_gradient(state, hamiltonian, conditions), 2)
        spread = jnp.sqrt(2 * mobility * BOLTZMANN * conditions.temperature)
        amounts = mobility * force + spread * 0.5 * (noise + state.barostat)
        deformation = state.deformation + jnp.tensordot(amounts, modes, 1)
        return eqx.tree_at(lambda s: (s.deformation, s.barostat), state, (deformation, noise))


def enthalpy_gradient(state, hamiltonian, conditions):
    """Derivative (3, 3) of H by F at fixed u and p_s, eV."""
    kinetic = hamiltonian.kinetic_gradient(hamiltonian.kinetic_tensor(state.momenta), state.deformation)
    return state.by_deformation + kinetic + conditions.work_gradient(hamiltonian.volume, state.deformation)
