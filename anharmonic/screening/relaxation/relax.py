"""Structures relaxed by an ASE calculator, atoms and cell; what fails is reported, not raised.

First the steepest forces are followed down with inertia (FIRE: Bitzek et al., Phys. Rev. Lett. 97, 170201 (2006)),
then a quasi-Newton method (BFGS) goes to the minimum. The cell takes part by the logarithm of its deformation
(ASE's FrechetCellFilter).
"""

import warnings
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.filters import FrechetCellFilter
from ase.geometry import find_mic
from ase.optimize import BFGS, FIRE

from anharmonic.conventions import GPA
from anharmonic.errors import AnharmonicError
from anharmonic.screening.entries import check_structure
from anharmonic.screening.perovskites.coordination import coordination
from anharmonic.stopping import Stopped

STEEP = 1.0
"""eV/A; above it FIRE leads, for a third of the steps at most."""
VOLUMES = 0.4, 2.5
"""Times the volume of the start; beyond, a cell has collapsed or exploded."""


@dataclass(frozen=True)
class Relaxed:
    """What became of a structure.

    Attributes
    ----------
    atoms : ase.Atoms
        As it was left, without a calculator.
    energy : float
        eV/atom; NaN if the calculator failed.
    steps : int
    converged : bool
    fmax : float
        Largest force on an atom or on the cell that is left, eV/A.
    volume_change : float
        Volume of the end by that of the start, less 1.
    displacement : float
        Root mean square of the displacements (A) in the cell of the end, without the drift of the whole.
    perovskite_before, perovskite_after : bool or None
        By coordination and corners that octahedra share; None if the structure is no compound ABX3.
    reason : str
        Why it did not converge; empty if it did.
    """

    atoms: Atoms
    energy: float
    steps: int
    converged: bool
    fmax: float
    volume_change: float
    displacement: float
    perovskite_before: bool | None
    perovskite_after: bool | None
    reason: str = ""


def relax(atoms, calculator, fmax=0.02, steps=300, pressure=0.0, rattle=0.0, seed=0, stop=lambda: None):
    """Relax positions and cell.

    Parameters
    ----------
    atoms : ase.Atoms
        Not changed.
    calculator : ase.calculators.calculator.Calculator
        With forces and stress.
    fmax : float
        Converged when no force, on an atom or on the cell, is larger (eV/A).
    steps : int
        At most.
    pressure : float
        GPa.
    rattle : float
        Standard deviation (A) of random displacements at the start, by which symmetric structures leave saddle points.
    seed : int
        Of these.
    stop : callable
        Asked at every step for the number of a signal that asks to stop, or None.

    Returns
    -------
    Relaxed

    Raises
    ------
    AnharmonicError
        If the structure is none; whatever goes wrong later is told by `Relaxed.reason`.
    Stopped
        If `stop` said so.
    """
    check_structure(atoms)
    moving = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True)
    if rattle:
        moving.positions += rattle * np.random.default_rng(seed).standard_normal(moving.positions.shape)
    moving.calc = calculator
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        done, force, reason = _minimise(moving, fmax, steps, pressure * GPA, stop)
    end = Atoms(moving.numbers, moving.positions, cell=moving.cell, pbc=True)
    sound = bool(np.isfinite(end.positions).all() and np.isfinite(end.cell.array).all())
    energy = _energy(moving) if sound and np.isfinite(force) else np.nan
    return Relaxed(
        end, energy, done, not reason, force, end.get_volume() / atoms.get_volume() - 1,
        _displacement(atoms, end) if sound else np.nan, _perovskite(atoms), _perovskite(end) if sound else None, reason,
    )  # fmt: skip


def _minimise(atoms, fmax, steps, pressure, stop):
    """Move `atoms` to a minimum; returns the steps done, the largest force left (eV/A), and why it failed."""
    volume, done, force = atoms.get_volume(), 0, np.nan
    target = FrechetCellFilter(atoms, scalar_pressure=pressure)
    try:
        for optimiser, until, share in ((FIRE, max(STEEP, fmax), 1 / 3), (BFGS, fmax, 1)):
            force = _largest_force(target)
            run = optimiser(target, logfile=None)
            for _ in run.irun(fmax=until, steps=max(int(share * steps) - done, 0)):
                if signal_number := stop():
                    raise Stopped(signal_number)
                force = _largest_force(target)
                if not np.isfinite(force):
                    return done + run.nsteps, np.nan, "forces are not finite"
                change = atoms.get_volume() / volume
                if not VOLUMES[0] < change < VOLUMES[1]:
                    word = "collapsed" if change < 1 else "exploded"
                    return done + run.nsteps, force, f"the cell {word} to {change:.2g} times its volume"
            done += run.nsteps
    except Stopped:
        raise
    except Exception as error:  # a calculator may fail in any way, and a cell may become flat
        return done, np.nan, f"the calculator failed: {' '.join(f'{type(error).__name__}: {error}'.split())[:200]}"
    return done, force, "" if force <= fmax else f"a force of {force:.3g} eV/A is left after {done} steps"


def _largest_force(target):
    return float(np.sqrt((target.get_forces() ** 2).sum(axis=1).max()))


def _energy(atoms):
    """eV/atom, where the calculator has just been."""
    return float(atoms.get_potential_energy()) / len(atoms)


def _displacement(before, after):
    """Root mean square displacement (A) between two structures with the same atoms, in the cell of the second."""
    moved = (after.get_scaled_positions(wrap=False) - before.get_scaled_positions(wrap=False)) @ after.cell.array
    for _ in range(3):  # the mean is defined once no atom jumps to its image
        moved = find_mic(moved - moved.mean(axis=0), after.cell, pbc=True)[0]
    return float(np.sqrt((moved**2).sum(axis=1).mean()))


def _perovskite(atoms):
    """Whether a structure is a perovskite with octahedra that share corners; None if it is no compound ABX3."""
    try:
        found = coordination(atoms)
    except AnharmonicError:
        return None
    return bool(found.perovskite and found.corners)
