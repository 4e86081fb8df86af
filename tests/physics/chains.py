"""One long chain of the shipped CsPbBr3, by any sampler: what the slow tests of ensembles compare."""

from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import anharmonic as ah
from anharmonic.conventions import BOLTZMANN
from anharmonic.crystal import Supercell
from anharmonic.evaluation import Evaluator
from anharmonic.sampling import (
    BussiRescaling,
    CellRescaling,
    Langevin,
    MolecularDynamics,
    MonteCarlo,
    NoseHooverChain,
    Piston,
    strain_modes,
)
from anharmonic.sweep.start import ground_state

SUPERCELL = Supercell.from_matrix([4, 4, 4])
N_ATOMS = 320
VOLUME = SUPERCELL.n_cells * ah.load("CsPbBr3").crystal.volume
"""A^3, of the undeformed supercell."""
THERMOSTATS = {"langevin": Langevin(2e-3), "bussi": BussiRescaling(200.0), "nose-hoover": NoseHooverChain(100.0)}
BAROSTATS = {"piston": Piston(500.0, 2e-3), "rescaling": CellRescaling(300.0)}


def make_sampler(potential, method, cell="full", timestep=4.0):
    """`MonteCarlo` for "mc", else dynamics with "thermostat" or "thermostat, barostat"."""
    if method == "mc":
        return MonteCarlo.create(potential, SUPERCELL, strain_modes(cell))
    thermostat, _, barostat = method.partition(", ")
    bath = THERMOSTATS[thermostat], BAROSTATS.get(barostat)
    modes = strain_modes(cell if barostat else "fixed")
    return MolecularDynamics.create(potential.crystal, SUPERCELL, modes, timestep, *bath)


def chain(sampler, conditions, burn, samples, stride, seed=0):
    """Samples (n_samples, ...) of a chain that begins with the ground state.

    Every sample has the scalars of the sampler, the deformation, the volume (A^3), the kinetic energy where there is
    one, and the stress (eV/A^3): that of the crystal with its kinetic part, and by definition the same in the mean,
    `cell_force` (3, 3), the gradient (eV) of the effective enthalpy by F, zero in the mean along every strain mode.
    """
    potential = ah.load("CsPbBr3")
    model = Evaluator.create(potential, SUPERCELL)
    u, f = (jnp.asarray(x, "float32") for x in _ground_state())
    adapting = sampler.adapting() if hasattr(sampler, "adapting") else sampler
    state = eqx.filter_jit(sampler.init)(jax.random.key(seed), u, f, conditions, model)
    key, lengths = jax.random.key(seed), jnp.array([1, burn + 1, burn, stride])
    state, _ = _advance(adapting, model, conditions, state, key, lengths[0], lengths[2], 1)
    _, found = _advance(sampler, model, conditions, state, key, lengths[1], lengths[3], samples)
    return {name: np.asarray(x, float) for name, x in found.items()}


@cache
def _ground_state():
    return ground_state(ah.load("CsPbBr3"), SUPERCELL)


@eqx.filter_jit
def _advance(sampler, model, conditions, state, key, first, stride, n_samples):
    """One sample after every `stride` steps, and the last state."""

    def sample(state, k):
        def step(i, state):
            return sampler.step(jax.random.fold_in(key, i), state, conditions, model)

        begin = first + k * stride
        state = jax.lax.fori_loop(begin, begin + stride, step, state)
        return state, sampler.observe(state, conditions, model) | _more(sampler, state, conditions, model)

    return jax.lax.scan(sample, state, jnp.arange(n_samples))


def _more(sampler, state, conditions, model):
    """What `chain` adds to the scalars of the sampler."""
    deformation, (_, by_f) = state.deformation, model.derivatives(state.displacements, state.deformation)
    ideal = (N_ATOMS - 1) * BOLTZMANN * conditions.temperature * jnp.linalg.inv(deformation).T
    volume = VOLUME * jnp.linalg.det(deformation)
    found = {
        "deformation": deformation,
        "volume": volume,
        "stress": (by_f - ideal) @ deformation.T / volume,
        "cell_force": by_f - ideal + conditions.work_gradient(VOLUME, deformation),
    }
    if hasattr(state, "momenta"):
        found["kinetic"] = sampler.hamiltonian.kinetic_energy(state)
    return found
