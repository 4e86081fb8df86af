"""Several processes that do one run together (``jax.distributed``): all compute, the first one writes."""

import jax
import numpy as np
from jax.experimental import multihost_utils

from anharmonic.errors import RunFileError


def is_first():
    """Whether this process is the one that writes and prints; a process on its own is."""
    return jax.process_index() == 0


def agreed(stop):
    """`stop` (see `Run.go`) as an answer that all processes share: a signal to any of them stops all."""
    if jax.process_count() == 1:
        return stop

    def of_all():
        return int(np.max(multihost_utils.process_allgather(np.int32(stop() or 0)))) or None

    return of_all


def check_same_step(progress):
    """Wait until all processes have read the run file, and see that they have read the same.

    Raises
    ------
    RunFileError
        If they have not.
    """
    if jax.process_count() == 1:
        return
    steps = multihost_utils.process_allgather(np.int32(-1 if progress is None else progress.step))
    if len(set(steps.tolist())) > 1:
        found = ", ".join("none" if step < 0 else f"step {step}" for step in steps.tolist())
        raise RunFileError(
            f"the processes have read different checkpoints ({found}): --out must be a folder that all of them see"
        )
