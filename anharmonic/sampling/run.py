"""The run loop: stages sampled in compiled chunks, checkpointed between them."""

import time
import warnings
from dataclasses import dataclass, field

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.errors import ExtrapolationError
from anharmonic.evaluation.blocks import collect
from anharmonic.sampling.guards import continues_exactly, explain, fault
from anharmonic.sampling.observables import Observer
from anharmonic.sampling.outliers import Outliers, is_outlier, with_outliers
from anharmonic.sampling.series import Series
from anharmonic.sampling.stages import Sampling, Stage, interpolated
from anharmonic.stopping import Stopped

__all__ = ["Observer", "Progress", "Run", "Sampling", "Stage"]

CHECKPOINT_SECONDS = 10.0
"""Time between checkpoints, while one costs no more than `CHEAP_SECONDS`; then it grows in proportion: 5 %."""

CHEAP_SECONDS = 0.5
BUFFER_BYTES = 2**28
"""A checkpoint is due, too, when so much has been recorded: it bounds the memory of a run of any length."""

NOT_EXACT = (
    "this process does not compute the last sample on file bit for bit (another processor or number of devices, "
    "another version of JAX, or other compiler settings, such as XLA_FLAGS or a script that goes on with a run of the "
    "command line): from step {step} on the run is as good, but not the one that it would have been without the "
    "interruption"
)


@dataclass
class Progress:
    """Where a run stands, and what it has recorded: all that a restart needs.

    Attributes
    ----------
    state : eqx.Module
        State of the sampler.
    step : int
        Steps done since the beginning of the run.
    stage, chunk : int
        Next chunk to do.
    samples, snapshots : Series
        What was recorded of every sample; the states at some steps.
    notes : list of str
        What a reader of the results should know.
    outliers : Outliers, optional
        The states furthest outside the fitted data.
    """

    state: eqx.Module
    step: int = 0
    stage: int = 0
    chunk: int = 0
    samples: Series = field(default_factory=Series)
    snapshots: Series = field(default_factory=lambda: Series("snapshots"))
    notes: list = field(default_factory=list)
    outliers: Outliers | None = None

    def columns(self):
        """Samples (n_samples, ...) by name, each read when it is asked for."""
        return self.samples.columns()


