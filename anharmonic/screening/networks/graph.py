"""A crystal graph network: atoms that learn from their neighbours, then the mean over the atoms.

After Xie and Grossman, Phys. Rev. Lett. 120, 145301 (2018). Differences: every shell of neighbours counts whole, since
twelve neighbours of equal distance chosen from fourteen depend on the order of the atoms; elements are embedded by a
table that is learnt; and the sums are normalised by atom (layer norm), not by batch.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.screening.descriptors.neighbours import spheres
from anharmonic.screening.networks.layers import Head
from anharmonic.screening.networks.naming import ELEMENTS

LEAST, MOST = 12, 20
"""Neighbours of an atom: whole shells, at least and at most so many."""
SHELL = 1e-3
"""Least distance (A) between two shells."""
FARTHEST, GAUSSIANS = 8.0, 41
"""Distances (A) are expanded in Gaussians at 0 to 8 A, each as wide as the step between them."""


class Graph(NamedTuple):
    """Atoms and their neighbours, padded; of many crystals, with one more axis in front.

    Attributes
    ----------
    numbers : array, shape (n_atoms,)
        Atomic numbers; 0 where there is no atom.
    neighbours : array, shape (n_atoms, 20)
        Which atoms they are.
    distances : array, shape (n_atoms, 20)
        A; 0 where there is no neighbour.
    """

    numbers: np.ndarray
    neighbours: np.ndarray
    distances: np.ndarray


def crystal_graph(atoms):
    """The graph of a crystal.

    Parameters
    ----------
    atoms : ase.Atoms

    Returns
    -------
    Graph

    Raises
    ------
    AnharmonicError
        As `spheres`.
    """
    i, j, d = spheres(atoms, MOST + 1, "ijd")
    neighbours, distances = np.zeros((len(atoms), MOST), np.int32), np.zeros((len(atoms), MOST), np.float32)
    for site in range(len(atoms)):
        own = np.flatnonzero(i == site)
        own = own[np.lexsort((atoms.numbers[j[own]], d[own].round(4)))]
        gaps = LEAST + np.flatnonzero(np.diff(d[own][LEAST - 1 : MOST + 1]) > SHELL)
        own = own[: gaps[0] if len(gaps) else MOST]
        neighbours[site, : len(own)], distances[site, : len(own)] = j[own], d[own]
    return Graph(atoms.numbers.astype(np.int32), neighbours, distances)


def stack(graphs):
    """Graphs of many crystals as one, padded to the most atoms."""
    most = max(len(graph.numbers) for graph in graphs)

    def padded(part):
        return np.pad(part, [(0, most - len(part))] + [(0, 0)] * (part.ndim - 1))

    return Graph(*(np.stack([padded(part) for part in parts]) for parts in zip(*graphs, strict=True)))


class GatedConvolution(eqx.Module):
    """v_i + sum_j sigmoid(z_ij W_f + b_f) softplus(z_ij W_s + b_s), z_ij = (v_i, v_j, u_ij): eq. 5 of the paper.

    W acts on v_i, v_j and u_ij apart, which costs less than on each z_ij.

    Attributes
    ----------
    own, other, edge : equinox.nn.Linear
        To the gate and the core together, (2 width,).
    norm : equinox.nn.LayerNorm
    """

    own: eqx.nn.Linear
    other: eqx.nn.Linear
    edge: eqx.nn.Linear
    norm: eqx.nn.LayerNorm

    def __init__(self, width, *, key):
        keys = jax.random.split(key, 3)
        self.own = eqx.nn.Linear(width, 2 * width, key=keys[0])
        self.other = eqx.nn.Linear(width, 2 * width, use_bias=False, key=keys[1])
        self.edge = eqx.nn.Linear(GAUSSIANS, 2 * width, use_bias=False, key=keys[2])
        self.norm = eqx.nn.LayerNorm(width)

    def __call__(self, v, neighbours, u, real):
        """Atoms (n, width) from atoms, their neighbours (n, 20), edges (n, 20, 41), and which are real (n, 20)."""
        z = jax.vmap(self.own)(v)[:, None] + jax.vmap(self.other)(v)[neighbours] + u @ self.edge.weight.T
        gate, core = jnp.split(z, 2, axis=-1)
        message = jnp.where(real[..., None], jax.nn.sigmoid(gate) * jax.nn.softplus(core), 0.0).sum(axis=1)
        return v + jax.vmap(self.norm)(message)


class GraphNetwork(eqx.Module):
    """Properties of a crystal from its graph.

    Attributes
    ----------
    embedding : equinox.nn.Embedding
        Of elements, by atomic number.
    convolutions : list of GatedConvolution
    head : Head
        Of the mean over the atoms.
    """

    embedding: eqx.nn.Embedding
    convolutions: list
    head: Head

    def __init__(self, outputs=1, width=48, depth=3, hidden=96, *, key):
        keys = jax.random.split(key, depth + 2)
        self.embedding = eqx.nn.Embedding(ELEMENTS, width, key=keys[0])
        self.convolutions = [GatedConvolution(width, key=k) for k in keys[2:]]
        self.head = Head(width, outputs, hidden, key=keys[1])

    def __call__(self, graph):
        """Properties (outputs,) of a graph, and None, as it names nothing."""
        centres = jnp.linspace(0.0, FARTHEST, GAUSSIANS)
        u = jnp.exp(-(((graph.distances[..., None] - centres) / centres[1]) ** 2))
        v, real, atoms = jax.vmap(self.embedding)(graph.numbers), graph.distances > 0, graph.numbers > 0
        for convolution in self.convolutions:
            v = convolution(v, graph.neighbours, u, real)
        mean = jnp.where(atoms[:, None], v, 0.0).sum(axis=0) / atoms.sum()
        return self.head(mean), None
