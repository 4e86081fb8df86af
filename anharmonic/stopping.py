"""Stopping by signal: the first lets the run finish what it is at, the second ends the process at once."""

import os
import signal
import socket
import threading
from contextlib import contextmanager

SIGNALS = signal.SIGTERM, signal.SIGINT
EXIT_CODE = 128
"""The exit code of a process that a signal has stopped is this plus its number."""


class Stopped(Exception):
    """A run was asked to stop and has written its checkpoint.

    Attributes
    ----------
    signal_number : int
    step : int
        Steps done; 0 where work is not in steps.
    """

    def __init__(self, signal_number, step=0):
        after = f" after step {step}" if step else ""
        super().__init__(f"stopped by {signal.Signals(signal_number).name}{after}")
        self.signal_number, self.step = signal_number, step


@contextmanager
def soft_stop(on_first=lambda signal_number: None):
    """Within this context SIGTERM and SIGINT are noted; yields a function that returns the signal's number or None.

    A compiled computation holds back Python's signal handlers until it returns. The system writes the numbers of
    signals to a socket all the same, and a thread reads them: so a second signal ends the process at any moment.

    Parameters
    ----------
    on_first : callable
        Called with the number of the first signal, from that thread.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    seen, (reader, writer) = [], socket.socketpair()
    writer.setblocking(False)
    before = {number: signal.signal(number, lambda number, frame: None) for number in SIGNALS}
    old = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    thread = threading.Thread(target=_watch, args=(reader, seen, on_first), daemon=True)
    thread.start()
    try:
        yield lambda: seen[0] if seen else None
    finally:
        signal.set_wakeup_fd(old)
        for number, handler in before.items():
            signal.signal(number, handler)
        writer.close()
        thread.join(1.0)
        reader.close()


def _watch(reader, seen, on_first):
    """Read numbers of signals until the other end closes."""
    while numbers := reader.recv(1):
        if numbers[0] not in SIGNALS:
            continue
        if seen:
            os._exit(EXIT_CODE + numbers[0])
        seen.append(numbers[0])
        on_first(numbers[0])
