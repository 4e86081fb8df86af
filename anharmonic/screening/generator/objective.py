"""What the generator minimises: eq. 3 of Chenebuah, Nganbe and Tchagang (2023), in nats for each crystal.

    loss = sum over the entries (x - x')^2 / (2 sigma^2) + beta KL + (E - E')^2 / (2 sigma_E^2) + w cross entropy

The mean squared error of eq. 3 has to be weighed against the Kullback-Leibler divergence. Here each part of the
descriptor has a standard deviation sigma in its own unit, with which the first term is the negative logarithm of a
normal likelihood, and the first two with beta = 1 are the bound that a variational autoencoder maximises. In the public
code of the paper the first exceeds the second 10^5 times, and the latent space has no shape of its own.

Beta rises from 0 over the first share of the training (`warm_up`), so that the latent numbers are taken up before they
cost; and each has some nats free (Kingma et al., arXiv:1606.04934), so that none is dropped: the mean divergence of a
number over a batch counts `free` where it is less.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import optax

from anharmonic.screening.generator.layout import SHAPE, image, part_masks
from anharmonic.screening.generator.network import STABLE

NOISE = {
    "elements": 0.03, "sites": 0.1, "lattice": 0.1, "angles": 1.0, "coordinates": 0.03, "count": 0.1, "properties": 0.1,
    "vectors": 0.1, "lengths": 0.2, "distances": 0.3, "sums": 0.5,
}  # fmt: skip
"""Sigma of each part: lattice and distances in A, angles in degrees, vectors and lengths in 1/A."""
ALIVE = 0.1
"""Nats from which on a latent number counts as used."""
TERMS = "loss", "reconstruction", "KL", "used", "regression", "classification"
ERRORS = "loss", "reconstruction", "KL", "used", "energy MAE", "misclassified"
"""Columns of the curve: terms of the training, with noise in the latent space; errors on what is held out, without."""


@dataclass(frozen=True)
class Weights:
    """Weights of the loss.

    Attributes
    ----------
    beta : float
        Of the divergence, at the end of the warm-up.
    warm_up : float
        Share of the training over which it rises.
    free : float
        Nats of each latent number that cost nothing.
    energy : float
        Sigma of formation energies, eV/atom.
    stability : float
        Of the cross entropy.
    """

    beta: float = 1.0
    warm_up: float = 0.2
    free: float = 0.05
    energy: float = 0.1
    stability: float = 10.0

    def arrays(self):
        """As arguments of a compiled loss."""
        precision = np.zeros(SHAPE, np.float32)
        for name, mask in part_masks().items():
            precision[image(mask)] = 0.5 / NOISE[name] ** 2
        names = ("beta", "warm_up", "free", "energy", "stability")
        return {"precision": jnp.asarray(precision)} | {name: jnp.asarray(getattr(self, name)) for name in names}


def divergences(mean, log_variance):
    """Kullback-Leibler divergence of each latent number from a standard normal one, nats; shape as given."""
    return 0.5 * (mean**2 + jnp.exp(log_variance) - 1 - log_variance)


def loss(model, batch, weights, key, share):
    """Loss and `TERMS` of a batch of images (n, 60, 88, 3) and energies (n,); `share` of the training is done."""
    images, energies = batch
    mean, log_variance = jax.vmap(model.encode)(images)
    z = mean + jnp.exp(0.5 * log_variance) * jax.random.normal(key, mean.shape)  # eq. 2
    each = divergences(mean, log_variance).mean(axis=0)
    beta = weights["beta"] * jnp.minimum(share / jnp.maximum(weights["warm_up"], 1e-6), 1.0)
    error, regression, classification = _errors(model, z, images, energies, weights)
    total = error + beta * jnp.maximum(each, weights["free"]).sum() + regression + classification
    return total, jnp.stack([total, error, each.sum(), (each > ALIVE).sum(), regression, classification])


def errors(model, images, energies, weights):
    """`ERRORS` of images, at the mean of their latent numbers and with the whole beta; and divergences (latent,)."""
    mean, log_variance = jax.vmap(model.encode)(images)
    each = divergences(mean, log_variance).mean(axis=0)
    error, regression, classification = _errors(model, mean, images, energies, weights)
    total = error + weights["beta"] * jnp.maximum(each, weights["free"]).sum() + regression + classification
    mae = abs(jax.vmap(model.energy)(mean) - energies).mean()
    wrong = ((jax.vmap(model.stable)(mean) > 0) != (energies <= STABLE)).mean()
    return jnp.stack([total, error, each.sum(), (each > ALIVE).sum(), mae, wrong]), each


def _errors(model, z, images, energies, weights):
    """Means over a batch of reconstruction, regression and classification, nats."""
    found = jax.vmap(model.decode)(z)
    error = (weights["precision"] * (found - images) ** 2).sum(axis=(1, 2, 3)).mean()
    regression = 0.5 * (((jax.vmap(model.energy)(z) - energies) / weights["energy"]) ** 2).mean()
    wrong = optax.sigmoid_binary_cross_entropy(jax.vmap(model.stable)(z), energies <= STABLE)
    return error, regression, weights["stability"] * wrong.mean()
