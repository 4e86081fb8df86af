"""Latent numbers that are moved to where a crystal has what is asked for, by a few steps of Adam.

Minimised, in nats for each crystal, is the sum of

- (E - target)^2 / (2 sigma_E^2), of the energy that the regressor reads from the latent numbers;
- D^2 / (2 sigma_D^2), of the difference D of the decoded crystal from perovskites (`resemblance`): the similarity that
  Chenebuah et al. (2023) check after decoding, and wish inside the pipeline;
- the square of what the elements asked for lack against all others, in units of `MARGIN`;
- r^2 / 2 - (d - 1) log r, the negative logarithm of the density of the length r of d normal numbers: the prior. Its
  value at a point, r^2 / 2, would pull all crystals to the origin, where none is.
"""

from dataclasses import asdict, dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

from anharmonic.screening.generator import layout
from anharmonic.screening.generator.decoding import likenesses
from anharmonic.screening.generator.resemblance import dissimilarity, standard_distances

MARGIN = 0.3
"""By which the likeness of an element that is asked for should exceed those of the others; elements have 2.4 to 3.7."""
TERMS = "energy", "similarity", "elements", "prior"


@dataclass(frozen=True)
class Descent:
    """How far, and towards what.

    Attributes
    ----------
    steps : int
    rate : float
        Of Adam.
    energy : float
        sigma_E, eV/atom.
    similarity : float
        sigma_D, in units of the cube root of the volume per formula unit.
    prior : float
        Weight of the prior.
    """

    steps: int = 30
    rate: float = 0.05
    energy: float = 0.05
    similarity: float = 0.02
    prior: float = 1.0


def descend(model, z, target, allowed, settings=None):
    """Latent numbers that answer to what is asked for.

    Parameters
    ----------
    model : TargetLearningVAE
    z : ndarray, shape (n, latent)
        Where to begin.
    target : float
        Formation energy, eV/atom.
    allowed : ndarray, shape (89, 3), bool
        Of `conditions.allowed_elements`.
    settings : Descent, optional

    Returns
    -------
    z : ndarray, shape (n, latent)
    terms : ndarray, shape (n, 4)
        `TERMS` at the end, nats.
    """
    settings = settings or Descent()
    asked = {"target": target, "allowed": np.asarray(allowed), "standards": standard_distances()}
    asked |= {name: value for name, value in asdict(settings).items() if name != "steps"}
    asked = jax.tree.map(jnp.asarray, asked)
    z = jnp.asarray(z, jnp.float32)
    state = optax.scale_by_adam().init(z)
    for _ in range(settings.steps):
        z, state = _step(model, z, state, asked)
    return np.asarray(z), np.asarray(_terms(model, z, asked))


def terms(model, z, asked):
    """`TERMS` (4,) of latent numbers (latent,)."""
    image = model.decode(z)
    length = jnp.sqrt((z**2).sum() + 1e-12)
    return jnp.stack([
        0.5 * ((model.energy(z) - asked["target"]) / asked["energy"]) ** 2,
        0.5 * (dissimilarity(image, asked["standards"]) / asked["similarity"]) ** 2,
        _lack(image, asked["allowed"]),
        asked["prior"] * (0.5 * length**2 - (len(z) - 1) * jnp.log(length)),
    ])  # fmt: skip


def _lack(image, allowed):
    """By how much elements that are not allowed are too near, summed over the sites."""
    rows = image.reshape(layout.SHAPE[0], -1).T[:, layout.DIRECT]
    found = likenesses(rows[layout.ROWS["elements"]], rows[layout.ROWS["properties"]])
    inside, outside = (jnp.where(mask, found, -jnp.inf).max(axis=0) for mask in (allowed, ~allowed))
    lack = jnp.where(allowed.all(axis=0), 0.0, jnp.maximum(outside - inside + MARGIN, 0.0))
    return 0.5 * ((lack / MARGIN) ** 2).sum()


@eqx.filter_jit
def _step(model, z, state, asked):
    """One step of all; each has its own loss. Loops are outside: within a compiled one convolutions are slow."""
    slopes = jax.vmap(jax.grad(lambda one: terms(model, one, asked).sum()))(z)
    moves, state = optax.scale_by_adam().update(slopes, state)
    return z - asked["rate"] * moves, state


@eqx.filter_jit
def _terms(model, z, asked):
    return jax.vmap(lambda one: terms(model, one, asked))(z)
