"""What a simulation at one temperature, a few in turn, or along a ramp does."""

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
    ensemble : str
        ``"nve"`` (MD; a thermostat equilibrates), ``"nvt"`` or ``"npt"``.
    end_temperature : float, optional
        K; the production is a ramp to it, from the only temperature.
    end_pressure_GPa, end_stress_GPa : float, tuple of float, optional
        The same for the pressure or the stress (npt).
    start : str
        Where it begins, in words that differ for different starts.
    """

    supercell: tuple
    temperatures: tuple
    ensemble: str = "npt"
    end_temperature: float | None = None
    end_pressure_GPa: float | None = None
    end_stress_GPa: tuple | None = None
    start: str = GROUND_STATE

    def __post_init__(self):
        if self.method not in METHODS or self.ensemble not in ENSEMBLES[self.method]:
            raise AnharmonicError(
                f"the ensemble is one of {', '.join(ENSEMBLES.get(self.method, ()))} for {self.method}; "
                f"found {self.ensemble!r}{'; Monte Carlo has no time' if self.ensemble == 'nve' else ''}"
            )
        if not self.temperatures or min(self.temperatures) <= 0:
            raise AnharmonicError(f"temperatures are above 0 K; found {list(self.temperatures)}")
        loads = (self.pressure_GPa, self.stress_GPa, self.end_pressure_GPa, self.end_stress_GPa)
        if self.ensemble != "npt" and (any(loads) or self.cell not in (None, "fixed")):
            raise AnharmonicError(
                f"a pressure, a stress or a flexible cell is for npt; found the ensemble {self.ensemble}"
            )
        if self.ensemble == "npt" and self.cell == "fixed":
            raise AnharmonicError("npt has a flexible cell, found a fixed one: that is nvt")
        self._set(cell=(self.cell or "full") if self.ensemble == "npt" else "fixed")
        self._set(temperatures=tuple(map(float, self.temperatures)))
        self._settle(flexible=self.ensemble == "npt", isolated=self.isolated)
        self._settle_ramp()

    @property
    def isolated(self):
        """Whether the production has no thermostat."""
        return self.ensemble == "nve"

    @property
    def is_ramp(self):
        """Whether conditions change in the production."""
        return any(x is not None for x in (self.end_temperature, self.end_pressure_GPa, self.end_stress_GPa))

    @property
    def stages(self):
        """The stages in the order in which they are run."""
        return tuple(self._stage(t, "", self._end(t)) for t in self.temperatures)

    def _settle_ramp(self):
        """Check where a ramp goes."""
        if not self.is_ramp:
            return
        if len(self.temperatures) > 1:
            raise AnharmonicError(f"a ramp begins at one temperature; found {list(self.temperatures)}")
        if self.isolated:
            raise AnharmonicError("a ramp needs a thermostat; found the ensemble nve")
        if self.until:
            raise AnharmonicError("a ramp has a length: it cannot end at a requested precision")
        if self.end_temperature is not None and self.end_temperature <= 0:
            raise AnharmonicError(f"a ramp ends above 0 K; found {self.end_temperature:g}")
        if self.end_pressure_GPa is not None and (self.stress_GPa or self.end_stress_GPa):
            raise AnharmonicError("a ramp is one of pressure or of stress; found both")
        self._set(end_stress_GPa=self._checked_stress(self.end_stress_GPa, self.pressure_GPa))

    def _end(self, temperature):
        """Conditions at the end of a ramp, as of `Stage`."""
        if not self.is_ramp:
            return None
        pressure = self.pressure_GPa if self.end_pressure_GPa is None else self.end_pressure_GPa
        stress = self.stress_GPa if self.end_stress_GPa is None else self.end_stress_GPa
        return self.end_temperature or temperature, *self._load(pressure, stress)
