"""Where tasks run: in this process, in processes of this machine, at a Dask scheduler, in jobs of SLURM."""

import os
from dataclasses import dataclass, field, fields
from importlib.util import find_spec

from anharmonic.errors import AnharmonicError

INSTALL = "pip install 'anharmonic[distributed]'"


@dataclass(frozen=True)
class Workers:
    """A choice of workers; only one of the three.

    Attributes
    ----------
    workers : int, optional
        Processes of this machine; by default one for each core, and no more than there are tasks.
    scheduler : str, optional
        Address of a running Dask scheduler, such as ``"tcp://10.0.0.1:8786"``.
    slurm : dict, optional
        Jobs of SLURM: options of `dask_jobqueue.SLURMCluster`, and ``jobs``, their number.

    Raises
    ------
    AnharmonicError
        If more than one is given, a number is below 1, or what is asked for needs packages that are not installed.
    """

    workers: int | None = None
    scheduler: str | None = None
    slurm: dict | None = field(default=None, hash=False)

    def __post_init__(self):
        chosen = [item.name for item in fields(self) if getattr(self, item.name) is not None]
        if len(chosen) > 1:
            raise AnharmonicError(f"where tasks run is said once; found {' and '.join(chosen)}")
        for name, value in (("workers", self.workers), ("jobs", (self.slurm or {}).get("jobs", 1))):
            if value is not None and (not isinstance(value, int) or value < 1):
                raise AnharmonicError(f"{name} is a number from 1 on; found {value!r}")
        needed = "dask_jobqueue" if self.slurm is not None else "distributed"
        if chosen and self.workers != 1 and not find_spec(needed):
            raise AnharmonicError(f"several workers need the package {needed}; install it with: {INSTALL}")

    @classmethod
    def of_table(cls, table):
        """From a table of a TOML file: ``workers``, ``scheduler`` or a table ``slurm``."""
        known = [item.name for item in fields(cls)]
        unknown = sorted(set(table) - set(known))
        if unknown:
            raise AnharmonicError(f"[cluster] has {', '.join(known)}; found {', '.join(unknown)}")
        return cls(**table)

    def local(self, n_tasks):
        """Number of processes of this machine for so many tasks; None where they are elsewhere.

        Without the package dask it is this process alone.
        """
        if self.scheduler is not None or self.slurm is not None:
            return None
        most = self.workers or (_cores() if find_spec("distributed") else 1)
        return max(1, min(most, n_tasks))


def _cores():
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