@dataclass(frozen=True)
class Run:
    """A sampler on a supercell with the stages it goes through.

    Attributes
    ----------
    sampler : MolecularDynamics, MonteCarlo or the like
    model : Evaluator
    observer : Observer
    stages : sequence of Stage
    sampling : Sampling
    seed : int
    dtype : str
    snapshots : int
        Steps between snapshots, in whole chunks; 0 for none.
    until : callable, optional
        Called with the production samples of a stage so far (a mapping); True ends the stage.
    max_extrapolation : float, optional
        Largest extrapolation grade that is let through.
    structure : Configuration, optional
        Of the crystal and supercell, for the names of atoms.
    blocks : Blocks, optional
        Of a supercell that is split over devices, where sampler, model and observer are.
    """

    sampler: eqx.Module
    model: eqx.Module
    observer: Observer
    stages: tuple
    sampling: Sampling
    seed: int = 0
    dtype: str = "float32"
    snapshots: int = 0
    until: object = None
    max_extrapolation: float | None = None
    structure: object = None
    blocks: object = None

    def start(self, displacements, deformation):
        """Progress at the beginning, from given displacements (n_sites, 3, n_cells) and F."""
        conditions, _ = self.stages[0].conditions(self.dtype)
        key = jax.random.fold_in(jax.random.key(self.seed), 0)
        begin = self._placed((displacements.astype(self.dtype), deformation.astype(self.dtype)))
        state = eqx.filter_jit(self.sampler.init)(key, *begin, conditions, self.model)
        return Progress(collect(state))

    def is_finished(self, progress):
        """Whether nothing is left to do."""
        return progress.stage >= len(self.stages)

    def go(self, progress, checkpoint=None, on_chunk=lambda progress: None, stop=lambda: None):
        """Do all that is left; `progress` is changed in place.

        Parameters
        ----------
        progress : Progress
        checkpoint : callable, optional
            Called with `progress` every few seconds, at the end, and before an error is raised.
        on_chunk : callable
            Called with `progress` after every chunk.
        stop : callable
            Asked after every chunk for the number of a signal that asks to stop.

        Raises
        ------
        RunFileError
            If a number that is not finite appears.
        ExtrapolationError
            If a state lies further outside the fitted data than `max_extrapolation`.
        Stopped
            If `stop` said so; a checkpoint was written.
        """
        writer = _Writer(checkpoint, progress.step)
        if progress.step and not self.is_finished(progress):
            self._compare(progress)
        while not self.is_finished(progress):
            self._one_chunk(progress, writer)
            on_chunk(progress)
            signal_number = stop()
            if self.is_finished(progress) or signal_number or writer.is_due(progress):
                writer.write(progress)
            if signal_number and not self.is_finished(progress):
                raise Stopped(signal_number, progress.step)

    def _one_chunk(self, progress, writer):
        """Advance by one chunk and record it."""
        stage = self.stages[progress.stage]
        equilibrating = progress.chunk < stage.equilibration
        first = progress.step + (stage.equilibration - progress.chunk) * self.sampling.steps
        advance = self._advance(progress.stage, equilibrating, first)
        state, samples = advance(progress.state, progress.step, np.full(self.sampling.chunk, self.sampling.stride))
        if fault(samples, state, self.max_extrapolation) is not None:
            limit = self.max_extrapolation
            error, step, after = explain(advance, progress.state, progress.step, self.sampling, limit, stage, self)
            if isinstance(error, ExtrapolationError):
                progress.outliers = with_outliers(progress.outliers, self.model, after, step, stage.temperature)
            raise type(error)(f"{error}. {writer.last(progress, isinstance(error, ExtrapolationError))}")
        samples["stage"] = np.full(self.sampling.chunk, progress.stage, np.int32)
        samples["production"] = np.full(self.sampling.chunk, not equilibrating)
        progress.samples.append(samples)
        progress.state = state
        progress.step += self.sampling.steps
        if is_outlier(samples, -1).any():
            temperature = samples["temperature"][-1] if "temperature" in samples else stage.temperature
            progress.outliers = with_outliers(progress.outliers, self.model, state, progress.step, temperature)
        if self.snapshots and progress.step % self.snapshots == 0:
            progress.snapshots.append(_snapshot(progress, samples, stage))
        progress.chunk += 1
        if progress.chunk == stage.chunks or self._is_precise(progress, stage):
            progress.stage, progress.chunk = progress.stage + 1, 0

    def _is_precise(self, progress, stage):
        """Whether the stage may end early; asked rarely when there are many samples, at times that depend on nothing
        but their number."""
        n_chunks = progress.chunk - stage.equilibration
        if self.until is None or n_chunks < 1 or n_chunks % max(1, 2 ** (n_chunks.bit_length() - 4)):
            return False
        n_rows = len(progress.samples)
        return bool(self.until(progress.samples.columns(n_rows - n_chunks * self.sampling.chunk, n_rows)))

    def _advance(self, number, equilibrating, first):
        """The compiled chunk of a stage: ``(state, step, steps before each sample) -> state, samples``, on the host.

        `first` is the step at which its ramp begins.
        """
        stage, sampler = self.stages[number], self.sampler
        sampler = sampler.adapting() if equilibrating and hasattr(sampler, "adapting") else sampler
        span = np.array([first, first + stage.production * self.sampling.steps], np.int32)
        ramps = any(s.end is not None for s in self.stages)
        fixed = sampler, self.model, stage.conditions(self.dtype), span, self.observer, jax.random.key(self.seed)

        def advance(state, step, strides):
            step, strides = np.asarray(step + 1, np.int32), np.asarray(strides, np.int32)
            return collect(_advance(*fixed, self._placed(state), step, strides, ramps))

        return advance

    def _placed(self, tree):
        """Arrays of the host where they are needed."""
        return tree if self.blocks is None else self.blocks.place(tree)

    def _compare(self, progress):
        """Look at the last sample again; note it if this process computes another one than that on file."""
        here = progress.stage if progress.chunk else progress.stage - 1
        last = len(progress.samples) - 1
        equilibrating = not progress.samples.read("production", last)[0]
        done = (progress.chunk or self.stages[here].chunks) * self.sampling.steps
        first = progress.step - done + self.stages[here].equilibration * self.sampling.steps
        advance = self._advance(here, equilibrating, first)
        _, observed = advance(progress.state, progress.step, np.zeros(self.sampling.chunk))
        if not continues_exactly(observed, progress.columns()):
            note = NOT_EXACT.format(step=progress.step)
            progress.notes.append(note)
            warnings.warn(note, stacklevel=3)


