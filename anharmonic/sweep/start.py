"""Where a run begins: the ground state of the potential, the reference crystal, or a structure."""

import hashlib
from dataclasses import replace

import numpy as np
from scipy.linalg import polar

from anharmonic.analysis import TiltModes
from anharmonic.crystal import Configuration, Supercell, map_atoms
from anharmonic.errors import AnharmonicError
from anharmonic.potential.relaxation import relax

GROUND_STATE, REFERENCE = "ground-state", "reference"

TILT = 10.0
TILT_SYSTEMS = {
    "a0a0a0": ((0, 0, 0), (0, 0, 0)),
    "a0a0c+": ((0, 0, 1), (0, 0, 0)),
    "a0a0c-": ((0, 0, 0), (0, 0, 1)),
    "a0b-b-": ((0, 0, 0), (1, 1, 0)),
    "a-a-a-": ((0, 0, 0), (1, 1, 1)),
    "a+b-b-": ((0, 0, 1), (1, 1, 0)),
    "a+a+a+": ((1, 1, 1), (0, 0, 0)),
}
N_RANDOM = 6
RANDOM_DISPLACEMENT = 0.15


def relaxed_phases(potential):
    """Relaxed tilt systems of a perovskite in 2x2x2 cells, by Glazer symbol of the start.

    Returns
    -------
    dict of str to (Configuration, float)
        State and energy (eV per reference cell), lowest first; for crystals without
        tilts, starts are random displacements.
    """
    supercell = Supercell.from_matrix([2, 2, 2])
    reference = Configuration.reference(potential.crystal, supercell)
    found = {}
    for name, displacements in _starts(potential.crystal, supercell, reference):
        start = Configuration(reference.crystal, supercell, reference.deformation, displacements, reference.order)
        try:
            state, energy = relax(potential, start)
        except AnharmonicError:
            continue
        found[name] = state, energy / supercell.n_cells
    return dict(sorted(found.items(), key=lambda item: item[1][1]))


def ground_state(potential, supercell):
    """Displacements and F of the lowest relaxed phase that fits into `supercell`.

    The 2x2x2 cell is repeated; a supercell with an odd number of cells along an axis
    holds only the undistorted phase.
    """
    if not np.all(supercell.matrix % 2 == 0):
        return np.zeros((potential.crystal.n_sites, 3, supercell.n_cells)), np.eye(3)
    state, _ = next(iter(relaxed_phases(potential).values()))
    return state.displacements[:, :, state.supercell.index(supercell.cells)], state.deformation


def start_at_rest(potential, supercell, where=GROUND_STATE):
    """``(Configuration, name)`` of the ground state of a potential, or of its reference crystal."""
    if where not in (GROUND_STATE, REFERENCE):
        raise AnharmonicError(f"a run starts at {GROUND_STATE} or {REFERENCE}; found {where!r}")
    supercell = Supercell.from_matrix(supercell)
    reference = Configuration.reference(potential.crystal, supercell)
    if where == REFERENCE:
        return reference, where
    displacements, deformation = ground_state(potential, supercell)
    return replace(reference, displacements=displacements, deformation=deformation), where


def start_from_atoms(potential, atoms, supercell=None):
    """``(Configuration, name)`` of a structure, repeated to `supercell` if one is given; a rotation is removed.

    Raises
    ------
    MappingError
        If the structure is no distorted supercell of the reference crystal.
    AnharmonicError
        If `supercell` is no supercell of the structure's own.
    """
    state = map_atoms(potential.crystal, atoms)
    state = replace(state, deformation=polar(state.deformation)[1])
    if supercell is not None:
        state = _repeated(state, Supercell.from_matrix(supercell))
    total = hashlib.sha256()
    for values in (state.deformation, state.displacements):
        total.update(np.round(values, 8).tobytes())
    return state, f"structure {total.hexdigest()[:16]}"


def _starts(crystal, supercell, reference):
    """Named displacement fields to relax from."""
    modes = TiltModes.of_crystal(crystal)
    if modes is not None:
        for name, (in_phase, anti_phase) in TILT_SYSTEMS.items():
            angles = TILT * np.array(in_phase, float), TILT * np.array(anti_phase, float)
            yield name, modes.displacements(*angles, supercell)
        return
    rng = np.random.default_rng(0)
    yield "reference", np.zeros_like(reference.displacements)
    for k in range(N_RANDOM):
        yield f"random {k}", RANDOM_DISPLACEMENT * rng.standard_normal(reference.displacements.shape)


def _repeated(state, supercell):
    """A periodic state on a larger supercell."""
    times = supercell.matrix @ np.linalg.inv(state.supercell.matrix)
    if not np.allclose(times, np.round(times)):
        raise AnharmonicError(
            f"the supercell {supercell.matrix.tolist()} is no multiple of that of the structure, "
            f"{state.supercell.matrix.tolist()} in reference cells; leave it out to take the structure as it is"
        )
    larger = Configuration.reference(state.crystal, supercell, state.deformation)
    return replace(larger, displacements=state.displacements[:, :, state.supercell.index(supercell.cells)])
