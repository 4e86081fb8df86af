"""What all moves share: the configuration, its weight in the ensemble, proposals, and the rule of acceptance.

Metropolis, Rosenbluth, Rosenbluth, Teller and Teller, J. Chem. Phys. 21, 1087 (1953).
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.conventions import BOLTZMANN
from anharmonic.errors import AnharmonicError
from anharmonic.sampling.noise import normal, uniform

PROPOSALS = ("normal", "uniform")


class Microstate(eqx.Module):
    """What a move changes.

    Attributes
    ----------
    displacements : array, shape (n_sites, 3, n_cells)
        u (A).
    deformation : array, shape (3, 3)
        F.
    energy : array
        U (eV): the model's own, of this u and F. Sums of changes would drift in float32.
    """

    displacements: jax.Array
    deformation: jax.Array
    energy: jax.Array


def exponent(before, after, volume, conditions):
    """Minus the logarithm of the ratio of weights, ``(dU + dW) / kT - (N - 1) log(V' / V)``.

    Displacements count in u, as fractions of the cell, and the centre of mass does not count: N atoms
    have the measure V^(N-1) (Frenkel and Smit, Understanding Molecular Simulation, 2002, section 5.4).

    Parameters
    ----------
    before, after : Microstate
    volume : array
        Of the undeformed supercell (A^3).
    conditions : Conditions
    """
    n_atoms = before.displacements.size // 3
    work = conditions.work(volume, after.deformation) - conditions.work(volume, before.deformation)
    old, new = jnp.linalg.det(before.deformation), jnp.linalg.det(after.deformation)
    weight = (n_atoms - 1) * jnp.log(jnp.where(new > 0, new, old) / old)
    change = (after.energy - before.energy + work) / (BOLTZMANN * conditions.temperature)
    return jnp.where(new > 0, change - weight, jnp.inf)


def thresholds(key, shape, dtype, blocks=None):
    """-log of uniform numbers: accepting what is smaller accepts x with probability min(1, exp(-x))."""
    return -jnp.log(uniform(key, shape, dtype, blocks))


def decide(key, before, after, exponent):
    """``(configuration, probability)``: `after` with probability min(1, exp(-exponent)), else `before`.

    What is not a number is refused.
    """
    accepted = exponent < thresholds(key, (), before.energy.dtype)
    probability = jnp.where(jnp.isnan(exponent), 0.0, jnp.exp(-jnp.maximum(exponent, 0.0)))
    return jax.tree.map(lambda a, b: jnp.where(accepted, a, b), after, before), probability


def unit_steps(proposal, key, shape, dtype, blocks=None):
    """Independent symmetric random numbers of unit variance: ``"normal"``, or ``"uniform"`` on an interval."""
    if proposal == "normal":
        return normal(key, shape, dtype, blocks)
    return np.sqrt(12).astype(dtype) * (uniform(key, shape, dtype, blocks) - 0.5)


def check_proposal(proposal):
    """Refuse a name that is not known."""
    if proposal not in PROPOSALS:
        raise AnharmonicError(f"proposal is one of {', '.join(PROPOSALS)}; found {proposal!r}")
