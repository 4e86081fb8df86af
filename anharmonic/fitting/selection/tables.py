"""Pair nets at nodes instead of at every pair: functions of one number are smooth, and there are thousands of pairs.

Energies, forces and stress are linear in the values and slopes of a pair function at its pairs, and those are
interpolated from its values and slopes at some nodes. So a training step evaluates a net at the nodes only and
multiplies by one matrix. Errors that are reported never come from here: see `Design.predict`.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.fitting.selection.design import Design

NODES = 64
STENCIL = 6
"""Nodes that each value is interpolated from (degree 5)."""


class PairTable(eqx.Module):
    """Stands in for the `Items` of a pair orbit.

    Attributes
    ----------
    inputs : array, shape (n_inputs, n_nodes)
    rates : array, shape (n_inputs, n_nodes)
        Derivatives of the inputs by the first one.
    sums : array, shape (n_nodes, n_frames)
        Interpolates energies.
    responses : tuple of array, shape (n_nodes, n_block_frames, n_components)
        By block, interpolates forces and stress for a unit of dE / d first input.
    """

    inputs: jax.Array
    rates: jax.Array
    sums: jax.Array
    responses: tuple

    def energies(self, values):
        """Energies (m, n_frames) of the values (m, n_nodes)."""
        return values @ self.sums

    def components(self, slopes):
        """Forces and stress by block of dE / d input (m, n_inputs, n_nodes)."""
        by_first = (slopes * self.rates).sum(1)
        return [jnp.tensordot(by_first, response, 1) for response in self.responses]


def tabulated(design, n_nodes=NODES):
    """The design with a `PairTable` for all items whose inputs are the powers of their first one."""
    return Design(tuple(_table(items, n_nodes) if _is_pair(items) else items for items in design.items))


def _is_pair(items):
    """Whether inputs are proportional to the powers 1, 2, ... of the first, and a table is smaller."""
    powers = items.inputs[0] ** np.arange(1, len(items.inputs) + 1)[:, None]
    factors = (powers * items.inputs).sum(1) / np.maximum((powers**2).sum(1), 1e-300)
    close = np.allclose(factors[:, None] * powers, items.inputs, rtol=1e-8, atol=1e-10)
    return close and items.inputs.shape[1] > NODES


def _table(items, n_nodes):
    t, k = items.inputs[0], np.arange(1, len(items.inputs) + 1)[:, None]
    factors = (t**k * items.inputs).sum(1) / (t ** (2 * k)).sum(1)
    nodes = _nodes(t[items.real], n_nodes)
    weights = _interpolation(nodes, t) * items.real[:, None]
    sums, responses, start = [], [], 0
    for response in items.responses:
        rows = _first_rows(response, len(items.inputs))
        count = rows.shape[0] * rows.shape[1]
        piece = weights[start : start + count].reshape(*rows.shape[:2], n_nodes)
        sums.append(piece.sum(1))
        responses.append(np.moveaxis(np.swapaxes(piece, 1, 2) @ rows, 1, 0))
        start += count
    inputs, rates = factors[:, None] * nodes**k, factors[:, None] * k * nodes ** (k - 1)
    return PairTable(inputs, rates, np.concatenate(sums).T, tuple(responses))


def _first_rows(response, n_inputs):
    """Responses (n_block_frames, items per frame, n_components) of the first input."""
    return response[:, : response.shape[1] // n_inputs]


def _nodes(t, n_nodes):
    """Ascending nodes over the range of t: half as dense as the data, half evenly spread."""
    ordered = np.sort(t)
    even = np.linspace(ordered[0], ordered[-1], 4097)
    share = 0.5 * np.searchsorted(ordered, even) / len(ordered) + 0.5 * np.linspace(0, 1, len(even))
    nodes = np.interp(np.linspace(share[0], share[-1], n_nodes), share, even)
    nodes[0], nodes[-1] = ordered[0], ordered[-1]
    return nodes


def _interpolation(nodes, t):
    """Lagrange weights (n, n_nodes) from the `STENCIL` nodes around each t."""
    first = np.clip(np.searchsorted(nodes, t) - STENCIL // 2, 0, len(nodes) - STENCIL)
    columns = first[:, None] + np.arange(STENCIL)
    x, found = nodes[columns], np.zeros((len(t), len(nodes)))
    for j in range(STENCIL):
        others = [i for i in range(STENCIL) if i != j]
        weight = np.prod([(t - x[:, i]) / (x[:, j] - x[:, i]) for i in others], axis=0)
        np.put_along_axis(found, columns[:, j : j + 1], weight[:, None], axis=1)
    return found
