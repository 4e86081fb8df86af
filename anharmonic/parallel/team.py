"""Tasks given to workers, and what comes back: results in the order in which they are ready, and news of progress.

A task is a function ``(item, report, stop)`` at the top level of a module. It writes what must last to files, so that
it goes on where it stood when it is given to another worker: `report` takes numbers for a progress bar, `stop` says
whether to write a checkpoint and raise `Stopped`. Workers may die and join: Dask gives others the tasks of the dead.
"""

import queue
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

from anharmonic.errors import AnharmonicError
from anharmonic.parallel.remote import perform, preparation
from anharmonic.stopping import Stopped

FAILURES = 10
"""Workers that may die at one task before the task is held to be the reason."""
POLL = 0.5
"""Seconds between looks at news and at signals."""


@dataclass(frozen=True)
class Outcome:
    """What became of a task: its result, or the error that a user can mend.

    Attributes
    ----------
    index : int
        Of the item.
    result : object
    error : AnharmonicError or None
    """

    index: int
    result: object = None
    error: AnharmonicError | None = None


@contextmanager
def team(workers, n_tasks, prepare=None, say=lambda text: None, timeout=30):
    """Workers for so many tasks; yields an object with ``run(function, items, on_report, stop)``.

    Parameters
    ----------
    workers : Workers
    n_tasks : int
    prepare : callable, optional
        Called once in every other process, before its first task.
    say : callable
        Takes a line that tells where the workers are.
    timeout : float
        Seconds until a scheduler that does not answer is given up.
    """
    count = workers.local(n_tasks)
    if count == 1:
        yield Alone()
        return
    with _client(workers, count, timeout) as client:
        client.register_plugin(preparation(prepare))
        who = f"{count} processes" if count else workers.scheduler or f"{workers.slurm.get('jobs', 1)} jobs of SLURM"
        say(f"working with {who}; their dashboard is at {client.dashboard_link}")
        yield Together(client)


class Alone:
    """This process does all tasks, one after the other."""

    def run(self, function, items, on_report=lambda index, news: None, stop=lambda: None):
        """Yield the `Outcome` of each task; see `Together.run`."""
        for k, item in enumerate(items):
            try:
                yield Outcome(k, function(item, lambda news, k=k: on_report(k, news), stop))
            except AnharmonicError as error:
                yield Outcome(k, error=error)


class Together:
    """Workers of a Dask scheduler.

    Parameters
    ----------
    client : distributed.Client
    """

    def __init__(self, client):
        self.client = client

    def run(self, function, items, on_report=lambda index, news: None, stop=lambda: None):
        """Yield the `Outcome` of each task as it is ready.

        Parameters
        ----------
        function : callable
            ``(item, report, stop) -> result``.
        items : sequence
        on_report : callable
            Takes the index of a task and what it reported; called from here, not from another thread.
        stop : callable
            Gives the number of a signal that asks to stop, or None.

        Raises
        ------
        Stopped
            If `stop` said so, when all tasks have written their checkpoints.
        """
        name, news, left = f"anharmonic-{uuid4().hex[:8]}", queue.SimpleQueue(), {}
        self.client.subscribe_topic(name, lambda event: news.put(event[1]))
        try:
            for k, item in enumerate(items):
                future = self.client.submit(perform, function, item, k, name, key=f"{name}-{k}", pure=False)
                left[future] = k
            yield from self._outcomes(left, name, news, on_report, stop)
        finally:
            self.client.unsubscribe_topic(name)
            for future in left:
                future.cancel()

    def _outcomes(self, left, name, news, on_report, stop):
        """Yield outcomes until no future is left; `left` maps futures to indices."""
        from distributed import Event

        signal_number, steps = None, 0
        while left:
            ready = self._ready(left)
            while not news.empty():
                on_report(*news.get())
            if signal_number is None and (signal_number := stop()):
                Event(name, client=self.client).set()
            for future in ready:
                outcome, stopped_at = _outcome(future, left.pop(future))
                future.release()  # else the task is done again if the worker dies that keeps its result
                steps += stopped_at or 0
                if stopped_at is None:
                    yield outcome
        if signal_number:
            raise Stopped(signal_number, steps)

    def _ready(self, left):
        """Futures that are done, after a short wait."""
        from distributed import wait

        try:
            return list(wait(list(left), timeout=POLL, return_when="FIRST_COMPLETED").done)
        except TimeoutError:
            return []


def _outcome(future, index):
    """``(Outcome, steps)`` of a future that is done; steps are None unless the task was stopped."""
    from distributed.scheduler import KilledWorker

    try:
        kind, value = future.result()
    except AnharmonicError as error:
        return Outcome(index, error=error), None
    except RuntimeError as error:
        if "environments" not in str(error):
            raise
        words = "the scheduler or a worker has other packages than this process: install the same anharmonic there"
        return Outcome(index, error=AnharmonicError(words)), None
    except KilledWorker:
        words = f"{FAILURES} workers died at this task: look for a lack of memory, and take fewer workers"
        return Outcome(index, error=AnharmonicError(words)), None
    except CancelledError:
        return Outcome(index, error=AnharmonicError("the scheduler of the workers has gone")), None
    return (None, value) if kind == "stopped" else (Outcome(index, value), None)


@contextmanager
def _client(workers, count, timeout):
    """A Dask client, with the cluster that it needs."""
    import dask
    from distributed import Client, LocalCluster

    with dask.config.set({"distributed.scheduler.allowed-failures": FAILURES}):
        if workers.scheduler:
            cluster = None
        elif workers.slurm:
            cluster = _jobs(**workers.slurm)
        else:
            cluster = LocalCluster(
                count, threads_per_worker=1, memory_limit=0, dashboard_address="127.0.0.1:0", silence_logs=50
            )
        try:
            with Client(cluster or workers.scheduler, timeout=timeout) as client:
                yield client
        except OSError as error:
            raise AnharmonicError(f"no Dask scheduler answers at {workers.scheduler}: {error}") from error
        finally:
            if cluster is not None:
                cluster.close()


def _jobs(jobs=1, **options):
    """A cluster of jobs of SLURM."""
    from dask_jobqueue import SLURMCluster

    try:
        cluster = SLURMCluster(**options)
    except (TypeError, ValueError) as error:
        raise AnharmonicError(f"[cluster.slurm] is not understood: {error}") from error
    cluster.scale(jobs=jobs)
    return cluster
