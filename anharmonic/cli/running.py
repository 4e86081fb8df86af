"""A command that samples: progress on the screen, a stop by signal, warnings as one line each."""

import signal
import warnings
from contextlib import contextmanager


class StoppedBySignal(Exception):
    """A run has stopped at the wish of a signal, with its checkpoint written.

    Attributes
    ----------
    exit_code : int
        128 plus the number of the signal.
    """

    def __init__(self, message, exit_code):
        super().__init__(message)
        self.exit_code = exit_code


@contextmanager
def stoppable(quiet, kept):
    """Yields the arguments ``on_chunk`` and ``stop`` of a run.

    The first SIGTERM or SIGINT lets the chunk end and writes a checkpoint; the exit code is then 128 plus its number,
    and `kept` says where the checkpoint is.
    """
    from anharmonic.cli.progress import RunProgress
    from anharmonic.cli.terminal import say
    from anharmonic.sampling.stopping import EXIT_CODE, Stopped, soft_stop

    def announce(signal_number):
        name = signal.Signals(signal_number).name
        say(f"{name}: stopping after this chunk; a second signal stops at once, without a checkpoint")

    try:
        with soft_stop(announce) as stop, RunProgress(quiet) as progress:
            yield {"on_chunk": progress, "stop": stop}
    except Stopped as stopped:
        message = f"{stopped}{kept}, and the same command continues"
        raise StoppedBySignal(message, EXIT_CODE + stopped.signal_number) from None


@contextmanager
def sampling(folder, quiet):
    """As `stoppable`, for a run whose files go to `folder`; warnings become one line each."""
    from anharmonic.cli.terminal import say

    with warnings.catch_warnings(), stoppable(quiet, f"; the checkpoint is in {folder / 'run.h5'}") as control:
        warnings.showwarning = lambda message, *rest: say(f"warning: {message}")
        yield control
