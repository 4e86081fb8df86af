"""The covariance of formation energies: what equal or similar elements, sites and surfaces have in common."""

from dataclasses import dataclass
from itertools import combinations

import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.screening.elements import PROPERTIES, element_table, valence_electrons

SITES = 3


@dataclass(frozen=True)
class Kernel:
    """A sum over all products of the factors A, B, X, and the surfaces: main effects and interactions of every order.

    The factor of a site is (1 - s) exp(-|f - f'|^2 / 2) + s [same element], f the properties of its element, each
    divided by its length; that of the surfaces is exp(-|g - g'|^2 / 2), g their shapes likewise. Such analyses of
    variance: Stitson et al., in Advances in Kernel Methods (MIT Press, 1999), p. 285; additive Gaussian processes:
    Duvenaud, Nickisch and Rasmussen, NIPS 24, 226 (2011). The logarithms of all scales are the parameters.

    Attributes
    ----------
    lengths : array, shape (3, n_properties)
        Logarithms of the inverse lengths of the element properties, for A, B and X.
    shape_lengths : array, shape (n_shapes,)
        The same for the shapes; of length 0 if surfaces are not used.
    own : array, shape (3,)
        Logits of the shares s.
    weights : array, shape (n_products + 1,)
        Logarithms of the variances of the products (`products`), and of the mean.
    """

    lengths: np.ndarray
    shape_lengths: np.ndarray
    own: np.ndarray
    weights: np.ndarray

    @classmethod
    def initial(cls, n_shapes):
        """Before anything is learnt: interactions small, the more so the higher their order."""
        n_factors = SITES + bool(n_shapes)
        weights = [{1: 0.0, 2: -2.0, 3: -4.0, 4: -5.0}[len(product)] for product in products(n_factors)]
        return cls(
            np.full((SITES, element_features().shape[1]), -1.0), np.full(n_shapes, -1.5), np.full(SITES, -3.0),
            np.array([*weights, 0.0]),
        )  # fmt: skip

    @property
    def variance(self):
        """Of any compound's energy, eV^2."""
        return float(np.exp(np.asarray(self.weights, float)).sum())

    def __call__(self, left, right):
        """Covariances (n, m) of the energies of compounds (sites (n, 3), scaled shapes (n, n_shapes)), eV^2."""
        factors = [self._site(k, left[0], right[0]) for k in range(SITES)]
        if len(self.shape_lengths):
            scale = jnp.exp(self.shape_lengths)
            factors.append(_gaussian(left[1] * scale, right[1] * scale))
        total = jnp.exp(self.weights[-1])
        for weight, product in zip(self.weights, products(len(factors)), strict=False):
            term = jnp.exp(weight)
            for k in product:
                term = term * factors[k]
            total = total + term
        return total

    def _site(self, k, left, right):
        """The factor (n, m) of a site, from that of all pairs of elements."""
        features = jnp.asarray(element_features()) * jnp.exp(self.lengths[k])
        share = jax.nn.sigmoid(self.own[k])
        pairs = (1 - share) * _gaussian(features, features) + share * jnp.eye(len(features))
        return pairs[left[:, k][:, None], right[:, k]]


jax.tree_util.register_dataclass(Kernel, ("lengths", "shape_lengths", "own", "weights"), ())


def products(n_factors):
    """Every choice of one factor or more."""
    return [c for n in range(1, n_factors + 1) for c in combinations(range(n_factors), n)]


def element_features():
    """Properties (104, n) of the elements, standardised over H to Lr: `elements.PROPERTIES` and valence electrons."""
    table, electrons = element_table(), valence_electrons()
    found = np.column_stack([*(table[name] for name in PROPERTIES), electrons, electrons.sum(axis=1)])[1:]
    standard = (found - found.mean(axis=0)) / found.std(axis=0)
    return np.concatenate([np.zeros((1, standard.shape[1])), standard])


def _gaussian(left, right):
    """exp(-d^2 / 2) (n, m) of rows."""
    squared = (left**2).sum(1)[:, None] + (right**2).sum(1) - 2 * left @ right.T
    return jnp.exp(-jnp.maximum(squared, 0) / 2)
