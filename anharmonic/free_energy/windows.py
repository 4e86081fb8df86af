"""Windows: runs of one sampler that differ in numbers of their model, one after another, each with a run file.

All are done by Hamiltonian Monte Carlo, which samples exactly what it is asked for: a time step changes its acceptance
and not its ensemble, whatever the springs of a reference or a bias. One compilation serves all windows.
"""

from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from anharmonic.conventions import GPA
from anharmonic.crystal import Configuration
from anharmonic.errors import AnharmonicError
from anharmonic.sampling.conditions import CELLS, strain_modes
from anharmonic.sampling.monte_carlo import HybridMoves, MonteCarlo
from anharmonic.sampling.observables import Observer
from anharmonic.sampling.run import Run
from anharmonic.sampling.stages import Sampling, Stage
from anharmonic.sweep.plan import one_of
from anharmonic.sweep.samplers import potential_digest, tilt_projections
from anharmonic.sweep.sweep import perform

CHUNK = 50
"""Samples, one after each trajectory, in a compiled call."""


@dataclass(frozen=True, kw_only=True)
class WindowOptions:
    """What decides the numbers of all windows; lengths are in trajectories, rounded up to whole chunks.

    Attributes
    ----------
    temperature : float
        K.
    pressure_GPa : float
    cell : str
        See `strain_modes`.
    equilibration, production : int
        Trajectories of each window.
    trajectory : int
        Time steps of a trajectory.
    seed : int
    dtype : str
    """

    temperature: float
    pressure_GPa: float = 0.0
    cell: str = "full"
    equilibration: int = 200
    production: int = 1000
    trajectory: int = 15
    seed: int = 0
    dtype: str = "float32"

    def __post_init__(self):
        one_of("cells", self.cell, CELLS)
        if not self.temperature > 0:
            raise AnharmonicError(f"a temperature is above 0 K; found {self.temperature:g}")
        if self.cell == "fixed" and self.pressure_GPa:
            raise AnharmonicError("a pressure contradicts a fixed cell: let it strain, or leave out the pressure")
        for name in ("equilibration", "production", "trajectory"):
            if getattr(self, name) < 1:
                raise AnharmonicError(f"{name} is at least 1; found {getattr(self, name)}")

    def stage(self, label, longer=1):
        """The stage of one window; `longer` multiplies both lengths."""
        lengths = (longer * -(-n // CHUNK) for n in (self.equilibration, self.production))
        return Stage(self.temperature, self.pressure_GPa * GPA, None, None, label, *lengths)


@dataclass
class Windows:
    """A series of windows in a folder.

    Attributes
    ----------
    potential : Potential
    supercell : Supercell
    options : WindowOptions
    start : str
        Name of the state that the first window begins with.
    labels : list of str
        Of all windows, in their order.
    observables : dict of callable
    folder : path or None
        For the run files; None keeps everything in memory.
    on_chunk, stop : callable
        See `anharmonic.sweep.sweep`.
    longer : dict of int to int
        Windows whose lengths are multiplied.
    """

    potential: object
    supercell: object
    options: WindowOptions
    start: str
    labels: list
    observables: dict
    folder: object = None
    on_chunk: object = lambda progress, plan: None
    stop: object = lambda: None
    longer: dict = field(default_factory=dict)

    def __post_init__(self):
        crystal, supercell, dtype = self.potential.crystal, self.supercell, self.options.dtype
        moves = HybridMoves.create(crystal, supercell, self.modes, self.options.trajectory, dtype=dtype)
        self.sampler = MonteCarlo.create(self.potential, supercell, self.modes, [moves], dtype)
        projections = tilt_projections(crystal, supercell).astype(dtype)
        self.observer = Observer(projections, self.observables)
        self.structure = Configuration.reference(crystal, supercell)
        facts = {"potential": potential_digest(self.potential), "supercell": supercell.matrix.tolist()}
        self.recorded = asdict(self.options) | facts | {"start": self.start}

    @property
    def modes(self):
        """Strain modes of the cell."""
        return strain_modes(self.options.cell)

    @property
    def stages(self):
        """Stages of all windows."""
        return tuple(self.options.stage(label, self.longer.get(k, 1)) for k, label in enumerate(self.labels))

    @property
    def chunk_steps(self):
        """Time steps in a chunk."""
        return CHUNK * self.options.trajectory

    def perform(self, k, model, start, own=None, snapshots=False):
        """Do window k, or what is left of it.

        Parameters
        ----------
        k : int
        model : Altered
        start : tuple of ndarray
            u (n_sites, 3, n_cells) and F of a new run.
        own : dict, optional
            What the run file remembers besides what all windows share.
        snapshots : bool
            Keep the state after every chunk.

        Returns
        -------
        Progress
        """
        seed = int(np.random.SeedSequence([self.options.seed, k]).generate_state(1)[0]) % 2**31
        run = Run(
            self.sampler, model, self.observer, (self.stages[k],), Sampling(1, CHUNK), seed, self.options.dtype,
            CHUNK if snapshots else 0, structure=self.structure,
        )  # fmt: skip
        file = None if self.folder is None else Path(self.folder) / f"window-{k:02d}.h5"
        recorded = self.recorded | {"window": self.labels[k]} | (own or {})
        return perform(run, file, recorded, lambda: start, self, lambda p, plan: self._report(k, p), self.stop)

    def _report(self, k, progress):
        """Tell of a chunk, as of a run through the stages of all windows."""
        before = sum(stage.chunks for stage in self.stages[:k]) * self.chunk_steps
        step = before + progress.step * self.options.trajectory
        self.on_chunk(Place(progress.state, step, k + progress.stage, progress.chunk), self)


@dataclass(frozen=True)
class Place:
    """Where a series of windows stands, as progress bars want it: see `anharmonic.sampling.run.Progress`."""

    state: object
    step: int
    stage: int
    chunk: int


def production(progress, *names):
    """Columns of the production of a run of one stage, float64."""
    samples = progress.columns()
    chosen = np.asarray(samples["production"], bool)
    return [np.asarray(samples[name])[chosen].astype(float) for name in names]


def last_state(progress):
    """Displacements and F of the state that a run has reached."""
    return np.asarray(progress.state.displacements), np.asarray(progress.state.deformation)
