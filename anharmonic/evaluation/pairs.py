"""Functions of one pair: everything that a model does to a pair orbit, as a function of its metric."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.evaluation.tables import NetTable, horner, per_row
from anharmonic.potential.models import Network
from anharmonic.potential.walls import unwalled


class PairFunctions(eqx.Module):
    """Energies of many pairs as functions of their deformation metric f, one function per row.

    ``psi(f) = sum_d c_d f^d + wall(f) + net(f)``.

    Attributes
    ----------
    coefficients : array, shape (degree, n_rows)
        c_d for d = 1, 2, ...; networks contribute their linear part.
    lower, upper, stiffness : array, shape (n_rows,)
        Walls; stiffness zero where there is none.
    net : PairNets, NetTable or None
        What networks add to the polynomial.
    """

    coefficients: jax.Array
    lower: jax.Array
    upper: jax.Array
    stiffness: jax.Array
    net: eqx.Module | None

    @classmethod
    def of_terms(cls, terms, features, counts, ranges=None):
        """From the terms and `OrbitFeatures` of pair orbits of `counts` clusters each.

        Parameters
        ----------
        terms : sequence of Expansion, Network or WalledTerm
        features : sequence of OrbitFeatures
        counts : sequence of int
        ranges : ndarray, shape (n_orbits, 2), optional
            Ranges of f on which nets may be tabulated: for float32, where tables are as good.
        """
        split = [unwalled(term) for term in terms]
        powers = [_powers(orbit) for orbit in features]
        polynomials = [_polynomial(term, power) for (term, _), power in zip(split, powers, strict=True)]
        degree = max(map(len, polynomials))
        walls = np.stack([_limits(wall, power) for (_, wall), power in zip(split, powers, strict=True)], axis=-1)
        coefficients = np.stack([np.pad(p, (0, degree - len(p))) for p in polynomials], axis=-1)
        net = None
        if isinstance(split[0][0], Network):
            nets = PairNets.of_terms([term for term, _ in split], powers, degree)
            table = None if ranges is None else NetTable.of_nets(nets, *ranges.T, counts)
            net = nets.repeated(counts) if table is None else table
        return cls(np.repeat(coefficients, counts, axis=-1), *np.repeat(walls, counts, axis=-1), net)

    def of_rows(self, rows):
        """The functions of some rows, in the given order."""
        return jax.tree.map(lambda x: x if x is None else x[..., rows], self, is_leaf=lambda x: isinstance(x, NetTable))

    def __call__(self, f):
        """psi (eV) of metrics f, both (n_rows, ...)."""
        total = f * horner(self.coefficients, f) + per_row(self.stiffness, f) * self._beyond(f) ** 2
        return total if self.net is None else total + self.net(f)

    def derivative(self, f):
        """d psi / d f (eV) of metrics f, both (n_rows, ...)."""
        degrees = np.arange(1, len(self.coefficients) + 1, dtype=self.coefficients.dtype)
        total = horner(degrees[:, None] * self.coefficients, f) + 2 * per_row(self.stiffness, f) * self._beyond(f)
        return total if self.net is None else total + self.net.derivative(f)

    def with_derivative(self, metrics):
        """psi, and its derivative in a list, of metrics (1, n_rows, ...) of clusters that are pairs."""
        return self(metrics[0]), [self.derivative(metrics[0])]

    def _beyond(self, f):
        """How far f is outside the walls, negative below."""
        return jnp.maximum(f - per_row(self.upper, f), 0.0) + jnp.minimum(f - per_row(self.lower, f), 0.0)


class PairNets(eqx.Module):
    """Tanh networks of one number, one per row, without their value at zero.

    Attributes
    ----------
    layers : tuple of (array (n_out, n_in, n_rows), array (n_out, n_rows))
        Weights and biases, for inputs f, f^2, ...
    output : array, shape (n_hidden, n_rows)
        Weights of the last layer (eV).
    """

    layers: tuple
    output: jax.Array

    @classmethod
    def of_terms(cls, terms, powers, degree):
        """From networks over the invariants ``powers @ (f, f^2, ...)`` of each pair."""
        first = [
            np.pad((t.weights[0] / t.linear.scales) @ p, ((0, 0), (0, degree - p.shape[1])))
            for t, p in zip(terms, powers, strict=True)
        ]
        weights = [(w, *t.weights[1:-1]) for w, t in zip(first, terms, strict=True)]
        layers = [tuple(zip(w, t.biases, strict=True)) for w, t in zip(weights, terms, strict=True)]
        output = [np.asarray(t.weights[-1][0]) for t in terms]
        return cls(*jax.tree.map(lambda *leaves: np.stack(leaves, axis=-1), *zip(layers, output, strict=True)))

    def repeated(self, counts):
        """One row for each of the `counts` clusters of each orbit."""
        return jax.tree.map(lambda x: np.repeat(x, counts, axis=-1), self)

    def __call__(self, f):
        """Energies (eV) of metrics f, both (n_rows, ...)."""
        return self._forward(f) - self._forward(jnp.zeros_like(f))

    def derivative(self, f):
        """Derivatives (eV) of the energies."""
        return jax.jvp(self._forward, (f,), (jnp.ones_like(f),))[1]

    def _forward(self, f):
        x = [f]
        for _ in range(self.layers[0][0].shape[1] - 1):
            x.append(x[-1] * f)
        for weights, biases in self.layers:
            x = [
                jnp.tanh(sum(per_row(w, a) * a for w, a in zip(row, x, strict=True)) + per_row(b, f))
                for row, b in zip(weights, biases, strict=True)
            ]
        return sum(per_row(w, a) * a for w, a in zip(self.output, x, strict=True))


def _powers(orbit):
    """Matrix (n_invariants, degree) that takes f, f^2, ... to the invariants of a pair orbit."""
    exponents = np.array([len(v) for v in orbit.monomials.variables])
    matrix = np.zeros((orbit.coefficients.shape[0], exponents.max()))
    matrix[:, exponents - 1] = orbit.coefficients * float(orbit.ccd[0, 0]) ** exponents
    return matrix


def _limits(wall, powers):
    """``(lower, upper, stiffness)`` of a wall in f; its own limits are those of the first invariant, f or -f."""
    if wall is None:
        return np.array([-np.inf, np.inf, 0.0])
    return np.array([*sorted(powers[0, 0] * np.array([wall.lower, wall.upper], float)), wall.stiffness])


def _polynomial(term, powers):
    """c_1, c_2, ... of an expansion, or of the linear part of a net."""
    linear = term.linear if isinstance(term, Network) else term
    return (linear.weights / linear.scales) @ powers
