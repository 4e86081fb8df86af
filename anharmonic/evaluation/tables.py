"""Smooth functions of one number as tables of parabolas, fine enough for float32."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

SIZES = (1024, 2048, 4096, 8192, 16384)
TOLERANCE = 1e-6
"""Largest error of an energy or a derivative, relative to its largest magnitude over the range."""


def per_row(values, field):
    """Values (n_rows,) shaped to act on a field (n_rows, ...)."""
    return values.reshape(-1, *[1] * (field.ndim - 1))


def horner(coefficients, x):
    """Polynomials ``sum_k c_k x^k`` with coefficients (n, n_rows) of x (n_rows, ...)."""
    total = jnp.zeros_like(x) + per_row(coefficients[-1], x)
    for c in coefficients[-2::-1]:
        total = total * x + per_row(c, x)
    return total


class NetTable(eqx.Module):
    """`PairNets` by table: three look-ups in place of a network. Beyond the range energies go on linearly.

    Attributes
    ----------
    lower, upper, per_width : array, shape (n_rows,)
        Range of f, and intervals per unit of f.
    first : array, shape (n_rows,), int32
        Where the intervals of each row's function begin.
    values, slopes : tuple of array, each (n_functions * n_intervals,)
        Coefficients (eV) of 1, t, t^2, where t is the place in the interval, -1/2 to 1/2,
        for energies and for their derivatives by f.
    n_intervals : int
    """

    lower: jax.Array
    upper: jax.Array
    per_width: jax.Array
    first: jax.Array
    values: tuple
    slopes: tuple
    n_intervals: int = eqx.field(static=True)

    @classmethod
    def of_nets(cls, nets, lower, upper, counts):
        """The coarsest table that is good enough, or None if none is.

        Parameters
        ----------
        nets : PairNets
            One per function.
        lower, upper : ndarray, shape (n_functions,)
            Range of f.
        counts : sequence of int
            Rows of each function.
        """
        for size in SIZES:
            values, value_error = _parabolas(nets, lower, upper, size)
            slopes, slope_error = _parabolas(nets.derivative, lower, upper, size)
            if max(value_error, slope_error) < TOLERANCE:
                rows = [np.repeat(x, counts) for x in (lower, upper, size / (upper - lower))]
                first = np.repeat(size * np.arange(len(lower), dtype=np.int32), counts)
                return cls(*rows, first, values, slopes, size)
        return None

    def __getitem__(self, index):
        """The table for some rows, ``table[..., rows]``."""
        return eqx.tree_at(lambda t: (t.lower, t.upper, t.per_width, t.first), self, replace_fn=lambda x: x[index])

    def __call__(self, f):
        """Energies (eV) of metrics f (n_rows, ...)."""
        t, beyond, (a, b, c) = self._look_up(self.values, f)
        return a + t * (b + t * c) + beyond * (b + 2 * t * c)

    def derivative(self, f):
        """Derivatives (eV) of the energies, of metrics f (n_rows, ...)."""
        t, _, (a, b, c) = self._look_up(self.slopes, f)
        return a + t * (b + t * c)

    def _look_up(self, tables, f):
        """Place in the interval, how far beyond its ends, and the interval's parabola."""
        place = (f - per_row(self.lower, f)) * per_row(self.per_width, f)
        interval = jnp.clip(place, 0.0, self.n_intervals - 1.0).astype(jnp.int32)
        place = place - interval - 0.5
        inside = jnp.clip(place, -0.5, 0.5)
        index = interval + per_row(self.first, f)
        return inside, place - inside, [jnp.asarray(table).at[index].get(mode="promise_in_bounds") for table in tables]


def _parabolas(function, lower, upper, size):
    """Interpolation at the Chebyshev nodes of each interval, and its largest relative error in between."""
    width = (upper - lower) / size
    nodes = 0.5 * np.cos(np.pi * (np.arange(3) + 0.5) / 3)
    middles = lower[:, None] + width[:, None] * (np.arange(size) + 0.5)

    def exact(t):
        f = middles[..., None] + width[:, None, None] * t
        return np.asarray(function(f.reshape(len(lower), -1))).reshape(f.shape)

    coefficients = exact(nodes) @ np.linalg.inv(np.vander(nodes, increasing=True)).T
    between = np.linspace(-0.5, 0.5, 7)
    values = exact(between)
    error = abs(coefficients @ np.vander(between, 3, increasing=True).T - values).max(axis=(1, 2))
    return tuple(np.moveaxis(coefficients, -1, 0).reshape(3, -1)), float((error / abs(values).max(axis=(1, 2))).max())
