"""Polynomials of the pair metrics of small clusters, one per row: expansions of many orbits in one kernel."""

import equinox as eqx
import jax
import numpy as np


class ClusterExpansions(eqx.Module):
    """Energies of clusters of equal size as polynomials of their own pair metrics.

    The collective coordinates of an orbit are linear in the metrics, so its expansion is a polynomial of these;
    in them every cluster is alike, and orbits differ by coefficients only.

    Attributes
    ----------
    coefficients : array, shape (n_monomials, n_clusters)
        eV.
    exponents : tuple of tuple of int
        Of the monomials, shape (n_monomials, n_pairs).
    """

    coefficients: jax.Array
    exponents: tuple = eqx.field(static=True)

    @classmethod
    def of_terms(cls, terms, features, counts):
        """From the `Expansion` and `OrbitFeatures` of orbits of `counts` clusters each."""
        found = [_expanded(t.weights / t.scales, f) for t, f in zip(terms, features, strict=True)]
        exponents = sorted({e for polynomial in found for e in polynomial}, reverse=True) or [
            _unit(0, features[0].ccd.shape[1])
        ]
        columns = np.array([[polynomial.get(e, 0.0) for e in exponents] for polynomial in found]).T
        return cls(np.repeat(columns, counts, axis=1), tuple(exponents))

    def of_rows(self, rows):
        """The polynomials of some clusters, in the given order."""
        return ClusterExpansions(self.coefficients[:, rows], self.exponents)

    def __call__(self, metrics):
        """psi (n_clusters, ...) in eV of metrics (n_pairs, n_clusters, ...)."""
        return _horner(self._terms(metrics), metrics)

    def with_derivative(self, metrics):
        """``(psi, d psi / d metric of each pair)`` in eV; each derivative is a polynomial of its own, in one kernel."""
        terms = self._terms(metrics)
        return _horner(terms, metrics), [_horner(_derivative(terms, k), metrics) for k in range(len(metrics))]

    def _terms(self, metrics):
        shape = (-1, *[1] * (metrics.ndim - 2))
        return {e: c.reshape(shape) for e, c in zip(self.exponents, self.coefficients, strict=True)}


def _derivative(terms, k):
    """A polynomial {exponents: coefficient} differentiated by variable k."""
    return {(*e[:k], e[k] - 1, *e[k + 1 :]): e[k] * c for e, c in terms.items() if e[k]}


def _horner(terms, variables):
    """Value of a polynomial, {exponents: coefficients}, nested by its variables in turn."""
    if len(variables) == 0:
        return terms[()]
    by_power = {}
    for (power, *rest), value in terms.items():
        by_power.setdefault(power, {})[tuple(rest)] = value
    highest = max(by_power)
    total = _horner(by_power[highest], variables[1:])
    for power in range(highest - 1, -1, -1):
        total = total * variables[0]
        if power in by_power:
            total = total + _horner(by_power[power], variables[1:])
    return total


def _expanded(weights, features):
    """{exponents: coefficient} by the pair metrics, of invariants with some weights."""
    n_pairs, total = features.ccd.shape[1], {}
    linear = [{_unit(k, n_pairs): x for k, x in enumerate(row)} for row in np.asarray(features.ccd)]
    coefficients = weights @ features.coefficients
    for k in np.flatnonzero(coefficients):
        coefficient, variables = coefficients[k], features.monomials.variables[k]
        product = {(0,) * n_pairs: coefficient}
        for variable in variables:
            product = _product(product, linear[variable])
        for exponents, value in product.items():
            total[exponents] = total.get(exponents, 0.0) + value
    return total


def _product(one, other):
    found = {}
    for a, x in one.items():
        for b, y in other.items():
            key = tuple(i + j for i, j in zip(a, b, strict=True))
            found[key] = found.get(key, 0.0) + x * y
    return found


def _unit(k, n):
    return tuple(int(i == k) for i in range(n))