class _Writer:
    """When to write a checkpoint, and which was the last."""

    def __init__(self, checkpoint, step):
        self.checkpoint, self.step, self.saved, self.cost = checkpoint, step, time.monotonic(), 0.0

    def is_due(self, progress):
        """Whether it is time, or memory is full."""
        if self.checkpoint is None:
            return False
        interval = CHECKPOINT_SECONDS * max(1.0, self.cost / CHEAP_SECONDS)
        full = progress.samples.n_bytes + progress.snapshots.n_bytes > BUFFER_BYTES
        return full or time.monotonic() - self.saved > interval

    def write(self, progress):
        """Write a checkpoint, if there is a file."""
        if self.checkpoint is None:
            return
        began = time.monotonic()
        self.checkpoint(progress)
        self.saved, self.step = time.monotonic(), progress.step
        self.cost = self.saved - began

    def last(self, progress, changed=False):
        """Save the last good state if it is new, or something else has `changed`; say where it is."""
        if progress.step > self.step or changed:
            self.write(progress)
        if self.checkpoint is None:
            return "Nothing was saved: the run has no file"
        return f"The last good checkpoint is at step {self.step}" if self.step else "There is no checkpoint yet"


def _snapshot(progress, samples, stage):
    """The state of now as a row of `Progress.snapshots`; the energy is that of the last sample."""
    now = {"step": np.asarray(progress.step), "stage": samples["stage"][-1], "production": samples["production"][-1]}
    now |= {"displacements": progress.state.displacements, "deformation": progress.state.deformation}
    now |= {"energy": samples["energy"][-1]} if "energy" in samples else {}
    now["temperature"] = samples["temperature"][-1] if "temperature" in samples else stage.temperature
    return {name: np.asarray(value)[None] for name, value in now.items()}


@eqx.filter_jit
def _advance(sampler, model, ends, span, observer, key, state, step, strides, with_conditions):
    """A sample after each of `strides` steps (n_samples,); random keys are folded from the step number, conditions
    change between both `ends` over the `span` of steps."""

    def at(step):
        return interpolated(*ends, step, span[0], span[1])

    def one_step(k, carry):
        state, step = carry
        state = sampler.step(jax.random.fold_in(key, step), state, at(step), model)
        return state, step + 1

    def one_sample(carry, stride):
        state, step = jax.lax.fori_loop(0, stride, one_step, carry)
        conditions = at(step - 1)
        if hasattr(sampler, "record"):
            observed = sampler.record(state, conditions, model, observer)
        else:
            observed = sampler.observe(state, conditions, model) | observer(state, model)
        if with_conditions:
            names = "temperature", "pressure", "tension"
            observed |= {name: getattr(conditions, name) for name in names}
        return (state, step), observed

    (state, _), samples = jax.lax.scan(one_sample, (state, step), jnp.asarray(strides))
    return state, samples
