"""Which elements a fingerprint belongs to; the network on profiles of the surfaces, which asks that first."""

import equinox as eqx
import jax

from anharmonic.screening.entries import HEAVIEST
from anharmonic.screening.networks.layers import Dense, Head, Scaling, TwoParts

ELEMENTS = HEAVIEST + 1
"""Classes: atomic numbers, of which 0 is not used."""


class ElementNaming(eqx.Module):
    """A linear layer for each site that is to be named.

    Attributes
    ----------
    sites : list of equinox.nn.Linear
    """

    sites: list

    def __init__(self, inputs, named, *, key):
        self.sites = [eqx.nn.Linear(inputs, ELEMENTS, key=k) for k in jax.random.split(key, named)]

    @property
    def size(self):
        """Probabilities of all sites together."""
        return len(self.sites) * ELEMENTS

    def __call__(self, x):
        """Logits (named, 104) by atomic number, from features (inputs,)."""
        return jax.numpy.stack([site(x) for site in self.sites])


class ProfileLayers(eqx.Module):
    """Features of the profiles of the surfaces: dense layers with a bypass.

    Attributes
    ----------
    scaling : Scaling
    dense : Dense
    size : int
        Features.
    """

    scaling: Scaling
    dense: Dense
    size: int = eqx.field(static=True)

    def __init__(self, profiles, width=512, depth=3, *, key):
        self.scaling = Scaling.fit(profiles)
        self.dense = Dense(profiles[0].size, width, depth, key=key)
        self.size = width

    def __call__(self, x):
        """Features (size,) of profiles (3, 54), `hirshfeld.profile`."""
        return self.dense(self.scaling(x).ravel())


class ProfileNetwork(TwoParts):
    """Properties from the profiles of the surfaces around A, B and X.

    Not in a paper: where a histogram forgets the place of a point in its bin, quantiles keep it.
    """

    def __init__(self, profiles, outputs=1, named=2, width=512, depth=3, hidden=256, *, key):
        """Profiles (n, 3, 54) are those of the training; `named` sites (0: none) are named on the way, A first."""
        keys = jax.random.split(key, 3)
        self.features = ProfileLayers(profiles, width, depth, key=keys[0])
        self.naming = ElementNaming(width, named, key=keys[1]) if named else None
        self.head = Head(self.naming.size if named else width, outputs, hidden, key=keys[2])
