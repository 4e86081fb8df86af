"""What a replica exchange does: conditions of the replicas, lengths, how often swaps are tried."""

from dataclasses import dataclass

import numpy as np

from anharmonic.conventions import GPA
from anharmonic.errors import AnharmonicError
from anharmonic.sampling.stages import Stage
from anharmonic.sweep.plan import METHODS, ChunkedPlan, one_of

SWAP_STRIDE = {"md": 10, "mc": 1}
LABEL = "equilibrium"
"""Stands where sweeps have a direction: replica exchange has none."""


@dataclass(frozen=True)
class ExchangePlan(ChunkedPlan):
    """Options of a replica exchange that decide its numbers.

    Attributes
    ----------
    supercell : 3x3 nested tuple
    temperatures : tuple of float
        K, one for each replica; neighbours in this order are swapped.
    pressures_GPa : tuple of float, optional
        One for each replica, instead of one for all.
    swap_stride : int
        MD steps or MC passes between attempts to swap.
    batch : int, optional
        Replicas that are computed together; by default as of `ReplicaExchange.create`.
    """

    supercell: tuple
    temperatures: tuple
    pressures_GPa: tuple | None = None
    swap_stride: int | None = None
    batch: int | None = None

    def __post_init__(self):
        one_of("methods", self.method, METHODS)
        self._set(temperatures=tuple(map(float, self.temperatures)), cell=self.cell or "full")
        if len(self.temperatures) < 2 or min(self.temperatures) <= 0:
            raise AnharmonicError(f"replicas are two or more, above 0 K; found temperatures {list(self.temperatures)}")
        if self.until or self.snapshots:
            raise AnharmonicError("replica exchange neither ends at a requested precision nor takes snapshots")
        if self.pressures_GPa is not None:
            self._settle_pressures()
        if len({*zip(self.temperatures, self.pressures, strict=True)}) < self.n_replicas:
            raise AnharmonicError(f"two replicas have the same temperature; found {list(self.temperatures)}")
        self._settle(flexible=self.cell != "fixed")
        self._set(swap_stride=SWAP_STRIDE[self.method] if self.swap_stride is None else int(self.swap_stride))

    @property
    def n_replicas(self):
        """Number of replicas."""
        return len(self.temperatures)

    @property
    def pressures(self):
        """Pressure of each replica, GPa."""
        return self.pressures_GPa or (self.pressure_GPa,) * self.n_replicas

    @property
    def is_ladder(self):
        """Whether the temperatures rise and nothing else changes."""
        return bool(np.all(np.diff(self.temperatures) > 0)) and len(set(self.pressures)) == 1

    @property
    def stages(self):
        """The one stage, with all replicas in it."""
        stage = self._stage(self.temperatures, LABEL)
        if self.pressures_GPa is None:
            return (stage,)
        pressures = tuple(p * GPA for p in self.pressures_GPa)
        return (Stage(stage.temperature, pressures, None, None, LABEL, stage.equilibration, stage.production),)

    def replica(self, k):
        """The stage of replica `k` alone."""
        whole = self.stages[0]
        pressure = np.broadcast_to(whole.pressure, self.n_replicas)[k]
        return Stage(self.temperatures[k], float(pressure), whole.tension, None, LABEL)

    def _settle_pressures(self):
        """Check the pressures of the replicas."""
        if self.stress_GPa is not None or self.pressure_GPa:
            raise AnharmonicError("pressures of the replicas contradict a pressure or a stress for all of them")
        if len(self.pressures_GPa) != self.n_replicas:
            raise AnharmonicError(
                f"pressures are one for each replica; found {len(self.pressures_GPa)} for {self.n_replicas} replicas"
            )
        self._set(pressures_GPa=tuple(map(float, self.pressures_GPa)))
