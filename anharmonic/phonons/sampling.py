"""Sampling at one temperature: the mean cell, then undisturbed motion in it."""

from dataclasses import dataclass

import equinox as eqx
import jax
import numpy as np

from anharmonic.crystal import Supercell
from anharmonic.electrostatics.symmetry import symmetrised_tensor
from anharmonic.evaluation import Evaluator
from anharmonic.evaluation.fields import transform
from anharmonic.phonons.cells import PhononCells, unit_state
from anharmonic.phonons.waves import WaveVelocities
from anharmonic.potential.potential import precision
from anharmonic.sweep.result import stage_samples
from anharmonic.sweep.samplers import build_run, recorded_options
from anharmonic.sweep.simulation import simulate
from anharmonic.sweep.start import REFERENCE, start_at_rest
from anharmonic.sweep.sweep import perform

WAVES = "waves"
"""Name of the column of `WaveVelocities` in a run file."""


@dataclass(frozen=True)
class Motion:
    """A sample of the motion at one temperature.

    Attributes
    ----------
    cells : PhononCells
        At the mean cell and the mean positions, both with the symmetry of the reference crystal.
    displacements, forces : ndarray, shape (n_samples, n_sites, 3, n_cells)
        From these positions (A), and eV/A, in the frame of the crystal.
    segments : ndarray of int, shape (n_samples,)
        Segment of each of these samples.
    velocities : tuple of ndarray, shape (n_times, n_q, n_atoms, 3), complex
        Of each segment, as of `WaveVelocities`.
    interval : float
        fs between velocities.
    kinetic_temperature : float
        K; mean over the motion.
    drift : float
        meV per atom: the largest change of the conserved energy over a segment.
    """

    cells: PhononCells
    displacements: np.ndarray
    forces: np.ndarray
    segments: np.ndarray
    velocities: tuple
    interval: float
    kinetic_temperature: float
    drift: float


def mean_deformation(potential, plan, temperature, fastest, file=None, **control):
    """Mean F (3, 3) at a temperature, with the symmetry of the reference crystal; control as of `simulate`."""
    start = start_at_rest(potential, plan.supercell, REFERENCE)
    result = simulate(potential, start, file, **control, **plan.cell_options(temperature, fastest))
    chosen = result.samples["production"]
    return symmetrised_tensor(potential.crystal, result.samples["deformation"][chosen].astype(float).mean(0))


def sample_motion(potential, plan, cells, file=None, on_chunk=lambda progress, plan: None, stop=lambda: None):
    """Run, or finish, the motion of a `MotionPlan`.

    Parameters
    ----------
    potential : Potential
    plan : MotionPlan
    cells : PhononCells
        Of the reference crystal.
    file, on_chunk, stop
        See `anharmonic.sweep.sweep`.

    Returns
    -------
    Motion
    """
    supercell = Supercell.from_matrix(plan.supercell)
    deformation = np.array(plan.deformation)
    with precision(plan.dtype):
        observed = {WAVES: WaveVelocities.of_cells(cells, plan.wave_vectors, plan.dtype)}
        run = build_run(potential, supercell, plan, observed)
        start = np.zeros_like(cells.configuration.displacements), deformation
        recorded = recorded_options(potential, plan, observed)
        progress = perform(run, file, recorded, lambda: start, plan, on_chunk, stop)
        samples, snapshots = progress.columns(), progress.snapshots.columns()
        chosen = snapshots["production"]
        displacements = snapshots["displacements"][chosen]
        forces = forces_of(run.model, displacements, deformation)
    segments = [stage_samples(samples, k) for k in range(plan.segments)]
    waves, energies = [s[WAVES] for s in segments], [s["conserved"].astype(float) for s in segments]
    mean = mean_positions(potential.crystal, displacements.astype(float))
    return Motion(
        PhononCells.of_state(unit_state(potential.crystal, deformation, mean), supercell, potential.born),
        np.einsum("xy,tsyn->tsxn", deformation, displacements - mean[..., None]),
        forces,
        snapshots["stage"][chosen],
        tuple(w[:, 0] + 1j * w[:, 1] for w in waves),
        plan.stride * plan.timestep,
        float(samples["kinetic_temperature"][samples["production"]].mean(dtype=float)),
        float(1000 * max(abs(e[-1] - e[0]) for e in energies) / len(cells.sites)),
    )


def forces_of(evaluator, displacements, deformation):
    """Forces (n_samples, n_sites, 3, n_cells) in eV/A, float64, of displacements in the precision of the evaluator."""
    deformation = deformation.astype(displacements.dtype)
    return np.asarray(_forces(evaluator, displacements, deformation), float)


def mean_positions(crystal, displacements):
    """Mean displacements (n_sites, 3) of the sites with the symmetry of the crystal, which keep its centre.

    Parameters
    ----------
    crystal : Crystal
    displacements : ndarray, shape (n_samples, n_sites, 3, n_cells)
        A, reference frame.
    """
    mean = displacements.mean(axis=(0, 3))
    group, total = crystal.space_group, np.zeros_like(mean)
    for rotation, images in zip(group.cartesian_rotations(crystal.cell), group.site_map, strict=True):
        total[images] += mean @ rotation.T / len(group)
    return total - total.mean(0)


@eqx.filter_jit
def _forces(evaluator: Evaluator, displacements, deformation):
    inverse = jax.numpy.linalg.inv(deformation)

    def of_one(u):
        return -transform(inverse.T, evaluator.derivatives(u, deformation)[0])

    return jax.lax.map(of_one, displacements)
