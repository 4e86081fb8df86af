"""Many tasks over many processes: of this machine, of a Dask scheduler, of the jobs of a queue."""

from anharmonic.parallel.team import Outcome, team
from anharmonic.parallel.workers import Workers

__all__ = ["Outcome", "Workers", "team"]
