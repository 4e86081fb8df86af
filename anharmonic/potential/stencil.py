"""Translation-invariant sparse linear maps between fields on the grid of cells.

Every neighbour relation of a crystal is such a map: displacements to bond vectors,
bond strains to clusters, cluster functions to sites. Its transpose is one as well,
with negated offsets; so forces gather as energies do, and nothing is ever scattered.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np


class Offsets:
    """Collects the distinct cell offsets that the stencils of one model refer to."""

    def __init__(self):
        self._index = {(0, 0, 0): 0}

    def __call__(self, offset):
        """Index of an offset, added if new."""
        return self._index.setdefault(tuple(int(x) for x in offset), len(self._index))

    def array(self):
        """All offsets so far, shape (n_offsets, 3), int."""
        return np.array(list(self._index), int)


class Table(eqx.Module):
    """One direction of a stencil: for each output row, `width` input rows, offsets and weights."""

    row: jax.Array
    offset: jax.Array
    weight: jax.Array

    @classmethod
    def of_terms(cls, n_outputs, terms):
        """Table of ``(output, input, offset index, weight)`` terms, padded with zero weights."""
        lists = [[] for _ in range(n_outputs)]
        for output, *term in terms:
            lists[output].append(term)
        width = max(map(len, lists))
        padded = np.array([row + [[0, 0, 0.0]] * (width - len(row)) for row in lists], float)
        padded = padded.reshape(n_outputs, width, 3)
        return cls(padded[..., 0].astype(np.int32), padded[..., 1].astype(np.int32), padded[..., 2])

    def __call__(self, field, translations):
        """Apply to a field (..., n_inputs, n_cells); gives (..., n_outputs, n_cells)."""
        n_cells = field.shape[-1]
        flat = field.reshape(*field.shape[:-2], -1)
        total = 0.0
        for k in range(self.row.shape[1]):
            index = self.row[:, k, None] * n_cells + translations[self.offset[:, k]]
            total = total + self.weight[:, k, None].astype(field.dtype) * jnp.take(flat, index, axis=-1, mode="clip")
        return total


class Stencil(eqx.Module):
    """A sparse linear map with its transpose; reverse differentiation, to any order, never makes a scatter."""

    forward: Table
    backward: Table

    @classmethod
    def of_terms(cls, n_outputs, n_inputs, terms, offsets):
        """Map ``out[o, n] = sum weight * in[i, n + offset]`` over ``(o, i, offset, weight)``."""
        forward = [(o, i, offsets(t), w) for o, i, t, w in terms]
        backward = [(i, o, offsets([-x for x in t]), w) for o, i, t, w in terms]
        return cls(Table.of_terms(n_outputs, forward), Table.of_terms(n_inputs, backward))

    def __call__(self, field, translations):
        """Apply to a field (..., n_inputs, n_cells)."""
        return _apply(field, self.forward, self.backward, translations)


@jax.custom_vjp
def _apply(field, forward, backward, translations):
    return forward(field, translations)


def _apply_forward(field, forward, backward, translations):
    return forward(field, translations), (forward, backward, translations)


def _apply_backward(residuals, cotangent):
    forward, backward, translations = residuals
    return _apply(cotangent, backward, forward, translations), None, None, None


_apply.defvjp(_apply_forward, _apply_backward)
