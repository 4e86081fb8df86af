"""Structures to label: along unstable modes and between phases, strained, and displaced as by heat.

Each structure depends on the seed and its own number only. Displacements by heat are those of classical modes of the
2x2x2 cell of the cubic crystal, whose unstable and softest modes count as if they had a frequency of `SOFTEST`.
"""

from dataclasses import replace

import numpy as np

from anharmonic.analysis import TiltModes
from anharmonic.conventions import BOLTZMANN
from anharmonic.crystal import Configuration, Supercell, map_atoms
from anharmonic.errors import AnharmonicError
from anharmonic.phonons.cells import repeated
from anharmonic.promotion.instabilities import CELL, THZ
from anharmonic.promotion.wells import SMALL, displaced
from anharmonic.sweep.start import TILT, TILT_SYSTEMS

TEMPERATURES = 100.0, 300.0, 600.0, 200.0, 450.0
"""K, in turn."""
SOFTEST = 1.0
"""THz."""
STRAIN, EXPANSION = 0.01, 3e-5
"""Standard deviation of each component of the strain, and a linear thermal expansion (1/K)."""
VOLUMES = -0.02, -0.01, 0.01, 0.02, 0.03
"""Linear strains of the cubic crystal and of the lowest phase."""
FURTHEST = 1.2
"""Of the way from the cubic crystal to a phase."""
CLOSEST, FARTHEST = 0.72, 0.3
"""Of the shortest bond, and of the distance of neighbouring anions: where atoms are closer to each other, or farther
from their sites, displacements by heat are made smaller."""
OFF_CENTRE, RANDOM = 0.15, 0.1
"""A: displacement of B, and standard deviation of displacements at 300 K, where no modes are known."""


def training_structures(crystal, states, hessian=None, count=120, seed=0):
    """Structures of 20 and 40 atoms.

    First the states themselves, then the cubic crystal and the first state at other volumes, then as many as are
    asked for on the ways from the cubic crystal to the states, strained and displaced.

    Parameters
    ----------
    crystal : Crystal
        The reference.
    states : dict of str to Configuration
        Relaxed phases or points on the way to them, lowest first, in cells of which the 2x2x2 cell is a multiple.
    hessian : ndarray, shape (120, 120), optional
        Without it displacements are random.
    count : int
    seed : int

    Returns
    -------
    list of ase.Atoms
        ``info`` has phase, number, temperature (K).

    Raises
    ------
    AnharmonicError
        If the states alone are more than asked for.
    """
    still = [("cubic", displaced(crystal, Supercell.from_matrix(SMALL), np.zeros((5, 3, 4)))), *states.items()]
    still = [(name, in_cell(state, True) or in_cell(state, False)) for name, state in still]
    strained = [(name, _strained(state, (1 + e) * np.eye(3))) for e in VOLUMES for name, state in still[:2]]
    if len(still) + len(strained) > count:
        raise AnharmonicError(f"{len(still) + len(strained)} structures are the least to begin with; found {count}")
    found = [_atoms(state, name, k, 0.0) for k, (name, state) in enumerate(still + strained)]
    heat = _heat(crystal, hessian)
    for number in range(len(found), count):
        rng, temperature = np.random.default_rng([seed, number]), TEMPERATURES[number % len(TEMPERATURES)]
        name, state = [("cubic", still[0][1]), *states.items()][rng.integers(len(still))]
        found.append(_atoms(_drawn(crystal, state, heat, temperature, number % 2 == 0, rng), name, number, temperature))
    return found


def states_of_phases(crystal, phases):
    """Relaxed phases as states of the reference, lowest first; those that are no longer perovskites are left out.

    Parameters
    ----------
    crystal : Crystal
    phases : sequence of Phase

    Returns
    -------
    dict of str to Configuration
    """
    found = {}
    for phase in sorted(phases, key=lambda phase: phase.energy):
        if phase.name == "a0a0a0":
            continue
        try:
            state = map_atoms(crystal, phase.atoms, phase.matrix)
        except AnharmonicError:
            continue
        if in_cell(state, False) is not None:
            found[phase.name] = _upright(state)
    return found


