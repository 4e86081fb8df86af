"""Rows of numbers that only ever grow: on file up to the last checkpoint, in memory since."""

import hashlib
from collections.abc import Mapping

import h5py
import numpy as np

CHUNK_BYTES, CHUNK_ROWS = 65536, 1024
"""Size of the pieces in which a column lies on file."""

READ_BYTES = 2**24
"""Rows read at once when a file is checked."""


class Series:
    """Columns of equal length, each an array (n_rows, ...).

    Without a file everything stays in memory. With one, memory holds what has come since the last checkpoint.

    Attributes
    ----------
    group : str
        Name on file.
    path : path or None
        File with the first `n_stored` rows.
    n_stored : int
    block : int
        Rows that come together; 0 before the first.
    chain : str
        Checksum over all rows, block by block.
    """

    def __init__(self, group="samples"):
        self.group, self.path, self.n_stored, self.block = group, None, 0, 0
        self.chain = self.stored_chain = ""
        self.pending = []

    def append(self, rows):
        """Add a block of rows: a dict of arrays (n_rows, ...), of the same names and lengths every time."""
        rows = {name: np.asarray(values) for name, values in rows.items()}
        self.block = len(next(iter(rows.values())))
        self.chain = _linked(self.chain, rows)
        self.pending.append(rows)

    def __len__(self):
        return self.n_stored + self.block * len(self.pending)

    @property
    def n_bytes(self):
        """Memory of the rows that are on no file."""
        return sum(values.nbytes for rows in self.pending for values in rows.values())

    @property
    def names(self):
        """Names of the columns."""
        if self.pending:
            return sorted(self.pending[0])
        if not self.n_stored:
            return []
        with h5py.File(self.path, "r") as file:
            return sorted(file[self.group])

    def read(self, name, start=0, stop=None):
        """Rows of a column, from `start` to before `stop`."""
        stop = len(self) if stop is None else min(stop, len(self))
        parts = []
        if start < self.n_stored:
            with h5py.File(self.path, "r") as file:
                parts.append(file[self.group][name][start : min(stop, self.n_stored)])
        first = max(start - self.n_stored, 0) // self.block if self.block else 0
        for k in range(first, len(self.pending)):
            begin = self.n_stored + k * self.block
            if begin >= stop:
                break
            parts.append(self.pending[k][name][max(start - begin, 0) : stop - begin])
        return np.concatenate(parts)

    def columns(self, start=0, stop=None):
        """A mapping of names to arrays, each read when it is asked for."""
        return Columns(self, start, len(self) if stop is None else stop)

    def write(self, file):
        """Append what is pending to the group of an open HDF5 file."""
        if not self.pending:
            return
        group = file.require_group(self.group)
        group.attrs.update(block=self.block, chain=self.chain)
        for name in self.pending[0]:
            rows = np.concatenate([p[name] for p in self.pending])
            column = group[name] if name in group else _new_column(group, name, rows)
            column.resize(self.n_stored + len(rows), axis=0)
            column[self.n_stored :] = rows

    def check(self, file, from_start=False):
        """Whether the rows in an open file are those of the checksum; only those of the last `write` by default."""
        start, chain = (0, "") if from_start else (self.n_stored, self.stored_chain)
        if self.group not in file:
            return len(self) == 0
        columns = dict(file[self.group].items())
        if any(len(column) != len(self) for column in columns.values()):
            return False
        row_bytes = sum(c.dtype.itemsize * int(np.prod(c.shape[1:])) for c in columns.values())
        step = self.block * max(1, READ_BYTES // max(1, row_bytes * self.block))
        for begin in range(start, len(self), step):
            slab = {name: column[begin : begin + step] for name, column in columns.items()}
            n_rows = len(next(iter(slab.values())))
            for k in range(0, n_rows, self.block):
                chain = _linked(chain, {name: values[k : k + self.block] for name, values in slab.items()})
        return chain == self.chain

    def stored(self, path):
        """From now on all rows so far are on file at `path`."""
        self.path, self.n_stored, self.stored_chain, self.pending = path, len(self), self.chain, []

    @classmethod
    def of_file(cls, path, file, group):
        """The series in an open file."""
        series = cls(group)
        if group in file:
            node = file[group]
            series.block, series.chain = int(node.attrs["block"]), node.attrs["chain"]
            series.path, series.n_stored = path, len(next(iter(node.values())))
            series.stored_chain = series.chain
        return series


class Columns(Mapping):
    """Some rows of a `Series` as a read-only dict of arrays, which are read when asked for."""

    def __init__(self, series, start, stop):
        self.series, self.start, self.stop = series, start, stop

    def __getitem__(self, name):
        if name not in self.series.names:
            raise KeyError(name)
        return self.series.read(name, self.start, self.stop)

    def __iter__(self):
        return iter(self.series.names)

    def __len__(self):
        return len(self.series.names)

    def rows(self, start, stop):
        """The same columns, from row `start` of these to before `stop`."""
        return Columns(self.series, self.start + start, min(self.start + stop, self.stop))


def _linked(chain, rows):
    """The checksum `chain` continued by a block of rows."""
    total = hashlib.sha256(chain.encode())
    for name in sorted(rows):
        values = np.ascontiguousarray(rows[name])
        total.update(f"{name} {values.dtype} {values.shape}".encode())
        total.update(values.tobytes())
    return total.hexdigest()


def _new_column(group, name, rows):
    """An empty column for rows like these."""
    row_bytes = max(1, rows.dtype.itemsize * int(np.prod(rows.shape[1:])))
    chunk = max(1, min(CHUNK_ROWS, CHUNK_BYTES // row_bytes))
    empty = any(n == 0 for n in rows.shape[1:])
    return group.create_dataset(
        name, (0, *rows.shape[1:]), rows.dtype, maxshape=(None, *rows.shape[1:]),
        chunks=(chunk, *(max(n, 1) for n in rows.shape[1:])) if not empty else True,
    )  # fmt: skip
