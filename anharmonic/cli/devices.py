"""One run on several devices and processes: the options, and what they mean for JAX."""

from dataclasses import dataclass
from typing import Annotated

import typer

from anharmonic.errors import AnharmonicError

PANEL = "Devices"

Devices = Annotated[
    int | None,
    typer.Option(
        "--devices", metavar="N", rich_help_panel=PANEL,
        help="Split the supercell along its first axis over N devices, of all processes together: GPUs where JAX finds "
        "some, else parts of the processor. Each needs equally many planes of cells. A run may be continued with "
        "another number.",
    ),
]  # fmt: skip
Coordinator = Annotated[
    str | None,
    typer.Option(
        "--coordinator", metavar="HOST:PORT", rich_help_panel=PANEL,
        help="For a run of several processes: where process 0 listens. Start the same command once for each, with "
        "--processes and --process; all must see the folder --out.",
    ),
]  # fmt: skip
Processes = Annotated[
    int | None,
    typer.Option("--processes", metavar="N", rich_help_panel=PANEL, help="How many processes there are."),
]
Process = Annotated[
    int | None,
    typer.Option(
        "--process", metavar="K", rich_help_panel=PANEL,
        help="Which of them this is, from 0 on; process 0 writes the files and prints.",
    ),
]  # fmt: skip


@dataclass(frozen=True)
class Spread:
    """The options of these names."""

    devices: int | None = None
    coordinator: str | None = None
    processes: int | None = None
    process: int | None = None


def prepare_devices(spread):
    """``(devices of the run or None, whether this process writes)``; before the first computation.

    Raises
    ------
    AnharmonicError
        If the options contradict each other, or the processes do not meet.
    """
    several = {
        "--coordinator": spread.coordinator,
        "--processes": spread.processes,
        "--process": spread.process,
    }
    missing = [name for name, value in several.items() if value is None]
    if missing and len(missing) < len(several):
        raise AnharmonicError(f"a run of several processes needs {', '.join(several)}; missing: {', '.join(missing)}")
    n_processes = 1 if missing else spread.processes
    devices = spread.devices if missing or spread.devices is not None else n_processes
    if devices is None:
        return None, True
    if n_processes < 1 or devices < 1 or devices % n_processes:
        raise AnharmonicError(
            f"--devices counts those of all processes, so it is a multiple of --processes; found {devices} devices and "
            f"{n_processes} processes"
        )
    if not missing and not 0 <= spread.process < n_processes:
        raise AnharmonicError(f"--process counts from 0 to {n_processes - 1}; found {spread.process}")
    _split_processor(devices // n_processes)
    if not missing:
        _meet(spread)
    return devices, missing != [] or spread.process == 0


def _split_processor(parts):
    """Let JAX see the processor as `parts` devices; GPUs are what they are."""
    import jax

    try:
        jax.config.update("jax_num_cpu_devices", parts)
    except RuntimeError as error:
        if len(jax.devices()) < parts:
            raise AnharmonicError(
                f"this process has begun to compute with {len(jax.devices())} devices, and cannot have {parts} any "
                "more: start a new one"
            ) from error


def _meet(spread):
    """Join the other processes."""
    import jax

    from anharmonic.cli.terminal import say

    if spread.process == 0:
        say(f"waiting for {spread.processes - 1} more processes at {spread.coordinator}")
    try:
        jax.distributed.initialize(spread.coordinator, spread.processes, spread.process)
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise AnharmonicError(
            f"the {spread.processes} processes did not meet at {spread.coordinator}: {reason}"
        ) from error


def show_traffic(traffic):
    """A line about what the devices send each other."""
    from anharmonic.cli.terminal import say

    say(
        f"{traffic.n_devices} devices in {traffic.n_processes} processes; halo: each sends {traffic.counted:,} bytes a "
        f"step, {traffic.modelled:,} by the model"
    )
