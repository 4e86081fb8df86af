"""What a run goes through: stages of constant conditions, or of conditions that change with time."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.sampling.conditions import Conditions


@dataclass(frozen=True)
class Stage:
    """Sampling at constant conditions, or along a ramp.

    Attributes
    ----------
    temperature : float
        K.
    pressure : float
        eV/A^3.
    tension : array_like, shape (3, 3), optional
        Deviatoric stress as of `Conditions`, eV/A^3; none by default.
    end : tuple of (temperature, pressure, tension), optional
        Conditions at the end of a ramp. They hold still in the equilibration and then change
        linearly with the step; the last step has those of the end.
    label : str
        Free text, e.g. ``"heating"``.
    equilibration, production : int
        Chunks of samples; equilibration is recorded and marked.
    """

    temperature: float
    pressure: float = 0.0
    tension: object = None
    end: tuple | None = None
    label: str = ""
    equilibration: int = 10
    production: int = 20

    @property
    def chunks(self):
        """Chunks in all."""
        return self.equilibration + self.production

    @property
    def name(self):
        """Temperature and label, for people."""
        first, last = np.ravel(self.temperature), np.ravel(self.end[0] if self.end else self.temperature)
        span = f"{first[0]:g} K" if len(first) == 1 else f"{first[0]:g} - {first[-1]:g} K"
        span = f"{first[0]:g} to {last[0]:g} K" if first[0] != last[0] else span
        return f"{span} {self.label}".strip()

    def conditions(self, dtype):
        """`Conditions` at the beginning and at the end."""
        begin = Conditions.of(self.temperature, self.pressure, self.tension, dtype)
        return begin, Conditions.of(*self.end, dtype) if self.end else begin


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

    @property
    def steps(self):
        """Steps in a chunk."""
        return self.stride * self.chunk


def interpolated(begin, end, step, first, last):
    """Conditions at a step: `begin` up to step `first`, `end` from step `last` on, linear between."""
    share = jnp.clip((step - first).astype(begin.temperature.dtype) / jnp.maximum(last - first, 1), 0, 1)
    return jax.tree.map(lambda a, b: a + share.astype(a.dtype) * (b - a), begin, end)
