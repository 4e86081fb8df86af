"""What happens in the process of a worker."""

import signal
import time
from contextlib import suppress

from anharmonic.stopping import Stopped

SECONDS = 0.5
"""Between two reports of a task, and between two looks at whether to stop."""


def perform(function, item, index, name):
    """Do a task: ``("done", result)``, or ``("stopped", steps)`` where a checkpoint was written instead.

    Parameters
    ----------
    function : callable
        ``(item, report, stop) -> result``.
    item : object
    index : int
        Its number among the tasks.
    name : str
        Of the topic that takes reports, and of the event that asks to stop.
    """
    from distributed import Event, get_worker

    worker, event = get_worker(), Event(name)
    asked = _rarely(event.is_set)
    if event.is_set():
        return "stopped", 0
    report = _rarely(lambda news: worker.log_event(name, (index, news)))
    try:
        return "done", function(item, report, lambda: signal.SIGTERM if asked() else None)
    except Stopped as stopped:
        return "stopped", stopped.step


def preparation(prepare):
    """A plugin of workers: signals of the terminal are for the first process alone, and `prepare` is called once."""
    from distributed import WorkerPlugin

    class Preparation(WorkerPlugin):
        name = "anharmonic"
        idempotent = True

        def setup(self, worker):
            with suppress(ValueError):  # in a thread of a larger process, whose signals are not ours
                signal.signal(signal.SIGINT, signal.SIG_IGN)
            if prepare is not None:
                prepare()

    return Preparation()


def _rarely(function):
    """The function, at most every so many seconds; between, its last answer."""
    last, answer = -float("inf"), None

    def call(*arguments):
        nonlocal last, answer
        if time.monotonic() - last >= SECONDS:
            last, answer = time.monotonic(), function(*arguments)
        return answer

    return call