def assumed_states(crystal):
    """Tilt systems and a displaced B, for where no calculator says which modes are unstable."""
    tilts, found = TiltModes.of_crystal(crystal), {}
    for name, (in_phase, anti_phase) in TILT_SYSTEMS.items():
        if name != "a0a0a0":
            angles = TILT * np.array(in_phase, float), TILT * np.array(anti_phase, float)
            found[name] = displaced(crystal, CELL, tilts.displacements(*angles, CELL))
    for count in (1, 3):
        u = np.zeros((5, 3, CELL.n_cells))
        u[1, :count] = OFF_CENTRE / np.sqrt(count)
        found[f"B along {'1' * count + '0' * (3 - count)}"] = displaced(crystal, CELL, u)
    return found


def in_cell(state, small):
    """A state in the 20-atom cell (None if that does not hold it) or in the 2x2x2 cell."""
    cell = Supercell.from_matrix(SMALL) if small else CELL
    times = cell.matrix @ np.linalg.inv(state.supercell.matrix)
    if np.allclose(times, np.round(times), atol=1e-6):
        return repeated(state, cell)
    if small:
        return _folded(state, cell)
    return None


def _folded(state, cell):
    """A state of the 2x2x2 cell in the smaller one, if it repeats there."""
    if not np.array_equal(state.supercell.matrix, CELL.matrix):
        return None
    first = state.displacements[:, :, CELL.index(cell.cells)]
    again = first[:, :, cell.index(CELL.cells)]
    if abs(again - state.displacements).max() > 1e-3:
        return None
    return displaced(state.crystal, cell, first, state.deformation)


def _upright(state):
    """The state without a rotation of the whole."""
    values, vectors = np.linalg.eigh(state.deformation.T @ state.deformation)
    return replace(state, deformation=vectors * np.sqrt(values) @ vectors.T)


def _strained(state, strain):
    return replace(state, deformation=strain @ state.deformation)


def _drawn(crystal, state, heat, temperature, small, rng):
    """A structure on the way to a state, strained, and displaced as by heat."""
    part = rng.uniform(0, FURTHEST)
    small = small and in_cell(state, True) is not None
    state = in_cell(state, small)
    noise = rng.normal(0, STRAIN, (3, 3))
    strain = (1 + EXPANSION * temperature) * np.eye(3) + 0.5 * (noise + noise.T)
    deformation = strain @ (np.eye(3) + part * (state.deformation - np.eye(3)))
    moved = np.sqrt(BOLTZMANN * temperature) * heat(rng)
    if small:  # what both halves of the 2x2x2 cell share, at the amplitude of a cell of half the size
        moved = 0.5 * (moved + moved[:, :, CELL.index(CELL.cells + [1, 1, 0])])[:, :, CELL.index(state.supercell.cells)]
        moved *= np.sqrt(2)
    for _ in range(20):
        found = displaced(crystal, state.supercell, part * state.displacements + moved, deformation)
        farthest = np.linalg.norm(found.displacements, axis=1).max() * np.sqrt(2) / crystal.cell[0, 0]
        if _shortest(found) > CLOSEST * crystal.nearest_distance() and farthest < FARTHEST:
            break
        moved = 0.8 * moved
    return found


def _shortest(state):
    """Shortest distance between atoms, A."""
    distances = state.to_atoms().get_all_distances(mic=True)
    return distances[~np.eye(len(distances), dtype=bool)].min()


def _heat(crystal, hessian):
    """Draws of displacements (n_sites, 3, 8) at kT = 1 eV, as a function of a generator of random numbers."""
    shape = crystal.n_sites, 3, CELL.n_cells
    if hessian is None:
        return lambda rng: RANDOM / np.sqrt(300 * BOLTZMANN) * rng.standard_normal(shape)
    masses = np.sqrt(np.repeat(crystal.masses, 3 * CELL.n_cells))
    values, vectors = np.linalg.eigh(hessian / np.outer(masses, masses))
    sizes = 1 / np.sqrt(np.maximum(abs(values), (SOFTEST / THZ) ** 2))

    def draw(rng):
        moved = (vectors @ (sizes * rng.standard_normal(len(sizes))) / masses).reshape(shape)
        return moved - moved.mean(axis=(0, 2), keepdims=True)

    return draw


def _atoms(state, name, number, temperature):
    atoms = Configuration.to_atoms(state)
    atoms.info = {"phase": name, "number": number, "temperature": temperature, "supercell": "promotion"}
    return atoms
