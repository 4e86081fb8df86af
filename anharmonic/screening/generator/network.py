"""The target-learning variational autoencoder: images to a latent space that knows formation energies, and back.

After Chenebuah, Nganbe and Tchagang (2023), section 2.2 and fig. 2: Conv2D layers and a dense one to mean and variance
of 256 latent numbers; two heads on these, one for the formation energy and one for stability; and a decoder of a dense
layer and transposed convolutions. Other than there, layers are normalised by crystal (group norm) and not by batch, so
that what a crystal becomes does not depend on its company, dense layers have the leaky ReLU of the others and no
sigmoid, and numbers leave the decoder in units of their spread, without bounds. The head for stability does not decide
anew what the energy has decided: it gives the width of the doubt.
"""

from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.errors import AnharmonicError
from anharmonic.screening.generator.layout import SHAPE, image, part_masks
from anharmonic.screening.networks.layers import Scaling

STABLE = -1.5
"""eV/atom: formation energy at or below which a compound counts as stable."""
SLOPE = 0.2
"""Of the leaky ReLU below 0."""
NARROWEST, WIDEST = -12.0, 4.0
"""Bounds of the logarithm of a latent variance."""
SUREST = 0.02
"""eV/atom: narrowest width over which the classifier goes from stable to not."""


@dataclass(frozen=True)
class Sizes:
    """Layers of the network.

    Attributes
    ----------
    filters, kernels, strides : tuple of int
        Of the convolutions; those of the decoder are their mirror image.
    decoder_filters : tuple of int
        Of the transposed convolutions but the last, which has three.
    dense : int
        Width of the dense layers on both sides of the latent space.
    latent : int
    regressor, classifier : tuple of int
        Widths of the hidden layers of the heads.
    norm : bool
        Whether there are group norms.
    """

    filters: tuple = (48, 32)
    kernels: tuple = (4, 3)
    strides: tuple = (4, 1)
    decoder_filters: tuple = (48,)
    dense: int = 256
    latent: int = 256
    regressor: tuple = (64, 32)
    classifier: tuple = (64, 32)
    norm: bool = False

    def __post_init__(self):
        number, steps = len(self.filters), int(np.prod(self.strides))
        if not number or {len(self.kernels), len(self.strides), len(self.decoder_filters) + 1} != {number}:
            raise AnharmonicError(f"as many kernels, strides and filters as convolutions are expected; found {self}")
        if SHAPE[0] % steps or SHAPE[1] % steps:
            raise AnharmonicError(f"the strides multiply to a divisor of 60 and of 88; found {steps}")

    @property
    def grid(self):
        """Shape (filters, height, width) of the smallest maps."""
        steps = int(np.prod(self.strides))
        return self.filters[-1], SHAPE[0] // steps, SHAPE[1] // steps


PRESETS = {
    "default": Sizes(),
    "published": Sizes(
        (32, 64, 64), (3, 3, 5), (1, 2, 2), (64, 64), 1024, 256, (256, 128, 64, 32), (128, 64, 32), norm=True
    ),
}
"""`default` is for two cores, `published` for a GPU."""


class Encoder(eqx.Module):
    """Mean and logarithm of the variance of the latent numbers, from a scaled image (3, 60, 88)."""

    convolutions: list
    norms: list
    dense: eqx.nn.Linear
    mean: eqx.nn.Linear
    log_variance: eqx.nn.Linear

    def __init__(self, sizes, *, key):
        *keys, first, second, third = jax.random.split(key, len(sizes.filters) + 3)
        inputs = (SHAPE[2], *sizes.filters[:-1])
        layers = zip(inputs, sizes.filters, sizes.kernels, sizes.strides, keys, strict=True)
        self.convolutions = [
            eqx.nn.Conv2d(a, b, kernel, stride, _padding(kernel, stride), key=k) for a, b, kernel, stride, k in layers
        ]
        self.norms = [eqx.nn.GroupNorm(1, b) if sizes.norm else None for b in sizes.filters]
        self.dense = eqx.nn.Linear(int(np.prod(sizes.grid)), sizes.dense, key=first)
        self.mean = eqx.nn.Linear(sizes.dense, sizes.latent, key=second)
        self.log_variance = eqx.nn.Linear(sizes.dense, sizes.latent, key=third)

    def __call__(self, x):
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = jax.nn.leaky_relu(convolution(x), SLOPE)
            x = x if norm is None else norm(x)
        x = jax.nn.leaky_relu(self.dense(x.ravel()), SLOPE)
        return self.mean(x), jnp.clip(self.log_variance(x), NARROWEST, WIDEST)


