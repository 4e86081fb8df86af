"""Molecular dynamics: velocity Verlet with a thermostat and a barostat in the middle of every step."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.conventions import BOLTZMANN
from anharmonic.errors import AnharmonicError
from anharmonic.sampling.dynamics.barostats import Piston, enthalpy_gradient
from anharmonic.sampling.dynamics.hamiltonian import Hamiltonian, PhasePoint
from anharmonic.sampling.dynamics.thermostats import Langevin

LANGEVIN, PISTON = Langevin(), Piston()


class DynamicsState(PhasePoint):
    """State of a run: all that a restart needs besides key, step and conditions.

    Attributes
    ----------
    thermostat, barostat : array, shape (n,)
        Their own variables, if they have any.
    heat : array, shape (2,)
        Energy (eV) that thermostat and barostat have put in, and what rounding has left of it; H - heat is conserved.
    """

    thermostat: jax.Array
    barostat: jax.Array
    heat: jax.Array


class MolecularDynamics(eqx.Module):
    """Sampler of the microcanonical, canonical or isothermal-isobaric ensemble.

    One step is half of velocity Verlet, the thermostat, the barostat, the other half:
    see `Hamiltonian`.

    Attributes
    ----------
    hamiltonian : Hamiltonian
    modes : array, shape (n_modes, 3, 3)
        Strain modes, as of `strain_modes`; none for a fixed cell.
    timestep : array
        fs.
    thermostat : Langevin, BussiRescaling, NoseHooverChain or None
        None conserves the energy.
    barostat : Piston or CellRescaling
        Of use only with strain modes.
    """

    hamiltonian: Hamiltonian
    modes: jax.Array
    timestep: jax.Array
    thermostat: eqx.Module | None
    barostat: eqx.Module | None

    @classmethod
    def create(
        cls,
        crystal,
        supercell,
        modes,
        timestep=5.0,
        thermostat=LANGEVIN,
        barostat=PISTON,
        dtype="float32",
        blocks=None,
    ):
        """Sampler for a supercell of `crystal`, which may be split into `Blocks`; times in fs.

        Raises
        ------
        AnharmonicError
            If the time step is not positive, or there are strain modes and no barostat.
        """
        if timestep <= 0:
            raise AnharmonicError(f"the time step is above 0 fs; found {timestep:g}")
        modes = np.asarray(modes, dtype)
        if not len(modes):
            barostat, canonical, mass = None, modes, 1.0
        elif barostat is None:
            raise AnharmonicError("a flexible cell needs a barostat: Piston or CellRescaling; or give no strain modes")
        else:
            canonical, mass = barostat.canonical(modes), barostat.mass(crystal.n_sites * supercell.n_cells)
        hamiltonian = Hamiltonian.create(crystal, supercell, canonical, mass, dtype, blocks)
        bath = jax.tree.map(lambda x: np.asarray(x, dtype), (thermostat, barostat))
        return cls(hamiltonian, modes, np.asarray(timestep, dtype), *bath)

    @property
    def n_exchanges(self):
        """How often a step needs the displacements of neighbouring cells anew: for one evaluation."""
        return 1

    def init(self, key, displacements, deformation, conditions, model):
        """State with momenta drawn at the temperature and no total momentum."""
        atoms_key, cell_key, barostat_key = jax.random.split(key, 3)
        dtype, temperature = displacements.dtype, conditions.temperature
        nothing = jnp.zeros(0, dtype)
        return DynamicsState(
            displacements,
            deformation,
            self.hamiltonian.momenta(atoms_key, deformation, displacements.shape[-1], temperature),
            self.hamiltonian.cell_momenta(cell_key, temperature),
            *model.derivatives(displacements, deformation),
            nothing if self.thermostat is None else self.thermostat.init(dtype),
            nothing if self.barostat is None else self.barostat.init(barostat_key, self.modes),
            jnp.zeros(2, dtype),
        )

    def step(self, key, state, conditions, model):
        """One time step."""
        before = self.hamiltonian.first_half(state, conditions, self.timestep)
        after = self._bath(key, before, conditions)
        end = self.hamiltonian.second_half(after, conditions, model, self.timestep)
        heat = _compensated(state.heat, self._heat(before, after, end, conditions))
        return eqx.tree_at(lambda s: s.heat, end, heat)

    def _bath(self, key, state, conditions):
        """Thermostat and barostat for one time step."""
        thermostat_key, barostat_key = jax.random.split(key)
        if self.thermostat is not None:
            state = self.thermostat(thermostat_key, state, self.hamiltonian, conditions, self.timestep)
        if self.barostat is not None:
            state = self.barostat(barostat_key, state, self.hamiltonian, self.modes, conditions, self.timestep)
        return state

    def _heat(self, before, after, end, conditions):
        """Energy (eV) that the bath has put in; where it has moved the cell, by the trapezoidal rule."""
        heat = self.hamiltonian.gain(before, after)
        if len(self.hamiltonian.modes) == len(self.modes):
            return heat
        moved = eqx.tree_at(
            lambda s: (s.deformation, s.by_deformation), before, (after.deformation, end.by_deformation)
        )
        slopes = [enthalpy_gradient(s, self.hamiltonian, conditions) for s in (before, moved)]
        return heat + 0.5 * jnp.sum((slopes[0] + slopes[1]) * (after.deformation - before.deformation))

    def observe(self, state, conditions, model):
        """Scalars of a state: energies in eV, temperature in K."""
        energy = model.energy(state.displacements, state.deformation)
        kinetic = self.hamiltonian.kinetic_energy(state)
        work = conditions.work(self.hamiltonian.volume, state.deformation)
        n_atoms = state.displacements.size // 3
        total = energy + kinetic + self.hamiltonian.cell_energy(state) + work
        return {
            "energy": energy,
            "kinetic_temperature": 2 * kinetic / (3 * max(n_atoms - 1, 1) * BOLTZMANN),
            "conserved": total - state.heat[0],
        }

    def adopt(self, own, other, own_conditions, other_conditions):
        """The state `other` at the conditions of `own`: momenta rescaled (Sugita and Okamoto, 1999, eq. 12)."""
        factor = jnp.sqrt(own_conditions.temperature / other_conditions.temperature)
        momenta = factor * other.momenta, factor * other.cell_momenta
        return eqx.tree_at(lambda s: (s.momenta, s.cell_momenta), other, momenta)


def _compensated(total, term):
    """Kahan's sum: `total` is the sum so far and what rounding has added to it."""
    term = term - total[1]
    new = total[0] + term
    return jnp.stack([new, (new - total[0]) - term])
