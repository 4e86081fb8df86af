"""Seconds to read a folder tree of many files: `python benchmarks/reading.py FOLDER [--reference POSCAR]`.

The vasprun.xml files under FOLDER are copied over and over into a temporary tree until there are as many as asked for,
a third as they are, a third as .gz, a third as .xz. With a reference crystal they are mapped to it too.
"""

import argparse
import gzip
import itertools
import lzma
import resource
import tempfile
import time
from pathlib import Path

from anharmonic import Crystal
from anharmonic.data import Dataset, read_structures
from anharmonic.data.files import kind_of, read_bytes


def make_tree(folder, sources, n):
    """`n` files in folders of their own, three deep."""
    pack = {"": bytes, ".gz": gzip.compress, ".xz": lzma.compress}
    for k, content in zip(range(n), itertools.cycle(read_bytes(path)[0] for path in sources), strict=False):
        path = folder / f"batch{k % 37:02d}" / f"T{k % 7}" / f"run{k:05d}"
        path.mkdir(parents=True)
        suffix = list(pack)[k % 3]
        (path / f"vasprun.xml{suffix}").write_bytes(pack[suffix](content))


def cpu():
    """CPU seconds of this process and of those that it started and that ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def timed(what, function):
    """Print wall and CPU seconds of a function that gives something with a length."""
    wall, used = time.monotonic(), cpu()
    found = function()
    wall, used = time.monotonic() - wall, cpu() - used
    print(f"{what:32s}{len(found):8d} frames {wall:8.1f} s wall {used:8.1f} s CPU", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=10000)
    parser.add_argument("--reference", type=Path)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    sources = sorted(path for path in options.folder.rglob("*") if kind_of(path) == "vasprun")
    with tempfile.TemporaryDirectory() as folder:
        make_tree(Path(folder), sources, options.files)
        for n in options.workers:
            timed(f"read, {n} processes", lambda n=n: read_structures(folder, workers=n)[0])
        if options.reference is None:
            return
        crystal = Crystal.from_file(options.reference)
        for n in options.workers:
            timed(f"read and map, {n} processes", lambda n=n: Dataset.read(folder, crystal, workers=n))


if __name__ == "__main__":
    main()
