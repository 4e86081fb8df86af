"""Mapping of structures onto the reference crystal: ``ase.Atoms`` to `Configuration`.

`matching` lists the supercell matrices whose lattice is close to the structure's, whatever its orientation;
`placement` puts the atoms on the sites of each. The matrix with the smallest displacements wins.
"""

import numpy as np
from ase.formula import Formula

from anharmonic.crystal.configuration import Configuration
from anharmonic.crystal.matching import deformation_gradients, matching_matrices, proper_rotations, strain_norms
from anharmonic.crystal.placement import Placer
from anharmonic.crystal.supercell import Supercell
from anharmonic.errors import MappingError

SHAPE_BOUNDS = (0.1, 0.2, 0.35)  # strains at equal volume up to which matrices are listed, one after the other
SHAPE_MARGIN = 0.04  # a matrix with this much more strain may still win by its displacements
MAX_LISTED = 4000  # matrices per bound whose pair distances are looked at
MAX_PLACED = 24  # matrices per bound that are tried in full


def map_atoms(crystal, atoms, matrix=None, max_strain=0.25, max_displacement=None):
    """Find the supercell, the deformation and the displacements that turn `crystal` into `atoms`.

    The atoms may come in any order, wrapped or not, with any choice of lattice vectors (left-handed ones
    too), rotated and shifted as a whole. A rigid translation of the whole crystal is dropped: displacements
    have zero mean, and ``to_atoms()`` of the result gives the structure back up to lattice vectors and that
    translation. Of descriptions that the crystal's symmetry makes equivalent, the one with the least
    rotation is returned.

    Parameters
    ----------
    crystal : Crystal
        The reference.
    atoms : ase.Atoms
        Periodic in three directions.
    matrix : array_like, shape (3,) or (3, 3), int, optional
        Supercell matrix to use as it stands, for instance that of the first frame of a trajectory.
    max_strain : float
        Largest Frobenius norm of the Green-Lagrange strain; more than 0.35 at equal volume is never looked for.
    max_displacement : float, optional
        Largest displacement (A, reference frame); default half the shortest distance between sites of one
        species, beyond which "the nearest site" is no longer unique.

    Returns
    -------
    Configuration

    Raises
    ------
    MappingError
        If the structure is not periodic, its composition differs, no supercell matrix fits within
        `max_strain`, or an atom is farther than `max_displacement` from its site.
    AnharmonicError
        If `matrix` is no supercell matrix.
    """
    n_cells = _count_cells(crystal, atoms)
    placer, cell = Placer(crystal, atoms), atoms.cell[:]
    limit = placer.spacing / 2 if max_displacement is None else max_displacement
    if matrix is None:
        placement = _search(placer, crystal, cell, n_cells, max_strain, limit)
    else:
        placement = placer.place(_checked(matrix, crystal, cell, n_cells, max_strain))
    complaint = _complaint(placement, atoms, limit)
    if complaint:
        raise MappingError(complaint)
    supercell = Supercell.from_matrix(placement.matrix)
    order = np.argsort(placement.slots).reshape(crystal.n_sites, n_cells)
    deformation = deformation_gradients(crystal, cell, placement.matrix)
    return Configuration(crystal, supercell, deformation, np.moveaxis(placement.displacements[order], 1, 2), order)


def _count_cells(crystal, atoms):
    """Number of reference cells in a periodic structure of the right composition."""
    if not (np.isfinite(atoms.positions).all() and np.isfinite(atoms.cell[:]).all()):
        raise MappingError("the structure has positions or cell vectors that are not finite numbers")
    if not all(atoms.pbc) or abs(np.linalg.det(atoms.cell[:])) < 1e-6:
        raise MappingError(
            f"a supercell is periodic in three directions; found pbc = {atoms.pbc.tolist()} and a cell of "
            f"{abs(np.linalg.det(atoms.cell[:])):.3g} A^3: was the structure read from a file without its lattice?"
        )
    n_cells = len(atoms) // crystal.n_sites
    unit = Formula(crystal.formula).count()
    if n_cells == 0 or atoms.symbols.formula.count() != {s: n * n_cells for s, n in unit.items()}:
        raise MappingError(
            f"the structure is {atoms.get_chemical_formula()} ({len(atoms)} atoms), no whole multiple of the "
            f"reference cell {crystal.formula} ({crystal.n_sites} atoms): another compound, a defect, or a cell "
            "smaller than the reference cell"
        )
    return n_cells


