"""What every row of the benchmark is: some work that can be repeated, and how much of it a step does."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

ATOM_STEPS, BYTES, OPERATIONS = "atom steps", "bytes", "operations"
TEMPERATURE = 300.0
"""K, of all dynamics."""


class Skipped(Exception):
    """A row that cannot be measured here; the message says why and what to do."""


@dataclass
class Workload:
    """Work that is ready to be timed.

    Attributes
    ----------
    amount : float
        Atoms, bytes moved, or floating-point operations of one step.
    run : callable
        ``run(n_steps)`` returns when that many steps are done; the first call compiles.
    method : str
        What one step is, for the notes of the table.
    unit : str
        ``ATOM_STEPS``, ``BYTES`` or ``OPERATIONS``.
    facts : callable
        Called after the runs: numbers that tell whether they made sense.
    """

    amount: float
    run: Callable
    method: str
    unit: str = ATOM_STEPS
    facts: Callable = dict


@dataclass(frozen=True)
class Row:
    """A row of the benchmark, before anything heavy is imported.

    Attributes
    ----------
    build : callable
        ``build(size, options) -> Workload``, with `size` cells of five atoms along each axis.
    largest : int
        Largest size that is worth the time.
    sizes : tuple of int
        The only sizes to measure, whatever is asked for; empty for those asked for.
    parallel : bool
        Whether it can use more than one core.
    model : str
        Potential that must have been fitted before; see `models`.
    """

    build: Callable
    largest: int = 40
    sizes: tuple = ()
    parallel: bool = False
    model: str = ""


def copies(size, n_atoms):
    """Cells of `n_atoms` along each axis for about as many atoms as ``5 size^3``."""
    return max(3, round(size * (5 / n_atoms) ** (1 / 3)))


def perovskite(symbols, a, size, displacement=0.05):
    """A cubic perovskite of ``size^3`` cells (lattice parameter `a` in A) with random displacements (A)."""
    from ase import Atoms

    sites = [[0, 0, 0], [0.5, 0.5, 0.5], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
    atoms = Atoms(symbols, cell=[a] * 3, scaled_positions=sites, pbc=True).repeat(size)
    atoms.rattle(displacement, seed=0)
    return atoms


def moving(atoms, call, displacement=0.05):
    """``run(n_steps)``: displaces ASE's `atoms` (A) from where they are now, in turn differently, and calls."""
    import numpy as np

    ideal, steps = atoms.get_positions(), itertools.count()
    moves = displacement * np.random.default_rng(0).normal(size=(8, len(atoms), 3))

    def run(n_steps):
        for k in itertools.islice(steps, n_steps):
            atoms.positions = ideal + moves[k % len(moves)] * (1 + 0.001 * (k % 7))
            call()

    return run
