"""Work in several processes, in order, where that pays."""

import os
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context

from anharmonic.errors import DatasetError

START = 1.0
"""Seconds of work that starting a process costs: it imports numpy, ASE and this package."""


@contextmanager
def ordered_map(n_items, seconds, workers):
    """Yield a function like ``map``: of this process, or of several; results come in the order of the items.

    Parameters
    ----------
    n_items : int
    seconds : float
        How long one process would take, roughly; so many processes are started that each has enough to do.
    workers : int or None
        Most processes; None for the number of cores.

    Raises
    ------
    DatasetError
        If a process dies.
    """
    workers = min(workers or _cores(), n_items, int(seconds / START))
    if workers <= 1:
        yield map
        return
    chunk = max(1, min(50, n_items // (8 * workers)))
    # spawned, not forked: JAX has threads, and a fork of a process with threads may hang
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        try:
            yield lambda function, items: pool.map(function, items, chunksize=chunk)
        except BrokenProcessPool as error:
            pool.shutdown(wait=False, cancel_futures=True)
            raise DatasetError(
                "a process that reads files died: out of memory, or the calling script is not protected by "
                '`if __name__ == "__main__":`; read with workers=1'
            ) from error


def _cores():
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
