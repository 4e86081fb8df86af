"""What a calculation of phonons at temperature does."""

from dataclasses import dataclass

import numpy as np

from anharmonic.errors import AnharmonicError
from anharmonic.phonons.effective import FEWEST_BLOCKS
from anharmonic.sampling.stages import Sampling, Stage
from anharmonic.sweep.plan import CHUNK, ChunkedPlan

STEPS_PER_PERIOD, SAMPLES_PER_PERIOD = 20, 4
"""Of the fastest harmonic mode: time steps, and samples of velocities, at the least."""

LONGEST_TIMESTEP = 5.0
"""fs."""

SNAPSHOTS = 25
"""Samples of forces in each segment."""


@dataclass(frozen=True, kw_only=True)
class PhononPlan:
    """Options of phonons at temperature that decide their numbers.

    Attributes
    ----------
    supercell : 3x3 nested tuple
    temperatures : tuple of float
        K.
    equilibration : int
        Steps before anything counts; the mean cell is then that of twice as many.
    production : int
        Steps of undisturbed motion at each temperature, in all segments together.
    segments : int
        Parts of the motion; a thermostat draws new velocities before each.
    pressure_GPa : float
    timestep : float, optional
        fs; by default `LONGEST_TIMESTEP`, or what resolves the fastest harmonic mode.
    seed : int
    dtype : str
    """

    supercell: tuple
    temperatures: tuple
    equilibration: int = 4000
    production: int = 40000
    segments: int = 8
    pressure_GPa: float = 0.0
    timestep: float | None = None
    seed: int = 0
    dtype: str = "float32"

    def __post_init__(self):
        temperatures = tuple(sorted(float(t) for t in self.temperatures))
        object.__setattr__(self, "temperatures", temperatures)
        if not temperatures or temperatures[0] <= 0 or len(set(temperatures)) < len(temperatures):
            raise AnharmonicError(f"temperatures are distinct and above 0 K; found {list(self.temperatures)}")
        if self.segments < FEWEST_BLOCKS:
            raise AnharmonicError(f"error bars take at least {FEWEST_BLOCKS} segments; found {self.segments}")
        if self.equilibration < 1 or self.production < self.segments:
            raise AnharmonicError(
                f"equilibration and production are at least one step, for each segment; found {self.equilibration} "
                f"and {self.production}"
            )
        if self.timestep is not None and self.timestep <= 0:
            raise AnharmonicError(f"the time step is above 0 fs; found {self.timestep:g}")

    def timestep_for(self, fastest):
        """Time step (fs) for a crystal whose fastest harmonic mode has that frequency (THz)."""
        if self.timestep is not None:
            return float(self.timestep)
        return float(min(LONGEST_TIMESTEP, np.floor(1e4 / (STEPS_PER_PERIOD * fastest)) / 10))

    def seed_at(self, temperature):
        """Of the random numbers at a temperature (K): errors at different ones have nothing in common."""
        return self.seed + int(round(100 * temperature))

    def cell_options(self, temperature, fastest):
        """Options of the simulation that finds the mean cell."""
        return {
            "temperatures": (temperature,), "ensemble": "npt", "pressure_GPa": self.pressure_GPa,
            "seed": self.seed_at(temperature), "dtype": self.dtype, "timestep": self.timestep_for(fastest),
            "equilibration": self.equilibration, "production": 2 * self.equilibration,
        }  # fmt: skip

    def motion(self, temperature, deformation, wave_vectors, fastest):
        """The `MotionPlan` at a temperature, in a cell of that deformation."""
        timestep = self.timestep_for(fastest)
        stride = max(1, int(1e3 / (SAMPLES_PER_PERIOD * fastest * timestep)))
        steps = -(-self.production // self.segments)
        return MotionPlan(
            supercell=self.supercell, temperature=float(temperature), deformation=_nested(deformation),
            wave_vectors=_nested(wave_vectors), segments=self.segments, stride=stride, settling=self.equilibration,
            equilibration=max(1, self.equilibration // 4), production=steps, timestep=timestep,
            seed=self.seed_at(temperature), snapshots=-(-steps // SNAPSHOTS), dtype=self.dtype,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class MotionPlan(ChunkedPlan):
    """Undisturbed motion in a fixed cell, in segments that begin with a thermostat.

    Attributes
    ----------
    supercell, deformation, wave_vectors : nested tuple
    temperature : float
        K.
    segments, stride, settling : int
        Segments; steps between samples; steps with a thermostat before the first segment.
    """

    supercell: tuple
    temperature: float
    deformation: tuple
    wave_vectors: tuple
    segments: int
    stride: int
    settling: int

    def __post_init__(self):
        self._set(cell="fixed")
        self._settle(flexible=False, isolated=True)

    @property
    def isolated(self):
        """The production has no thermostat."""
        return True

    @property
    def sampling(self):
        """Stride and chunk of the run."""
        return Sampling(self.stride, CHUNK)

    @property
    def chunk_steps(self):
        """Steps in a chunk."""
        return self.stride * CHUNK

    @property
    def stages(self):
        """One stage for each segment."""
        lengths = self.equilibration // self.chunk_steps, self.production // self.chunk_steps
        first = max(lengths[0], -(-self.settling // self.chunk_steps))
        return tuple(
            Stage(self.temperature, label=f"segment {k + 1}", equilibration=lengths[0] if k else first,
                  production=lengths[1])
            for k in range(self.segments)
        )  # fmt: skip


def _nested(array):
    return tuple(map(_nested, array)) if np.ndim(array) else float(array)
