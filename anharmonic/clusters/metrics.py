"""Deformation metrics: measures of how far a pair distance is from its reference length.

All four are functions of the ratio x = d^2 / d0^2 alone (Thomas et al., eqs. 3-5), vanish at
x = 1, and have the same slope 1/2 there, so they agree for small deformations; they differ in
the limits d -> 0 and d -> infinity.

Each exists in two forms. `METRICS` takes x. `STRAIN_METRICS` takes the Green-Lagrange strain of
the pair, e = (x - 1)/2, and is written so that it keeps its full relative precision when e is
small: in float32 the subtraction x - 1 would cost up to three digits for thermal displacements.
"""

import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.errors import AnharmonicError

CURVATURES = {"quadratic": 0.0, "linear": -1.0, "logarithmic": -2.0, "inverse": -4.0}
"""Second derivative of each metric with respect to the strain e, at e = 0."""


def _namespace(values):
    """The array library of `values`: numpy stays in numpy and in its own precision."""
    return jnp if isinstance(values, jax.Array) else np


def quadratic_of_strain(strain):
    """Quadratic metric, the strain itself (eq. 3)."""
    return strain


def linear_of_strain(strain):
    """Linear metric d/d0 - 1 = sqrt(1 + 2e) - 1 (text before eq. 3)."""
    return 2 * strain / (1 + _namespace(strain).sqrt(1 + 2 * strain))


def logarithmic_of_strain(strain):
    """Logarithmic metric ln(d/d0) = ln(1 + 2e)/2 (eq. 4)."""
    return _namespace(strain).log1p(2 * strain) / 2


def inverse_of_strain(strain):
    """Inverse metric (1 - d0^2/d^2)/2 = e/(1 + 2e) (eq. 5)."""
    return strain / (1 + 2 * strain)


def quadratic(ratio):
    """Quadratic metric (x - 1)/2 (eq. 3)."""
    return (ratio - 1) / 2


def linear(ratio):
    """Linear metric sqrt(x) - 1 (text before eq. 3)."""
    return linear_of_strain(quadratic(ratio))


def logarithmic(ratio):
    """Logarithmic metric ln(x)/2 (eq. 4)."""
    return _namespace(ratio).log(ratio) / 2


def inverse(ratio):
    """Inverse metric (1 - 1/x)/2 (eq. 5)."""
    return inverse_of_strain(quadratic(ratio))


METRICS = {"quadratic": quadratic, "linear": linear, "logarithmic": logarithmic, "inverse": inverse}
"""The metrics as functions of the ratio x = d^2/d0^2, by name."""

STRAIN_METRICS = {
    "quadratic": quadratic_of_strain,
    "linear": linear_of_strain,
    "logarithmic": logarithmic_of_strain,
    "inverse": inverse_of_strain,
}
"""The same metrics as functions of the pair's Green-Lagrange strain e = (x - 1)/2, by name."""


def get_metric(name):
    """Metric of the ratio x = d^2/d0^2, for numpy and jax arrays of any shape.

    Raises
    ------
    AnharmonicError
        If there is no metric of that name; the message lists those that there are.
    """
    return _get(METRICS, name)


def get_strain_metric(name):
    """Metric of the Green-Lagrange strain e = (d^2/d0^2 - 1)/2; otherwise as `get_metric`."""
    return _get(STRAIN_METRICS, name)


def _get(table, name):
    if name not in table:
        raise AnharmonicError(f"there is no deformation metric {name!r}; choose one of {', '.join(table)}")
    return table[name]
