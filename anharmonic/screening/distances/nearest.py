"""L1 distances between many rows, in blocks, and the nearest of them without the full matrix."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

QUERIES, ROWS = 512, 2048
"""Rows of a block: of queries, and of what is searched."""


@jax.jit
def _block(queries, rows):
    """Distances (n_queries, n_rows)."""
    return jax.lax.map(lambda query: jnp.abs(query - rows).sum(-1), queries)


@partial(jax.jit, static_argnames="k")
def _merge(best, where, queries, rows, first, count, own, k):
    """The k smallest of those found so far and those of a block that begins at row `first` of `count`."""
    numbers = first + jnp.arange(len(rows))
    found = _block(queries, rows)
    found = jnp.where((numbers < count) & (numbers != own[:, None]), found, jnp.inf)
    found = jnp.concatenate([best, found], axis=1)
    numbers = jnp.concatenate([where, jnp.broadcast_to(numbers, (len(queries), len(rows)))], axis=1)
    negative, chosen = jax.lax.top_k(-found, k)
    return -negative, jnp.take_along_axis(numbers, chosen, axis=1)


def distance_matrix(one, other=None, on_block=None):
    """L1 distances between all rows.

    Parameters
    ----------
    one : ndarray, shape (n, d)
    other : ndarray, shape (m, d), optional
        By default `one`; then each pair is computed once.
    on_block : callable, optional
        Called with the numbers of rows done and of all rows.

    Returns
    -------
    ndarray, shape (n, m), float32
    """
    same = other is None
    other = one if same else other
    found = np.empty((len(one), len(other)), np.float32)
    for begin, queries in _blocks(one, QUERIES):
        for first, rows in _blocks(other, QUERIES):
            part = found[begin : begin + QUERIES, first : first + QUERIES]
            if same and first < begin:
                part[:] = found[first : first + QUERIES, begin : begin + QUERIES].T
            else:
                part[:] = _block(queries, rows)[: part.shape[0], : part.shape[1]]
        if on_block:
            on_block(min(begin + QUERIES, len(one)), len(one))
    return found


def nearest(queries, rows, k, same=False, on_block=None):
    """The k nearest rows of every query; of equal ones the first. Memory grows with k, not with the number of rows.

    Parameters
    ----------
    queries : ndarray, shape (n, d)
    rows : ndarray, shape (m, d)
    k : int
        At most m, or m - 1 with `same`.
    same : bool
        The queries are the rows, and none is its own neighbour.
    on_block : callable, optional
        Called with the numbers of queries done and of all queries.

    Returns
    -------
    indices : ndarray, shape (n, k), int
    distances : ndarray, shape (n, k), float32
        Ascending.
    """
    k = min(k, len(rows) - same)
    indices, distances = np.empty((len(queries), k), int), np.empty((len(queries), k), np.float32)
    for begin, block in _blocks(queries, QUERIES):
        own = begin + np.arange(len(block)) if same else np.full(len(block), -1)
        best, where = jnp.full((len(block), k), jnp.inf), jnp.full((len(block), k), len(rows))
        for first, part in _blocks(rows, ROWS):
            best, where = _merge(best, where, block, part, first, len(rows), own, k=k)
        kept = slice(begin, min(begin + QUERIES, len(queries)))
        number = kept.stop - kept.start
        indices[kept], distances[kept] = where[:number], best[:number]
        if on_block:
            on_block(kept.stop, len(queries))
    return indices, distances


def _blocks(rows, size):
    """First numbers and blocks of `size` rows, the last one filled with zeros: one compilation for all."""
    rows = np.asarray(rows, np.float32)
    for first in range(0, len(rows), size):
        block = rows[first : first + size]
        yield first, np.pad(block, ((0, size - len(block)), (0, 0)))
