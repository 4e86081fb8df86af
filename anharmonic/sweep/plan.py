"""What a sweep does: temperatures, directions, lengths."""

from dataclasses import asdict, dataclass

import numpy as np

from anharmonic.conventions import GPA
from anharmonic.errors import AnharmonicError
from anharmonic.sampling.run import Sampling, Stage

METHODS, DIRECTIONS = ("md", "mc"), ("heating", "cooling", "both")
STRIDE = {"md": 20, "mc": 4}
CHUNK = 10
LENGTHS = {"md": (4000, 8000), "mc": (800, 1600)}


class ChunkedPlan:
    """Lengths of the stages of a plan, in whole chunks; mixed into dataclasses with these fields.

    ``method``, ``equilibration`` and ``production`` (steps, or None for the default), ``pressure_GPa``.
    """

    @property
    def sampling(self):
        """Stride and chunk of the run."""
        return Sampling(STRIDE[self.method], CHUNK)

    @property
    def chunk_steps(self):
        """Steps in a chunk."""
        return STRIDE[self.method] * CHUNK

    def options(self, potential_digest):
        """JSON-like record of everything that decides the numbers."""
        return asdict(self) | {"potential": potential_digest}

    def _round_lengths(self):
        """Fill in default lengths and round all up to whole chunks."""
        for name, default in zip(("equilibration", "production"), LENGTHS[self.method], strict=True):
            steps = default if getattr(self, name) is None else getattr(self, name)
            if steps < 1:
                raise AnharmonicError(f"{name} is at least one step; found {steps}")
            object.__setattr__(self, name, -(-int(steps) // self.chunk_steps) * self.chunk_steps)

    def _stage(self, temperature, label):
        """The stage at one temperature (K)."""
        lengths = self.equilibration // self.chunk_steps, self.production // self.chunk_steps
        return Stage(temperature, self.pressure_GPa * GPA, label, *lengths)


@dataclass(frozen=True)
class SweepPlan(ChunkedPlan):
    """Options of a sweep that decide its numbers.

    Attributes
    ----------
    supercell : tuple of int or 3x3 nested tuple
    temperatures : tuple of float
        K, in any order.
    direction : str
        ``"heating"``, ``"cooling"`` or ``"both"`` (heating, then cooling back).
    method : str
        ``"md"`` or ``"mc"``.
    equilibration, production : int
        MD steps or MC passes at each temperature; rounded up to whole chunks.
    pressure_GPa : float
    cell : str
        See `strain_modes`.
    timestep : float
        fs (MD).
    friction : float
        1/fs (MD).
    seed : int
    dtype : str
    """

    supercell: tuple
    temperatures: tuple
    direction: str = "heating"
    method: str = "md"
    equilibration: int | None = None
    production: int | None = None
    pressure_GPa: float = 0.0
    cell: str = "full"
    timestep: float = 5.0
    friction: float = 1e-3
    seed: int = 0
    dtype: str = "float32"

    def __post_init__(self):
        temperatures = tuple(sorted(float(t) for t in self.temperatures))
        object.__setattr__(self, "temperatures", temperatures)
        object.__setattr__(self, "supercell", _nested_tuple(self.supercell))
        if self.method not in METHODS:
            raise AnharmonicError(f"method is one of {', '.join(METHODS)}; found {self.method!r}")
        if self.direction not in DIRECTIONS:
            raise AnharmonicError(f"direction is one of {', '.join(DIRECTIONS)}; found {self.direction!r}")
        if not temperatures or temperatures[0] <= 0 or len(set(temperatures)) < len(temperatures):
            raise AnharmonicError(f"temperatures are distinct and above 0 K; found {list(self.temperatures)}")
        if self.timestep <= 0 or self.friction <= 0:
            raise AnharmonicError(
                f"time step and friction are above 0; found {self.timestep:g} fs and {self.friction:g} 1/fs"
            )
        self._round_lengths()

    @property
    def stages(self):
        """The stages in the order in which they are run."""
        rising = [(t, "heating") for t in self.temperatures] if self.direction != "cooling" else []
        falling = [(t, "cooling") for t in self.temperatures[::-1]] if self.direction != "heating" else []
        return tuple(self._stage(t, label) for t, label in rising + falling)


def _nested_tuple(value):
    return tuple(map(_nested_tuple, value)) if np.ndim(value) else int(value)
