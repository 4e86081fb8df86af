"""Monomials of many coordinates by tables: each is one of lower degree times a coordinate.

The tables are arguments of compiled functions, so that thousands of monomials cost no
compile time, and the transpose of a look-up is a sum of look-ups or a matrix product: no scatter.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

FEW_USES = 8
"""Rows that are used so often at most are summed one by one; others by a matrix product."""


class Take(eqx.Module):
    """Rows of a field by a table, differentiable in reverse without a scatter.

    Attributes
    ----------
    index : array, shape (n_out,), int32
    users : array, shape (n_uses, n_in), int32, or None
        For each input row, the output rows that are copies of it; n_out where there are fewer.
    ones : array, shape (n_in, n_out), or None
        1 where an output row is that input row: for inputs of many uses.
    """

    index: jax.Array
    users: jax.Array | None
    ones: jax.Array | None

    @classmethod
    def of(cls, index, n_in):
        """Table `index` into `n_in` rows."""
        index = np.asarray(index, np.int32)
        same = np.arange(n_in)[:, None] == index
        n_uses = int(same.sum(axis=1).max())
        if n_uses > FEW_USES:
            return cls(index, None, same.astype(float))
        users = [np.pad(np.flatnonzero(row), (0, n_uses - row.sum()), constant_values=len(index)) for row in same]
        return cls(index, np.array(users, np.int32).T, None)

    def __call__(self, field):
        """Rows (n_out, length) of a field (n_in, length)."""
        return _take(field, self)


@jax.custom_vjp
def _take(field, table):
    return jnp.take(field, table.index, axis=0, mode="clip")


def _take_forward(field, table):
    return _take(field, table), table


def _take_backward(table, cotangent):
    if table.users is None:
        return table.ones @ cotangent, None
    padded = jnp.pad(cotangent, ((0, 1), (0, 0)))
    return sum(jnp.take(padded, users, axis=0, mode="clip") for users in table.users), None


_take.defvjp(_take_forward, _take_backward)


class Matrix(eqx.Module):
    """A constant matrix with its transpose written out: XLA on CPU multiplies by a stored one twice as fast.

    Attributes
    ----------
    forward, backward : array, shape (n_out, n_in), (n_in, n_out)
    """

    forward: jax.Array
    backward: jax.Array

    @classmethod
    def of(cls, matrix):
        """From an array (n_out, n_in)."""
        return cls(np.asarray(matrix), np.ascontiguousarray(np.transpose(matrix)))

    def __call__(self, field):
        """Product (n_out, length) with a field (n_in, length)."""
        return _multiply(field, self)


@jax.custom_vjp
def _multiply(field, matrix):
    return matrix.forward @ field


def _multiply_forward(field, matrix):
    return _multiply(field, matrix), matrix


def _multiply_backward(matrix, cotangent):
    return _multiply(cotangent, Matrix(matrix.backward, matrix.forward)), None


_multiply.defvjp(_multiply_forward, _multiply_backward)


class Ladder(eqx.Module):
    """Monomials of coordinates q, degree after degree.

    Attributes
    ----------
    steps : tuple of (Take, Take)
        For degree 2, 3, ...: the monomial of one degree less and the coordinate whose product each is.
    """

    steps: tuple

    @classmethod
    def of_exponents(cls, exponents):
        """The ladder to monomials with `exponents` (n_monomials, n_coordinates).

        Returns
        -------
        Ladder, ndarray of shape (n_monomials,)
            And where each monomial stands in the ladder's output.
        """
        wanted = [tuple(k for k, e in enumerate(row) for _ in range(int(e))) for row in exponents]
        n, top = exponents.shape[1], max(map(len, wanted))
        levels = {d: {m for m in wanted if len(m) == d} for d in range(1, top + 1)}
        for degree in range(top, 1, -1):
            levels[degree - 1] |= {m[:-1] for m in levels[degree]}
        order = [[(k,) for k in range(n)]] + [sorted(levels[d]) for d in range(2, top + 1)]
        steps = []
        for below, level in zip(order, order[1:], strict=False):
            place = {m: k for k, m in enumerate(below)}
            steps.append((Take.of([place[m[:-1]] for m in level], len(below)), Take.of([m[-1] for m in level], n)))
        place = {m: k for k, m in enumerate(m for level in order for m in level)}
        return cls(tuple(steps)), np.array([place[m] for m in wanted])

    def __call__(self, q):
        """Monomials of each degree, list of (n_of_degree, length), of coordinates (n_coordinates, length)."""
        levels = [q]
        for parent, coordinate in self.steps:
            levels.append(parent(levels[-1]) * coordinate(q))
        return levels


class Polynomials(eqx.Module):
    """Several polynomials of the same pair metrics, without constant terms.

    Attributes
    ----------
    ccd : Matrix, shape (n_coordinates, n_pairs)
    ladder : Ladder
    coefficients : tuple of Matrix
        By degree, shape (n_polynomials, n_monomials of that degree).
    """

    ccd: Matrix
    ladder: Ladder
    coefficients: tuple

    @classmethod
    def of_features(cls, features, combinations):
        """Combinations (n_polynomials, n_invariants) of the invariants of an `OrbitFeatures`."""
        n, wanted = features.ccd.shape[0], combinations @ features.coefficients
        used = np.flatnonzero(wanted.any(axis=0) | (np.arange(wanted.shape[1]) == 0))
        exponents = np.array([np.bincount(features.monomials.variables[k], minlength=n) for k in used])
        ladder, place = Ladder.of_exponents(exponents)
        sizes = [n, *(len(parent.index) for parent, _ in ladder.steps)]
        coefficients = np.zeros((len(combinations), sum(sizes)))
        coefficients[:, place] = wanted[:, used]
        by_degree = np.split(coefficients, np.cumsum(sizes)[:-1], axis=1)
        return cls(Matrix.of(features.ccd), ladder, tuple(Matrix.of(c) for c in by_degree))

    @property
    def n_monomials(self):
        """Monomials that are evaluated."""
        return sum(c.forward.shape[1] for c in self.coefficients)

    def __call__(self, metrics):
        """Values (n_polynomials, length) of pair metrics (n_pairs, length)."""
        return sum(c(m) for c, m in zip(self.coefficients, self.ladder(self.ccd(metrics)), strict=True))
