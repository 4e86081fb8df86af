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

    with _soft_stop(kept) as stop, RunProgress(quiet) as progress:
        yield {"on_chunk": progress, "stop": stop}


@contextmanager
def sampling(folder, quiet):
    """As `stoppable`, for a run whose files go to `folder`; warnings become one line each."""
    with _warnings_in_lines(), stoppable(quiet, f"; the checkpoint is in {folder / 'run.h5'}") as control:
        yield control


@contextmanager
def crewed(workers, tasks, works, quiet):
    """Yields workers for tasks and the arguments ``on_report`` and ``stop`` of `anharmonic.parallel`, as `sampling`."""
    from anharmonic.cli.progress import CrewProgress

    with (
        CrewProgress([task.name for task in tasks], works, quiet) as progress,
        helped(workers, len(tasks), "; checkpoints are written", quiet) as (crew, stop),
    ):
        yield crew, {"on_report": progress, "stop": stop}


@contextmanager
def helped(workers, n_tasks, kept, quiet):
    """Yields workers for work that shows its own progress, and ``stop``; `kept` says where what is done is kept."""
    from anharmonic.cli.compiler import prepare_worker
    from anharmonic.cli.terminal import say
    from anharmonic.parallel import team

    tell = (lambda text: None) if quiet else say
    with _warnings_in_lines(), _soft_stop(kept) as stop, team(workers, n_tasks, prepare_worker, tell) as crew:
        yield crew, stop


@contextmanager
def _soft_stop(kept):
    """Yields ``stop`` of a run; `kept` says where the checkpoint is."""
    from anharmonic.cli.terminal import say
    from anharmonic.stopping import EXIT_CODE, Stopped, soft_stop

    def announce(signal_number):
        name = signal.Signals(signal_number).name
        say(f"{name}: stopping at the next checkpoint; a second signal stops at once, without one")

    try:
        with soft_stop(announce) as stop:
            yield stop
    except Stopped as stopped:
        message = f"{stopped}{kept}, and the same command continues"
        raise StoppedBySignal(message, EXIT_CODE + stopped.signal_number) from None


@contextmanager
def _warnings_in_lines():
    """Warnings are one line each."""
    from anharmonic.cli.terminal import say

    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *rest: say(f"warning: {message}")
        yield
