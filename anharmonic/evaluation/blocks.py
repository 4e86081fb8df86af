"""The cells of a supercell split over devices: each has a block of whole planes of the grid's first axis.

Fields (..., n_cells) are sharded along their last axis; the planes of a block follow each other, so a block is a
contiguous piece of that axis. What is done cell by cell and sums over cells are left to the compiler's own
partitioning; only where cells see their neighbours, each device works on its block and a copy of the planes next
to it, the halo, which it gets from the devices before and behind it (Plimpton, J. Comput. Phys. 117, 1 (1995),
section 5, along one axis). A device evaluates all of dE/du of its own cells, so nothing has to be sent back.
"""

from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as Spec

from anharmonic.errors import AnharmonicError
from anharmonic.evaluation.layout import reach

AXIS = "blocks"
FIELD = Spec(None, None, AXIS)
"""Of fields (n_sites, 3, n_cells)."""

EVERYWHERE = Spec()


class PerBlock(eqx.Module):
    """A table that differs from block to block.

    Attributes
    ----------
    values : array, shape (n_blocks, ...)
    """

    values: jax.Array


@dataclass(frozen=True)
class Blocks:
    """A supercell split into equal blocks, one a device.

    Attributes
    ----------
    mesh : jax.sharding.Mesh
        The devices, in the order of the blocks.
    shape : tuple of int
        Cells of the supercell along the axes.
    depth : int
        Planes of the halo, on either side.
    """

    mesh: Mesh
    shape: tuple
    depth: int

    @classmethod
    def create(cls, basis, supercell, n_devices):
        """Split a `Supercell` over the first `n_devices` devices of JAX, of all processes.

        Raises
        ------
        AnharmonicError
            If there are not so many devices, the planes are no multiple of them, or the blocks thinner than the halo.
        """
        depth, found = int(reach(basis)[0]), jax.devices()
        if not 1 <= n_devices <= len(found) or n_devices % jax.process_count():
            raise AnharmonicError(
                f"found {len(found)} devices of {jax.process_count()} processes, asked for {n_devices}: give a "
                "multiple of the processes, at most as many as there are"
            )
        n_planes = supercell.shape[0]
        fitting = [n for n in range(1, n_planes + 1) if n_planes % n == 0 and n_planes // n >= depth]
        if n_devices not in fitting:
            raise AnharmonicError(
                f"the supercell has {n_planes} planes of cells along its first axis, of which each device needs "
                f"equally many and at least the {depth} that it sends to its neighbours: {n_devices} devices do not "
                f"fit; {', '.join(map(str, fitting)) or 'none'} would. Let the longest axis be the first"
            )
        return cls(Mesh(np.array(_by_process(found, n_devices)), (AXIS,)), supercell.shape, depth)

    @property
    def count(self):
        """Blocks in all."""
        return self.mesh.size

    @property
    def n_cells(self):
        """Cells of the supercell."""
        return int(np.prod(self.shape))

    @property
    def plane(self):
        """Cells of a plane."""
        return self.shape[1] * self.shape[2]

    @property
    def own(self):
        """Cells of a block."""
        return self.n_cells // self.count

    @property
    def halo(self):
        """Cells of the halo on one side of a block."""
        return self.depth * self.plane

    def place(self, tree):
        """The arrays of a tree on the devices: fields (..., n_cells) and what is `PerBlock` split, others whole.

        What is on devices already stays as it is.
        """

        def put(leaf):
            if not eqx.is_array_like(leaf):
                return leaf
            split = np.ndim(leaf) > 1 and np.shape(leaf)[-1] == self.n_cells
            return self._put(leaf, self.along_last(np.ndim(leaf)) if split else EVERYWHERE)

        return _each(lambda x: PerBlock(self._put(x.values, Spec(AXIS))), put, tree)

    def along_last(self, n_axes):
        """Specification of an array that is split along the last of its axes."""
        return Spec(*[None] * (n_axes - 1), AXIS)

    def constrained(self, field):
        """A field within compiled code, to be split along its last axis."""
        return jax.lax.with_sharding_constraint(field, NamedSharding(self.mesh, self.along_last(field.ndim)))

    def run(self, function, results, tables, arrays, specs):
        """``function(tables, *arrays)`` on each device, with its own part of everything.

        Parameters
        ----------
        function : callable
        results : PartitionSpec or tree of them
            Of what it returns.
        tables : tree of arrays
            The same on all devices, but for what is `PerBlock`: there each gets its own.
        arrays : tuple of array
        specs : tuple of PartitionSpec
        """
        tables, static = eqx.partition(tables, eqx.is_array_like)
        of_tables = _each(lambda x: Spec(AXIS), lambda x: EVERYWHERE, tables)
        static = _each(lambda x: x.values, lambda x: x, static)

        def local(tables, *arrays):
            own = _each(lambda x: x.values[0], lambda x: x, tables)
            return function(eqx.combine(own, static), *arrays)

        in_specs = of_tables, *specs
        split = jax.shard_map(local, mesh=self.mesh, in_specs=in_specs, out_specs=results, check_vma=False)
        return split(tables, *arrays)

    def number(self):
        """Which block this is, within `run`."""
        return jax.lax.axis_index(AXIS)

    def neighbours(self, field):
        """Within `run`: the planes before and behind a block (..., own cells), each (..., halo), from their owners."""
        return self.sent(field[..., : self.halo], field[..., self.own - self.halo :])

    def sent(self, first, last):
        """Within `run`: `last` of the device before and `first` of the one behind, for each device."""
        n = self.count
        to_next, to_previous = ([(k, (k + step) % n) for k in range(n)] for step in (1, -1))
        return jax.lax.ppermute(last, AXIS, to_next), jax.lax.ppermute(first, AXIS, to_previous)

    def with_halo(self, field):
        """Within `run`: a block (..., own cells) with its halo, (..., halo + own cells + halo)."""
        before, behind = self.neighbours(field)
        return jnp.concatenate([before, field, behind], axis=-1)

    def places(self, cells):
        """Where cells of the supercell stand in their block with its halo.

        Parameters
        ----------
        cells : ndarray, shape (n_blocks, ...), int
            Cells that each block reads: its own or of its halo; others give some place in the block.

        Returns
        -------
        ndarray, shape (n_blocks, ...), int32
        """
        planes = self.shape[0] // self.count
        first = planes * np.arange(self.count).reshape(-1, *[1] * (cells.ndim - 1))
        here = (cells // self.plane - first + self.depth) % self.shape[0]
        here = np.minimum(here, planes + 2 * self.depth - 1)
        return (here * self.plane + cells % self.plane).astype(np.int32)

    def _put(self, values, spec):
        if isinstance(values, jax.Array):
            return values
        values = np.asarray(values)
        return jax.make_array_from_callback(values.shape, NamedSharding(self.mesh, spec), lambda part: values[part])


def collect(tree):
    """The arrays of a tree on the host, whole, wherever their parts are; a call of all processes together."""

    def whole(x):
        if not isinstance(x, jax.Array) or x.is_fully_addressable or x.is_fully_replicated:
            return np.asarray(x)
        return np.asarray(multihost_utils.process_allgather(x, tiled=True))

    return jax.tree.map(whole, tree)


def _each(of_block, of_all, tree):
    """The tree with `of_block` of what is `PerBlock`, and `of_all` of all other leaves."""
    return jax.tree.map(
        lambda x: of_block(x) if isinstance(x, PerBlock) else of_all(x), tree, is_leaf=lambda x: isinstance(x, PerBlock)
    )


def _by_process(devices, count):
    """`count` devices, equally many of each process, in the order of the processes."""
    share = count // jax.process_count()
    return [d for k in range(jax.process_count()) for d in [x for x in devices if x.process_index == k][:share]]