def _checked(matrix, crystal, cell, n_cells, max_strain):
    """A supercell matrix given by the user, if it fits the cell."""
    matrix = Supercell.from_matrix(matrix).matrix
    found, wanted = np.linalg.det(matrix), n_cells * np.sign(np.linalg.det(cell) * np.linalg.det(crystal.cell))
    if round(found) != wanted:
        raise MappingError(
            f"the supercell matrix {matrix.tolist()} has determinant {found:.0f}, but this structure needs "
            f"{wanted:.0f} (negative: its cell vectors are left-handed); leave the matrix out to have it found"
        )
    strain = strain_norms(deformation_gradients(crystal, cell, matrix))
    if strain > max_strain:
        raise MappingError(
            f"the supercell matrix {matrix.tolist()} needs a strain of {strain:.3f} to become this cell, more than "
            f"max_strain = {max_strain}; leave the matrix out to have it found"
        )
    return matrix


def _search(placer, crystal, cell, n_cells, max_strain, limit):
    """The acceptable placement with the smallest displacements, or else the least bad one."""
    best, best_shape, least_strain, done = None, np.inf, np.inf, -1.0
    for bound in SHAPE_BOUNDS:
        matrices, shapes = matching_matrices(crystal, cell, n_cells, bound, placer.likeness)
        strains = strain_norms(deformation_gradients(crystal, cell, matrices))
        least_strain = min(least_strain, strains.min(initial=np.inf))
        new = (strains <= max_strain) & (shapes > done)
        for matrix, shape in _shortlist(placer, matrices[new], shapes[new], limit):
            placement = placer.place(_upright(crystal, cell, matrix))
            if best is None or _rank(placement, limit) < _rank(best, limit):
                best, best_shape = placement, shape
        done = bound
        if best and (bound > max_strain or _rank(best, limit)[0] == 0 and best_shape < bound - SHAPE_MARGIN):
            break
    if best is None:
        raise MappingError(_misfit(crystal, cell, n_cells, max_strain, least_strain))
    return best


def _shortlist(placer, matrices, shapes, limit):
    """The matrices (and shapes) that agree best with vectors between atoms."""
    distances = placer.pair_distances(matrices[:MAX_LISTED])
    order = np.argsort((distances**2).mean(1).round(6), kind="stable")[:MAX_PLACED]
    possible = (distances[order] <= 2 * limit).all(1)
    possible[:1] = True  # to have something to complain about
    return zip(matrices[order[possible]], shapes[order[possible]], strict=True)


def _upright(crystal, cell, matrix):
    """The equivalent of a matrix that leaves the least rotation in F."""
    images = matrix @ proper_rotations(crystal)
    traces = np.trace(deformation_gradients(crystal, cell, images), axis1=1, axis2=2)
    return images[traces.round(6).argmax()]


def _rank(placement, limit):
    """Sort key: acceptable ones first, then by displacements."""
    too_far = np.linalg.norm(placement.displacements, axis=1).max() > limit
    return int(too_far or not placement.is_complete), round(placement.rms, 9)


def _complaint(placement, atoms, limit):
    """Why a placement is refused; empty if it is not."""
    distances, slots = np.linalg.norm(placement.displacements, axis=1), placement.slots
    i = distances.argmax()
    if distances[i] > limit:
        return (
            f"atom {i} ({atoms.symbols[i]}) is {distances[i]:.2f} A from the nearest {atoms.symbols[i]} site, more "
            f"than the limit of {limit:.2f} A: another phase, or an atom that has left its site; leave the structure "
            "out, or set max_displacement if the atom does belong there"
        )
    values, counts = np.unique(slots, return_counts=True)
    if counts.max() > 1:
        i, j = np.flatnonzero(slots == values[counts.argmax()])[:2]
        return (
            f"atoms {i} and {j} ({atoms.symbols[i]}), {distances[i]:.2f} and {distances[j]:.2f} A away, are on one "
            "site and another site is empty: a defect or another phase; leave the structure out"
        )
    return ""


def _misfit(crystal, cell, n_cells, max_strain, least_strain):
    """Message for a lattice that does not fit."""
    found = f"the smallest strain found is {least_strain:.3f}" if np.isfinite(least_strain) else "none was found at all"
    return (
        f"no supercell matrix of {n_cells} cells turns {crystal.formula} into this cell within max_strain = "
        f"{max_strain}: {found}; the volume per reference cell is {abs(np.linalg.det(cell)) / n_cells:.1f} A^3, of "
        f"the reference {crystal.volume:.1f} A^3; is it another phase or another reference?"
    )
