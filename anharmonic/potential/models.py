"""The energy models: polynomial expansion, cluster nets, site nets."""

from itertools import pairwise

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.potential.walls import WalledTerm, unwalled

MODELS = ("polynomial", "cluster", "site")


class Expansion(eqx.Module):
    """Linear function of standardised invariants, ``sum V_m phi_m`` (eq. 2)."""

    weights: jax.Array
    scales: jax.Array

    @classmethod
    def init(cls, scales):
        """Zero weights; `scales` (n_features,) divide the features."""
        return cls(np.zeros(len(scales)), np.array(scales))

    def __call__(self, features):
        """Energy (...) in eV of features (n_features, ...)."""
        return jnp.tensordot((self.weights / self.scales).astype(features.dtype), features, 1)


class Network(eqx.Module):
    """Expansion plus a tanh network (eq. 17), zero at the reference whatever its weights.

    Attributes
    ----------
    linear : Expansion
        The linear part: the network corrects the expansion and contains it.
    weights, biases : tuple of array
        Layers, the last one without bias.
    """

    linear: Expansion
    weights: tuple
    biases: tuple

    @classmethod
    def init(cls, scales, hidden, key):
        """Random network of `hidden` layer widths over features standardised by `scales`."""
        widths = (len(scales), *hidden, 1)
        keys = jax.random.split(key, len(widths))
        weights = [
            np.asarray(jax.random.normal(k, (n_out, n_in))) / np.sqrt(n_in)
            for k, (n_in, n_out) in zip(keys, pairwise(widths), strict=False)
        ]
        weights[-1] = 0.01 * weights[-1]
        biases = [np.linspace(-1, 1, n) if n > 1 else np.zeros(1) for n in hidden]
        return cls(Expansion.init(scales), tuple(w.astype(float) for w in weights), tuple(biases))

    def __call__(self, features):
        """Energy (...) in eV of features (n_features, ...)."""
        last = self.weights[-1].astype(features.dtype)
        return self.linear(features) + jnp.tensordot(last, self.hidden(features), 1)[0]

    def hidden(self, features):
        """Last hidden layer (n_units, ...) of features (n_features, ...), less its value at the reference."""
        scales = self.linear.scales.astype(features.dtype)
        x = features / scales.reshape(-1, *[1] * (features.ndim - 1))
        return self._layers(x) - self._layers(jnp.zeros_like(x, shape=(len(scales), *[1] * (x.ndim - 1))))

    def _layers(self, x):
        for weight, bias in zip(self.weights[:-1], self.biases, strict=True):
            bias = bias.reshape(-1, *[1] * (x.ndim - 1)).astype(x.dtype)
            x = jnp.tanh(jnp.tensordot(weight.astype(x.dtype), x, 1) + bias)
        return x


class ClusterModel(eqx.Module):
    """``E = sum over clusters`` of one function per orbit: eq. 12 with eq. 2 or eq. 13."""

    terms: tuple

    def walled(self, walls):
        """The same model with a wall (or None) for each orbit."""
        return ClusterModel(tuple(t if w is None else WalledTerm(t, w) for t, w in zip(self.terms, walls, strict=True)))

    def bare(self):
        """The same model without walls."""
        return ClusterModel(tuple(unwalled(term)[0] for term in self.terms))

    def parts(self, features, topology, translations):
        """Energies of all clusters, one array (n_clusters, n_cells) per orbit."""
        return [term(phi) for term, phi in zip(self.terms, features, strict=True)]

    def site_energies(self, features, topology, translations):
        """Energies (n_sites, n_cells): each cluster's is shared equally by its sites (eq. 14)."""
        parts = self.parts(features, topology, translations)
        return sum(_shares(topology.sites, parts, translations))


class SiteModel(eqx.Module):
    """``E = sum over sites`` of one function per class of equivalent sites (eqs. 15, 16)."""

    terms: tuple
    walls: tuple
    classes: tuple = eqx.field(static=True)

    def walled(self, walls):
        """The same model with a wall (or None) for each orbit."""
        return SiteModel(self.terms, tuple(walls), self.classes)

    def bare(self):
        """The same model without walls."""
        return self.walled([None] * len(self.walls))

    def parts(self, features, topology, translations):
        """Energies of all sites, one array (n_sites of the class, n_cells) per class, then those of walls."""
        descriptor = site_descriptor(features, topology, translations)
        sites = [term(descriptor[:, np.array(sites)]) for term, sites in zip(self.terms, self.classes, strict=True)]
        return sites + [wall(phi) for wall, phi in zip(self.walls, features, strict=True) if wall is not None]

    def site_energies(self, features, topology, translations):
        """Energies (n_sites, n_cells); each wall's is shared equally by the sites of its cluster."""
        order = np.argsort([s for sites in self.classes for s in sites])
        parts = self.parts(features, topology, translations)
        walled, n_classes = [k for k, wall in enumerate(self.walls) if wall is not None], len(self.classes)
        shared = _shares([topology.sites[k] for k in walled], parts[n_classes:], translations)
        return jnp.concatenate(parts[:n_classes])[order] + sum(shared)


def site_descriptor(features, topology, translations):
    """Site-centric correlation functions g (n_features, n_sites, n_cells), eq. 15."""
    return jnp.concatenate(_shares(topology.sites, features, translations))


def _shares(stencils, values, translations):
    """By orbit, the sites' equal shares (..., n_sites, n_cells) of values (..., n_clusters, n_cells) of clusters."""
    return [s(x, translations) / s.backward.row.shape[1] for s, x in zip(stencils, values, strict=True)]
