"""What a simulation at one temperature, or a few in turn, does."""

from dataclasses import dataclass

from anharmonic.errors import AnharmonicError
from anharmonic.sweep.plan import METHODS, ChunkedPlan
from anharmonic.sweep.start import GROUND_STATE

ENSEMBLES = {"md": ("nve", "nvt", "npt"), "mc": ("nvt", "npt")}


@dataclass(frozen=True)
class SimulationPlan(ChunkedPlan):
    """Options of a simulation that decide its numbers.

    Attributes
    ----------
    supercell : 3x3 nested tuple
    temperatures : tuple of float
        K, in the order in which they are run.
    method : str
        ``"md"`` or ``"mc"``.
    ensemble : str
        ``"nve"`` (MD; a thermostat equilibrates), ``"nvt"`` or ``"npt"``.
    equilibration, production : int
        MD steps or MC passes at each temperature; rounded up to whole chunks.
    pressure_GPa : float
        npt.
    cell : str
        See `strain_modes`; ``"fixed"`` but for npt.
    timestep : float
        fs (MD).
    friction : float
        1/fs (MD).
    seed : int
    dtype : str
    start : str
        Where it begins, in words that differ for different starts.
    """

    supercell: tuple
    temperatures: tuple
    method: str = "md"
    ensemble: str = "npt"
    equilibration: int | None = None
    production: int | None = None
    pressure_GPa: float = 0.0
    cell: str | None = None
    timestep: float = 5.0
    friction: float = 1e-3
    seed: int = 0
    dtype: str = "float32"
    start: str = GROUND_STATE

    def __post_init__(self):
        if self.method not in METHODS or self.ensemble not in ENSEMBLES[self.method]:
            raise AnharmonicError(
                f"the ensemble is one of {', '.join(ENSEMBLES.get(self.method, ()))} for {self.method}; "
                f"found {self.ensemble!r}{'; Monte Carlo has no time' if self.ensemble == 'nve' else ''}"
            )
        if not self.temperatures or min(self.temperatures) <= 0:
            raise AnharmonicError(f"temperatures are above 0 K; found {list(self.temperatures)}")
        if self.timestep <= 0 or self.friction < 0 or (self.friction == 0 and self.ensemble != "nve"):
            raise AnharmonicError(
                f"time step and friction are above 0; found {self.timestep:g} fs and {self.friction:g} 1/fs"
            )
        if self.ensemble != "npt" and (self.pressure_GPa or self.cell not in (None, "fixed")):
            raise AnharmonicError(f"a pressure or a flexible cell is for npt; found the ensemble {self.ensemble}")
        if self.ensemble == "npt" and self.cell == "fixed":
            raise AnharmonicError("npt has a flexible cell, found a fixed one: that is nvt")
        object.__setattr__(self, "cell", (self.cell or "full") if self.ensemble == "npt" else "fixed")
        object.__setattr__(self, "temperatures", tuple(map(float, self.temperatures)))
        self._round_lengths()

    @property
    def stages(self):
        """The stages in the order in which they are run."""
        return tuple(self._stage(t, "") for t in self.temperatures)
