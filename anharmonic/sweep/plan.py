"""What a sweep does: temperatures, directions, lengths."""

from dataclasses import asdict, dataclass

import numpy as np

from anharmonic.analysis.order_parameters import MODE
from anharmonic.conventions import GPA, from_voigt
from anharmonic.errors import AnharmonicError
from anharmonic.sampling.conditions import split_stress
from anharmonic.sampling.stages import Sampling, Stage
from anharmonic.sweep.precision import check_precisions

METHODS, DIRECTIONS = ("md", "mc"), ("heating", "cooling", "both")
THERMOSTATS, BAROSTATS = ("langevin", "bussi", "nose-hoover"), ("piston", "cell-rescaling")
OBSERVABLES = ("stress", "correlation", "sites")
STRIDE = {"md": 20, "mc": 4}
CHUNK = 10
LENGTHS = {"md": (4000, 8000), "mc": (800, 1600)}
LONGEST = 20
"""A stage that ends at a requested precision takes at most that many times the usual production."""


@dataclass(frozen=True, kw_only=True)
class ChunkedPlan:
    """Options that all plans share; lengths are in whole chunks.

    Attributes
    ----------
    method : str
        ``"md"`` or ``"mc"``.
    equilibration, production : int
        MD steps or MC passes at each temperature; rounded up to whole chunks.
    until : tuple of (str, float)
        Observables and the standard errors of their means at which a stage may end before `production`;
        see `anharmonic.sweep.precision` for names and units.
    pressure_GPa : float
    stress_GPa : tuple of float, optional
        Applied stress xx, yy, zz, yz, xz, xy instead of a pressure, positive in tension; the deviatoric part is
        a second Piola-Kirchhoff stress in the frame of the reference crystal.
    cell : str
        See `strain_modes`.
    timestep : float
        fs (MD).
    friction : float
        Rate of the thermostat (1/fs, MD).
    thermostat : str
        ``"langevin"``, ``"bussi"`` or ``"nose-hoover"`` (MD).
    barostat : str
        ``"piston"`` or ``"cell-rescaling"`` (MD with a flexible cell).
    observe : tuple of str
        Observables to record besides the usual: ``"stress"``, ``"correlation"``, ``"sites"``, and displacement
        modes such as ``"mode M"`` or ``"mode 1/2 1/2 0 A2g"`` (see `anharmonic.analysis.order_parameters`).
    snapshots : int
        Steps between snapshots; rounded up to whole chunks; 0 for none.
    seed : int
    dtype : str
    """

    method: str = "md"
    equilibration: int | None = None
    production: int | None = None
    until: tuple = ()
    pressure_GPa: float = 0.0
    stress_GPa: tuple | None = None
    cell: str | None = None
    timestep: float = 5.0
    friction: float = 1e-3
    thermostat: str | None = None
    barostat: str | None = None
    observe: tuple = ()
    snapshots: int = 0
    seed: int = 0
    dtype: str = "float32"

    @property
    def isolated(self):
        """Whether the production has no thermostat."""
        return False

    @property
    def sampling(self):
        """Stride and chunk of the run."""
        return Sampling(STRIDE[self.method], CHUNK)

    @property
    def chunk_steps(self):
        """Steps in a chunk."""
        return STRIDE[self.method] * CHUNK

    @property
    def axis(self):
        """``(x of one step, label)`` of a figure over a run: time of dynamics, passes of Monte Carlo."""
        return (self.timestep * 1e-3, "Time (ps)") if self.method == "md" else (1, "Passes")

    def options(self, potential_digest):
        """JSON-like record of everything that decides the numbers."""
        return asdict(self) | {"potential": potential_digest}

    def _set(self, **values):
        """Settle fields while the plan is made."""
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def _settle(self, flexible=True, isolated=False):
        """Check what all plans share, fill in defaults and round lengths up to whole chunks."""
        if self.timestep <= 0 or self.friction < 0 or (self.friction == 0 and not isolated):
            raise AnharmonicError(
                f"time step and friction are above 0; found {self.timestep:g} fs and {self.friction:g} 1/fs"
            )
        if self.snapshots < 0:
            raise AnharmonicError(f"snapshots are a number of steps from 0 on; found {self.snapshots}")
        self._settle_bath(flexible)
        self._set(stress_GPa=self._checked_stress(self.stress_GPa, self.pressure_GPa))
        self._set(observe=tuple(map(_observable, self.observe)))
        self._set(until=check_precisions(self.until, self.observe))
        lengths = LENGTHS[self.method]
        lengths = lengths[0], lengths[1] * (LONGEST if self.until else 1)
        for name, default in zip(("equilibration", "production"), lengths, strict=True):
            steps = default if getattr(self, name) is None else getattr(self, name)
            if steps < 1:
                raise AnharmonicError(f"{name} is at least one step; found {steps}")
            self._set(**{name: -(-int(steps) // self.chunk_steps) * self.chunk_steps})
        self._set(snapshots=-(-int(self.snapshots) // self.chunk_steps) * self.chunk_steps)

    def _settle_bath(self, flexible):
        """Thermostat and barostat: of dynamics only."""
        if self.method == "mc":
            found = [name for name in ("thermostat", "barostat") if getattr(self, name) is not None]
            if found:
                raise AnharmonicError(f"Monte Carlo has no {' and no '.join(found)}: that is for molecular dynamics")
            return
        self._set(thermostat=one_of("thermostats", self.thermostat or THERMOSTATS[0], THERMOSTATS))
        if not flexible and self.barostat is not None:
            raise AnharmonicError(f"a barostat is for a flexible cell; found {self.barostat!r} and a fixed cell")
        if flexible:
            self._set(barostat=one_of("barostats", self.barostat or BAROSTATS[0], BAROSTATS))

    def _checked_stress(self, stress, pressure):
        """A stress as a tuple; refused where the cell cannot follow it."""
        if stress is None:
            return None
        stress = tuple(float(x) for x in stress)
        if pressure:
            raise AnharmonicError("a pressure and a stress contradict each other: the stress includes the pressure")
        if len(stress) != 6 or not np.isfinite(stress).all():
            raise AnharmonicError(f"a stress is six numbers: xx yy zz yz xz xy (GPa); found {list(stress)}")
        if any(stress[3:]) and self.cell != "full":
            raise AnharmonicError(f"a shear stress needs the cell full; found the cell {self.cell}")
        if len(set(stress[:3])) > 1 and self.cell not in ("orthorhombic", "full"):
            raise AnharmonicError(
                f"different stresses along the axes need the cell orthorhombic or full; found the cell {self.cell}"
            )
        return stress

    def _load(self, pressure, stress):
        """``(pressure, tension)`` in eV/A^3 of a pressure or of a stress in GPa."""
        if stress is None:
            return pressure * GPA, None
        return split_stress(from_voigt(np.array(stress) * GPA))

    def _stage(self, temperature, label, end=None):
        """The stage at one temperature (K)."""
        lengths = self.equilibration // self.chunk_steps, self.production // self.chunk_steps
        return Stage(temperature, *self._load(self.pressure_GPa, self.stress_GPa), end, label, *lengths)


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
    """

    supercell: tuple
    temperatures: tuple
    direction: str = "heating"

    def __post_init__(self):
        temperatures = tuple(sorted(float(t) for t in self.temperatures))
        self._set(temperatures=temperatures, supercell=_nested_tuple(self.supercell), cell=self.cell or "full")
        one_of("methods", self.method, METHODS)
        if self.direction not in DIRECTIONS:
            raise AnharmonicError(f"direction is one of {', '.join(DIRECTIONS)}; found {self.direction!r}")
        if not temperatures or temperatures[0] <= 0 or len(set(temperatures)) < len(temperatures):
            raise AnharmonicError(f"temperatures are distinct and above 0 K; found {list(self.temperatures)}")
        self._settle()

    @property
    def stages(self):
        """The stages in the order in which they are run."""
        rising = [(t, "heating") for t in self.temperatures] if self.direction != "cooling" else []
        falling = [(t, "cooling") for t in self.temperatures[::-1]] if self.direction != "heating" else []
        return tuple(self._stage(t, label) for t, label in rising + falling)


def _observable(name):
    """Name of an observable, single spaces between its words."""
    words = " ".join(str(name).split())
    if words.startswith(MODE):
        return words
    return one_of("observables", name, (*OBSERVABLES, f"{MODE}WAVE-VECTOR"))


def one_of(what, name, known):
    """`name`, if it is known."""
    if name not in known:
        raise AnharmonicError(f"the {what} are {', '.join(known)}; found {name!r}")
    return name


def _nested_tuple(value):
    return tuple(map(_nested_tuple, value)) if np.ndim(value) else int(value)
