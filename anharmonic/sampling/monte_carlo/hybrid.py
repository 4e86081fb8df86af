"""Hybrid Monte Carlo: short dynamics as a trial move of all atoms and the cell.

Duane, Kennedy, Pendleton and Roweth, Phys. Lett. B 195, 216 (1987); with variable volume:
Faller and de Pablo, J. Chem. Phys. 116, 55 (2002).
"""

import equinox as eqx
import jax
import jax.numpy as jnp

from anharmonic.conventions import BOLTZMANN
from anharmonic.errors import AnharmonicError
from anharmonic.evaluation.fields import transform
from anharmonic.sampling.dynamics.barostats import Piston
from anharmonic.sampling.dynamics.hamiltonian import Hamiltonian, PhasePoint
from anharmonic.sampling.monte_carlo.metropolis import Microstate, decide
from anharmonic.sampling.noise import uniform

SPREAD = 0.2
"""Half the range of random time steps, relative: no vibration returns to its start in every trajectory."""


class HybridMoves(eqx.Module):
    """One trajectory of the Hamiltonian with new momenta, accepted with probability min(1, exp(-dH / kT)).

    The integrator is reversible and keeps the volume of phase space, which is all that is needed:
    the ensemble is exact for any time step. The width is the mean time step (fs).

    Attributes
    ----------
    hamiltonian : Hamiltonian
    n_steps : int
        Time steps of a trajectory.
    """

    hamiltonian: Hamiltonian
    n_steps: int = eqx.field(static=True)
    target: float = eqx.field(static=True, default=0.7)
    label: str = eqx.field(static=True, default="hybrid_acceptance")

    @classmethod
    def create(cls, crystal, supercell, modes, n_steps=10, cell_time=250.0, dtype="float32"):
        """Moves for a supercell of `crystal`.

        Parameters
        ----------
        crystal : Crystal
        supercell : Supercell
        modes : array, shape (n_modes, 3, 3)
            Strain modes, as of `strain_modes`; none for a fixed cell.
        n_steps : int
        cell_time : float
            Sets the mass of the cell as in `Piston` (fs).

        Raises
        ------
        AnharmonicError
            If there is no step.
        """
        if n_steps < 1:
            raise AnharmonicError(f"a trajectory has at least 1 step; found {n_steps}")
        mass = Piston(cell_time).mass(crystal.n_sites * supercell.n_cells)
        return cls(Hamiltonian.create(crystal, supercell, modes, mass, dtype), n_steps)

    def initial_width(self, displacements):
        """A guess (fs): the mean error of H is as N dt^4 (Creutz, Phys. Rev. D 38, 1228 (1988))."""
        return jnp.asarray(20.0 * (displacements.size / 3) ** -0.25, displacements.dtype)

    def __call__(self, key, configuration, width, conditions, model):
        """The configuration after one trajectory, and its probability of acceptance."""
        start_key, time_key, accept_key = jax.random.split(key, 3)
        begin = self._start(start_key, configuration, conditions, model)
        timestep = width * (1 + SPREAD * (2 * uniform(time_key, (), width.dtype) - 1))

        def one(_, point):
            point = self.hamiltonian.first_half(point, conditions, timestep)
            return self.hamiltonian.second_half(point, conditions, model, timestep)

        end = jax.lax.fori_loop(0, self.n_steps, one, begin)
        energy = model.energy(end.displacements, end.deformation)
        trial = Microstate(end.displacements, end.deformation, energy)
        return decide(accept_key, configuration, trial, self._exponent(configuration, trial, begin, end, conditions))

    def _start(self, key, configuration, conditions, model):
        """The configuration with thermal momenta."""
        atoms_key, cell_key = jax.random.split(key)
        u, deformation = configuration.displacements, configuration.deformation
        return PhasePoint(
            u,
            deformation,
            self.hamiltonian.momenta(atoms_key, deformation, u.shape[-1], conditions.temperature),
            self.hamiltonian.cell_momenta(cell_key, conditions.temperature),
            *model.derivatives(u, deformation),
        )

    def _exponent(self, before, after, begin, end, conditions):
        """Change of H / kT; infinite for a cell turned inside out."""
        work = conditions.work(self.hamiltonian.volume, after.deformation)
        work = work - conditions.work(self.hamiltonian.volume, before.deformation)
        change = after.energy - before.energy + work + self._kinetic_change(begin, end)
        upright = jnp.linalg.det(after.deformation) > 0
        return jnp.where(upright, change / (BOLTZMANN * conditions.temperature), jnp.inf)

    def _kinetic_change(self, begin, end):
        """Change of the kinetic energy (eV), as a sum of differences: that of two large sums is lost in float32."""
        before, after = (
            transform(jnp.linalg.inv(p.deformation).T, p.momenta / self.hamiltonian.masses) for p in (begin, end)
        )
        atoms = jnp.sum(self.hamiltonian.masses * (after - before) * (after + before))
        cell = jnp.sum((end.cell_momenta - begin.cell_momenta) * (end.cell_momenta + begin.cell_momenta))
        return 0.5 * (atoms + cell / self.hamiltonian.cell_mass)
