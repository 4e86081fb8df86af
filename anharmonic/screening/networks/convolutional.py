"""Convolutions over Hirshfeld fingerprints.

After Williams, Mukherjee and Rajan, "Monitoring the role of site chemistry on the formation energy of perovskites via
deep learning analysis of Hirshfeld surfaces", fig. 2: feature layers F, whose maps are flattened, then dense layers G.
The sizes of their layers are in supporting information that was not at hand; those here are chosen for a CPU.
"""

import equinox as eqx
import jax
import jax.numpy as jnp

from anharmonic.screening.networks.layers import Head, Scaling, TwoParts
from anharmonic.screening.networks.naming import ElementNaming

SMALLEST = 8
"""Bins along a side at or below which feature maps are flattened."""
FIRST, REST = 5, 3
"""Bins along the side of the kernels."""


class FeatureLayers(eqx.Module):
    """The feature layers F: convolutions of stride 2 until the maps are at most 8 x 8, flattened.

    Attributes
    ----------
    scaling : Scaling
    convolutions : list of equinox.nn.Conv2d
    size : int
        Features.
    """

    scaling: Scaling
    convolutions: list
    size: int = eqx.field(static=True)

    def __init__(self, images, width=16, kind="root", *, key):
        """Images (n, channels, bins, bins) are those of the training; the first layer has `width` filters."""
        _, channels, side, _ = images.shape
        self.scaling, self.convolutions, filters = Scaling.fit(images, kind), [], channels
        while side > SMALLEST or not self.convolutions:
            key, own = jax.random.split(key)
            kernel = REST if self.convolutions else FIRST
            wider = min(width * 2 ** len(self.convolutions), 4 * width)
            self.convolutions.append(eqx.nn.Conv2d(filters, wider, kernel, 2, kernel // 2, key=own))
            filters, side = wider, (side + 1) // 2
        self.size = filters * side**2

    def __call__(self, image):
        """Features (size,) of an image (channels, bins, bins)."""
        x = self.scaling(image)
        for convolution in self.convolutions:
            x = jax.nn.relu(convolution(x))
        return jnp.ravel(x)


class FingerprintNetwork(TwoParts):
    """Properties from fingerprints of one channel (`fingerprint`) or of three, A, B and X (`profile.channels`)."""

    def __init__(self, images, outputs=1, named=0, width=16, hidden=256, kind="root", *, key):
        """Images (n, channels, bins, bins) are those of the training; `named` sites (0: none) are named on the way."""
        keys = jax.random.split(key, 4)
        self.features = FeatureLayers(images, width, kind, key=keys[0])
        self.naming = _Naming(self.features.size, named, hidden, key=keys[1]) if named else None
        self.head = Head(self.naming.size if named else self.features.size, outputs, hidden, key=keys[2])


class _Naming(eqx.Module):
    """A dense layer, then the names."""

    first: eqx.nn.Linear
    naming: ElementNaming

    def __init__(self, inputs, named, width, *, key):
        keys = jax.random.split(key)
        self.first = eqx.nn.Linear(inputs, width, key=keys[0])
        self.naming = ElementNaming(width, named, key=keys[1])

    @property
    def size(self):
        return self.naming.size

    def __call__(self, x):
        return self.naming(jax.nn.gelu(self.first(x)))