class Decoder(eqx.Module):
    """A scaled image (3, 60, 88) from latent numbers."""

    dense: list
    norms: list
    convolutions: list
    grid: tuple = eqx.field(static=True)

    def __init__(self, sizes, *, key):
        first, second, *keys = jax.random.split(key, len(sizes.filters) + 2)
        self.grid = sizes.grid
        self.dense = [
            eqx.nn.Linear(sizes.latent, sizes.dense, key=first),
            eqx.nn.Linear(sizes.dense, int(np.prod(self.grid)), key=second),
        ]
        filters = (self.grid[0], *sizes.decoder_filters, SHAPE[2])
        self.norms = [eqx.nn.GroupNorm(1, b) if sizes.norm else None for b in filters[:-1]]
        layers = zip(filters, filters[1:], sizes.kernels[::-1], sizes.strides[::-1], keys, strict=False)
        self.convolutions = [
            eqx.nn.ConvTranspose2d(a, b, kernel, stride, **_transposed(kernel, stride), key=k)
            for a, b, kernel, stride, k in layers
        ]

    def __call__(self, z):
        for layer in self.dense:
            z = jax.nn.leaky_relu(layer(z), SLOPE)
        x = z.reshape(self.grid)
        for number, (norm, convolution) in enumerate(zip(self.norms, self.convolutions, strict=True)):
            x = x if norm is None else norm(x)
            x = convolution(x)
            x = jax.nn.leaky_relu(x, SLOPE) if number + 1 < len(self.convolutions) else x
        return x


class Perceptron(eqx.Module):
    """A head: one number from latent numbers."""

    layers: list

    def __init__(self, inputs, widths, *, key):
        sizes, keys = (inputs, *widths, 1), jax.random.split(key, len(widths) + 1)
        self.layers = [eqx.nn.Linear(a, b, key=k) for a, b, k in zip(sizes, sizes[1:], keys, strict=False)]

    def __call__(self, z):
        for layer in self.layers[:-1]:
            z = jax.nn.leaky_relu(layer(z), SLOPE)
        return self.layers[-1](z)[0]


class TargetLearningVAE(eqx.Module):
    """The network.

    Attributes
    ----------
    scaling : Scaling
        Of images: their mean, and one spread for each part of the descriptor.
    energies : Scaling
        Of formation energies.
    encoder, decoder, regressor, classifier : equinox.Module
    """

    scaling: Scaling
    energies: Scaling
    encoder: Encoder
    decoder: Decoder
    regressor: Perceptron
    classifier: Perceptron

    def __init__(self, images, energies, sizes=None, *, key):
        """Images (n, 60, 88, 3) and formation energies (n,), eV/atom, are those of the training, no others."""
        sizes, keys = sizes or Sizes(), jax.random.split(key, 4)
        self.scaling = scaling_of(images)
        self.energies = Scaling.fit(np.asarray(energies))
        self.encoder = Encoder(sizes, key=keys[0])
        self.decoder = Decoder(sizes, key=keys[1])
        self.regressor = Perceptron(sizes.latent, sizes.regressor, key=keys[2])
        self.classifier = Perceptron(sizes.latent, sizes.classifier, key=keys[3])

    def encode(self, image):
        """Mean and logarithm of the variance (latent,) of an image (60, 88, 3) in physical units."""
        return self.encoder(jnp.moveaxis(self.scaling(image), -1, 0))

    def decode(self, z):
        """An image (60, 88, 3) in physical units, of latent numbers."""
        return self.scaling.shift + self.scaling.scale * jnp.moveaxis(self.decoder(z), 0, -1)

    def energy(self, z):
        """Formation energy (eV/atom) of latent numbers."""
        return self.energies.shift + self.energies.scale * self.regressor(z)

    def stable(self, z):
        """Logit of being stable: how far below `STABLE` the energy is, in units of a width that the classifier gives.

        Being stable is a threshold on the energy. What the head adds is how sure that is; of the energy itself it
        learns nothing.
        """
        below = STABLE - jax.lax.stop_gradient(self.energy(z))
        return below / (SUREST + jax.nn.softplus(self.classifier(z)))


def scaling_of(images):
    """The scaling of images: their mean, and the root mean square spread of each part of the descriptor."""
    images = np.asarray(images, np.float32)
    mean, spread, scale = images.mean(axis=0), images.std(axis=0), np.ones(SHAPE, np.float32)
    for mask in part_masks().values():
        own = image(mask)
        scale[own] = max(np.sqrt((spread[own] ** 2).mean()), 1e-6)
    return Scaling(jnp.asarray(mean), jnp.asarray(scale), "standard")


def _padding(kernel, stride):
    """Zeros on both sides of each axis, so that the size is divided by the stride."""
    rest = kernel - stride
    return ((rest // 2, rest - rest // 2),) * 2


def _transposed(kernel, stride):
    """Options of the transposed convolution that multiplies the size by the stride."""
    rest = kernel - stride
    return {"padding": ((rest // 2, rest - rest // 2),) * 2}
