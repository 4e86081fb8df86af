"""The run loop: stages of constant conditions, sampled in compiled chunks, checkpointed between them."""

import time
from dataclasses import dataclass, field

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.errors import RunFileError
from anharmonic.sampling.conditions import Conditions

CHECKPOINT_SECONDS = 10.0


@dataclass(frozen=True)
class Stage:
    """Sampling at constant conditions.

    Attributes
    ----------
    temperature : float
        K.
    pressure : float
        eV/A^3.
    label : str
        Free text, e.g. ``"heating"``.
    equilibration, production : int
        Chunks of samples; equilibration is recorded and marked.
    """

    temperature: float
    pressure: float = 0.0
    label: str = ""
    equilibration: int = 10
    production: int = 20

    @property
    def chunks(self):
        """Chunks in all."""
        return self.equilibration + self.production


@dataclass(frozen=True)
class Sampling:
    """How often to look.

    Attributes
    ----------
    stride : int
        Steps between samples.
    chunk : int
        Samples per compiled call; checkpoints fall between chunks.
    """

    stride: int = 20
    chunk: int = 10


class Observer(eqx.Module):
    """What is recorded of every sample besides the sampler's own scalars.

    Attributes
    ----------
    projections : array, shape (n_projections, n_sites, 3, n_cells)
        Linear order parameters of the displacements; may be empty.
    """

    projections: jax.Array

    def __call__(self, state, model):
        """Deformation gradient (3, 3), projections (n_projections,), extrapolation grade."""
        u, deformation = state.displacements, state.deformation
        return {
            "deformation": deformation,
            "projections": jnp.tensordot(self.projections.astype(u.dtype), u, 3),
            "extrapolation": model.extrapolation(u, deformation),
        }


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
    samples : dict of list of ndarray
        By name, one array (chunk, ...) for each chunk done.
    """

    state: eqx.Module
    step: int = 0
    stage: int = 0
    chunk: int = 0
    samples: dict = field(default_factory=dict)

    def columns(self):
        """Samples as arrays (n_samples, ...) by name."""
        return {name: np.concatenate(parts) for name, parts in self.samples.items()}


@dataclass(frozen=True)
class Run:
    """A sampler on a supercell with the stages it goes through.

    Attributes
    ----------
    sampler : MolecularDynamics or MonteCarlo
    model : Evaluator
    observer : Observer
    stages : sequence of Stage
    sampling : Sampling
    seed : int
    dtype : str
    """

    sampler: eqx.Module
    model: eqx.Module
    observer: Observer
    stages: tuple
    sampling: Sampling
    seed: int = 0
    dtype: str = "float32"

    def start(self, displacements, deformation):
        """Progress at the beginning, from given displacements (n_sites, 3, n_cells) and F."""
        conditions = self._conditions(self.stages[0])
        key = jax.random.fold_in(jax.random.key(self.seed), 0)
        state = eqx.filter_jit(self.sampler.init)(
            key,
            displacements.astype(self.dtype),
            deformation.astype(self.dtype),
            conditions,
            self.model,
        )
        return Progress(state)

    def go(self, progress, checkpoint=lambda progress: None, on_chunk=lambda progress: None):
        """Do all that is left; `progress` is changed in place.

        Parameters
        ----------
        progress : Progress
        checkpoint : callable
            Called with `progress` at the end of each stage and every few seconds.
        on_chunk : callable
            Called with `progress` after every chunk.

        Raises
        ------
        RunFileError
            If a number that is not finite appears; the last checkpoint is from before.
        """
        saved = time.monotonic()
        while progress.stage < len(self.stages):
            self._one_chunk(progress)
            on_chunk(progress)
            if progress.chunk == 0 or time.monotonic() - saved > CHECKPOINT_SECONDS:
                checkpoint(progress)
                saved = time.monotonic()

    def _one_chunk(self, progress):
        """Advance by one chunk and record it."""
        stage = self.stages[progress.stage]
        equilibrating = progress.chunk < stage.equilibration
        sampler = self.sampler.adapting() if equilibrating and hasattr(self.sampler, "adapting") else self.sampler
        state, samples = _advance(
            sampler, self.model, self._conditions(stage), self.observer, jax.random.key(self.seed),
            progress.state, jnp.asarray(progress.step + 1, jnp.int32), self.sampling.chunk, self.sampling.stride,
        )  # fmt: skip
        samples = jax.tree.map(np.asarray, samples)
        _check_finite(samples, stage, progress.step, self.sampling.stride)
        samples["stage"] = np.full(self.sampling.chunk, progress.stage, np.int32)
        samples["production"] = np.full(self.sampling.chunk, not equilibrating)
        for name, values in samples.items():
            progress.samples.setdefault(name, []).append(values)
        progress.state = jax.tree.map(np.asarray, state)
        progress.step += self.sampling.chunk * self.sampling.stride
        done = progress.chunk + 1 == stage.chunks
        progress.stage, progress.chunk = (progress.stage + 1, 0) if done else (progress.stage, progress.chunk + 1)

    def _conditions(self, stage):
        return Conditions.of(stage.temperature, stage.pressure, dtype=self.dtype)


@eqx.filter_jit
def _advance(sampler, model, conditions, observer, key, state, step, n_samples, stride):
    """`n_samples` samples, each after `stride` steps; random keys are folded from the step number."""

    def one_step(k, carry):
        state, step = carry
        state = sampler.step(jax.random.fold_in(key, step), state, conditions, model)
        return state, step + 1

    def one_sample(carry, _):
        carry = jax.lax.fori_loop(0, stride, one_step, carry)
        observed = sampler.observe(carry[0], conditions, model) | observer(carry[0], model)
        return carry, observed

    (state, _), samples = jax.lax.scan(one_sample, (state, step), length=n_samples)
    return state, samples


def _check_finite(samples, stage, step, stride):
    """Refuse samples with numbers that are not finite, naming where they appeared."""
    for name, values in samples.items():
        bad = ~np.isfinite(values.reshape(len(values), -1)).all(axis=1)
        if bad.any():
            raise RunFileError(
                f"{name} is not finite at step {step + (int(np.argmax(bad)) + 1) * stride} ({stage.temperature:g} K "
                f"{stage.label}): the run left the range of the potential or the time step is too long. "
                "The last checkpoint is intact; start again with a shorter time step or a potential fitted further out."
            )
