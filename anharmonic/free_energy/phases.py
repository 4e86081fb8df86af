"""The phases of a potential at 0 K, and how many symmetric images a state has."""

from dataclasses import replace

import numpy as np

from anharmonic.analysis import lattice_parameters
from anharmonic.crystal import Configuration, Supercell
from anharmonic.errors import AnharmonicError
from anharmonic.sweep.metric import Metric
from anharmonic.sweep.scan import distinct_phases, formula_units

SAME_IMAGE = 0.05
"""Images of a mean state nearer than that (A per atom) are one: noise is below, distortions of a phase above."""


def phase_records(potential):
    """Relaxed phases that differ, lowest first.

    Returns
    -------
    list of dict
        ``name`` (tilt system of the start), ``space_group``, ``energy_meV`` and ``above_lowest_meV`` per formula unit,
        ``a``, ``b``, ``c`` (A, of the strained reference cell), ``volume`` (A^3 per formula unit) and ``domains``.
    """
    units, records = formula_units(potential.crystal), []
    for name, (state, energy, symbol) in distinct_phases(potential).items():
        records.append({"name": name, "space_group": symbol, "energy_meV": 1000 * energy / units})
        records[-1]["above_lowest_meV"] = records[-1]["energy_meV"] - records[0]["energy_meV"]
        lengths = lattice_parameters(potential.crystal, state.deformation)
        records[-1] |= {axis: float(length) for axis, length in zip("abc", lengths, strict=True)}
        records[-1]["volume"] = potential.crystal.volume * float(np.linalg.det(state.deformation)) / units
        records[-1]["domains"] = n_domains(potential.crystal, state)
    return records


def start_of_phase(potential, supercell, name):
    """``(Configuration, name)`` of a relaxed phase, repeated over a supercell.

    Raises
    ------
    AnharmonicError
        If the potential has no such phase, or the supercell is odd.
    """
    supercell, found = Supercell.from_matrix(supercell), distinct_phases(potential)
    if name not in found:
        raise AnharmonicError(f"no relaxed phase {name}; the distinct ones are {', '.join(found)}")
    if (supercell.matrix % 2).any():
        raise AnharmonicError(f"phases are known in 2x2x2 cells: take even numbers; found {supercell.matrix.tolist()}")
    relaxed, whole = found[name][0], Configuration.reference(potential.crystal, supercell)
    cells = relaxed.supercell.index(supercell.cells)
    return replace(whole, displacements=relaxed.displacements[:, :, cells], deformation=relaxed.deformation), name


def n_domains(crystal, state):
    """Number of symmetric images of a state under the operations and translations of the reference crystal.

    A state of cells larger than 2x2x2 is averaged over those that are equal in them; None if its cells are odd.

    Parameters
    ----------
    crystal : Crystal
    state : Configuration
    """
    metric = Metric(crystal)
    if (state.supercell.matrix % 2).any():
        return None
    cells = metric.supercell.index(state.supercell.cells)
    mean = np.stack([state.displacements[:, :, cells == k].mean(axis=2) for k in range(8)], axis=2)
    mean = mean - mean.mean(axis=(0, 2), keepdims=True)
    coordinates = metric.coordinates(*metric.images(mean, state.deformation))
    found = np.empty((0, coordinates.shape[1]))
    for image in coordinates:
        if not len(found) or np.linalg.norm(found - image, axis=1).min() > SAME_IMAGE:
            found = np.vstack([found, image])
    return len(found)
