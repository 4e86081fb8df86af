"""Elastic constants of the relaxed phases of a potential at 0 K."""

import numpy as np

from anharmonic.analysis.strains import ElasticConstants
from anharmonic.conventions import GPA
from anharmonic.crystal.symmetry import symmetry_dataset
from anharmonic.errors import AnharmonicError
from anharmonic.evaluation.elasticity import elastic_stiffness
from anharmonic.potential.relaxation import relax
from anharmonic.sweep.start import relaxed_phases

TIGHT = 1e-6
"""Largest component of the gradient (eV/A) that is left: second derivatives want better minima than energies."""

SAME = 1e-5
"""Phases whose energies differ by less (eV per cell) are one."""

SYMPREC = 0.01


def elastic_phases(potential, progress=lambda done, total: None):
    """Elastic constants of all relaxed phases of a potential, lowest energy first.

    Parameters
    ----------
    potential : Potential
    progress : callable
        Called with the number of phases done and of all.

    Returns
    -------
    list of dict
        ``start`` (tilts from which it was relaxed), ``space_group``, ``energy_meV_per_cell``, and either
        ``elastic_constants_GPa`` (6, 6), ``born_stable`` and ``bulk_modulus_GPa``, or ``doubt``: why there are none.
    """
    found, energies = [], []
    phases = relaxed_phases(potential)
    for k, (start, (state, energy)) in enumerate(phases.items()):
        if not any(abs(energy - other) < SAME for other in energies):
            energies.append(energy)
            found.append({"start": start} | _phase(potential, state))
        progress(k + 1, len(phases))
    return found


def _phase(potential, state):
    state, energy = relax(potential, state, force_tolerance=TIGHT)
    atoms = state.to_atoms()
    cell = atoms.cell[:], atoms.get_scaled_positions(), atoms.numbers
    record = {
        "space_group": str(symmetry_dataset(cell, SYMPREC).international),
        "energy_meV_per_cell": 1000 * energy / state.supercell.n_cells,
    }
    try:
        found = ElasticConstants(elastic_stiffness(potential, state) / GPA, np.zeros((6, 6)))
    except AnharmonicError as error:
        return record | {"doubt": str(error)}
    return record | {
        "elastic_constants_GPa": found.stiffness.round(6).tolist(),
        "born_stable": found.is_stable,
        "bulk_modulus_GPa": found.bulk_modulus,
    }
