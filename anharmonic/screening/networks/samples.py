"""What networks learn from."""

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np


@dataclass(frozen=True)
class Samples:
    """Inputs of a network with what it should say of them.

    Attributes
    ----------
    inputs : pytree of arrays, shape (n, ...)
        Images, profiles, or a `Graph`.
    targets : ndarray, shape (n, outputs)
        NaN where not known: such a sample is only named.
    groups : ndarray of str, shape (n,)
        Formulas: those of one formula are never divided.
    elements : ndarray of int, shape (n, named), optional
        Atomic numbers on the sites that are to be named.
    """

    inputs: Any
    targets: np.ndarray
    groups: np.ndarray
    elements: np.ndarray | None = None

    def __len__(self):
        return len(self.targets)

    def part(self, chosen):
        """The samples with these numbers, or for which this mask is true."""
        elements = None if self.elements is None else self.elements[chosen]
        inputs = jax.tree.map(lambda x: x[chosen], self.inputs)
        return Samples(inputs, self.targets[chosen], self.groups[chosen], elements)

    def joined(self, other):
        """These and others together, as with several lattice constants of the same compounds."""
        elements = None if self.elements is None else np.concatenate([self.elements, other.elements])
        inputs = jax.tree.map(lambda *x: np.concatenate(x), self.inputs, other.inputs)
        arrays = (np.concatenate([getattr(s, name) for s in (self, other)]) for name in ("targets", "groups"))
        return Samples(inputs, *arrays, elements)
