"""Between phonopy's cells and the grid of cells of a potential: the same atoms in two orders."""

from dataclasses import dataclass, replace

import numpy as np
from ase.geometry import minkowski_reduce
from phonopy import Phonopy
from phonopy.structure.atoms import PhonopyAtoms
from phonopy.structure.cells import guess_primitive_matrix

from anharmonic.conventions import COULOMB
from anharmonic.crystal import Configuration, Supercell
from anharmonic.errors import AnharmonicError
from anharmonic.potential.models import ClusterModel

SYMPREC = 1e-3
"""Distance (A) within which phonopy takes positions as equivalent: relaxed structures are that good."""


@dataclass(frozen=True)
class PhononCells:
    """A periodic state, its supercell, and a phonopy object for both.

    Attributes
    ----------
    phonon : Phonopy
        Its unit cell is the state, its supercell `configuration`.
    configuration : Configuration
        The state repeated on the supercell.
    sites, cells : ndarray of int, shape (n_atoms,)
        Place on the grid of each atom of phonopy's supercell.
    """

    phonon: Phonopy
    configuration: Configuration
    sites: np.ndarray
    cells: np.ndarray

    @classmethod
    def of_state(cls, state, supercell, born=None):
        """Cells for the phonons of a periodic state.

        Parameters
        ----------
        state : Configuration
            The unit cell: the reference crystal in a supercell of one cell, or a relaxed phase in its own.
        supercell : Supercell
            A multiple of that of the state.
        born : BornCharges, optional
            For phonopy's non-analytic term.

        Raises
        ------
        AnharmonicError
            If the supercell is no multiple of that of the state.
        """
        unit = state.supercell
        times = supercell.matrix @ np.linalg.inv(unit.matrix)
        if not np.allclose(times, np.round(times)):
            raise AnharmonicError(
                f"the supercell {supercell.matrix.tolist()} is no multiple of the cell of this phase, "
                f"{unit.matrix.tolist()} in reference cells"
            )
        times = np.round(times).astype(int)
        atoms = _in_site_order(state).to_atoms()
        cell = PhonopyAtoms(symbols=atoms.get_chemical_symbols(), cell=atoms.cell[:], positions=atoms.positions)
        phonon = Phonopy(cell, times.T, primitive_matrix=_primitive_matrix(cell), symprec=SYMPREC)
        sites, cells = _places(phonon, state, supercell)
        if born is not None:
            phonon.nac_params = _non_analytic(phonon, state, born)
        return cls(phonon, repeated(state, supercell), sites, cells)

    @property
    def supercell(self):
        """The `Supercell`."""
        return self.configuration.supercell

    @property
    def n_primitive(self):
        """Primitive cells in the supercell."""
        return len(self.phonon.supercell) // len(self.phonon.primitive)

    @property
    def representatives(self):
        """Atoms of phonopy's supercell that stand for those of its primitive cell."""
        return self.phonon.primitive.p2s_map

    def to_atoms(self, fields):
        """Vectors (..., n_sites, 3, n_cells) in phonopy's order (..., n_atoms, 3)."""
        return np.moveaxis(np.asarray(fields), -2, -1)[..., self.sites, self.cells, :]

    def is_commensurate(self, q):
        """Whether wave vectors (..., 3), in reciprocal vectors of phonopy's primitive cell, fit the supercell."""
        times = self.phonon.supercell.cell @ np.linalg.inv(self.phonon.primitive.cell)
        turns = np.asarray(q) @ times.T
        return np.isclose(turns, np.round(turns), atol=1e-4).all(-1)

    def with_force_constants(self, force_constants):
        """The phonopy object, given force constants (n_primitive_atoms, n_atoms, 3, 3) in eV/A^2."""
        self.phonon.force_constants = np.ascontiguousarray(force_constants)
        return self.phonon


def repeated(state, supercell):
    """A periodic state on a larger supercell, atoms in the order of the grid."""
    larger = Configuration.reference(state.crystal, supercell, state.deformation)
    return replace(larger, displacements=state.displacements[:, :, state.supercell.index(supercell.cells)])


def unit_state(crystal, deformation=None, displacements=None):
    """The reference cell alone, strained by `deformation`, its sites moved by `displacements` (n_sites, 3; A)."""
    state = Configuration.reference(crystal, Supercell.from_matrix(np.eye(3, dtype=int)), deformation)
    return state if displacements is None else replace(state, displacements=np.asarray(displacements)[..., None])


def interaction_range(potential):
    """Largest distance (A) over which the clusters of a potential make atoms pull each other; dipoles reach further."""
    crystal, longest = potential.crystal, 0.0
    for orbit in potential.basis.orbits:
        points = (crystal.positions[orbit.sites] + orbit.offsets) @ crystal.cell
        longest = max(longest, np.linalg.norm(points[:, :, None] - points[:, None], axis=-1).max())
    return longest if isinstance(potential.model, ClusterModel) else 2 * longest


def default_supercell(potential):
    """The smallest supercell of even numbers of cells in which no atom pulls two images of another.

    Returns
    -------
    list of int
    """
    cell = potential.crystal.cell
    heights = abs(np.linalg.det(cell)) / np.linalg.norm(np.cross(cell[[1, 2, 0]], cell[[2, 0, 1]]), axis=1)
    return [2 * int(np.ceil(interaction_range(potential) / height - 1e-6)) for height in heights]


def is_wide_enough(potential, supercell):
    """Whether half the shortest vector of the supercell is as long as the range of the clusters."""
    reduced, _ = minkowski_reduce(supercell.matrix @ potential.crystal.cell)
    return np.linalg.norm(reduced, axis=1).min() / 2 > interaction_range(potential) - 1e-6


def _primitive_matrix(cell):
    """Of phonopy; a cell that is primitive keeps its axes."""
    matrix = guess_primitive_matrix(cell, symprec=SYMPREC)
    return np.eye(3) if np.isclose(abs(np.linalg.det(matrix)), 1) else matrix


def _in_site_order(state):
    """The state with its atoms cell after cell: atom ``cell * n_sites + site``."""
    return replace(state, order=np.arange(state.n_atoms).reshape(state.supercell.n_cells, -1).T)


def _places(phonon, state, supercell):
    """Site and cell of each atom of phonopy's supercell; see `PhononCells`."""
    n_sites, unit = state.crystal.n_sites, phonon.unitcell
    own = np.array([phonon.supercell.u2u_map[k] for k in phonon.supercell.s2u_map])
    shifts = (phonon.supercell.positions - unit.positions[own]) @ np.linalg.inv(unit.cell)
    assert np.allclose(shifts, np.round(shifts), atol=1e-4)
    home = state.supercell.cells[own // n_sites]
    return own % n_sites, supercell.index(home + np.round(shifts).astype(int) @ state.supercell.matrix)


def _non_analytic(phonon, state, born):
    """Parameters of phonopy's term of Gonze and Lee.

    Dipoles are those of displacements in the reference frame. In the frame of the strained crystal that is the
    interaction of charges ``F Z F^-1`` in a medium ``F eps F^T / det F``.
    """
    strain, inverse = state.deformation, np.linalg.inv(state.deformation)
    unit = phonon.supercell.u2u_map
    own = [unit[phonon.supercell.s2u_map[k]] % state.crystal.n_sites for k in phonon.primitive.p2s_map]
    charges = np.array([strain @ born.charges[site] @ inverse for site in own])
    dielectric = strain @ born.dielectric @ strain.T / np.linalg.det(strain)
    return {"born": charges, "dielectric": dielectric, "factor": COULOMB}
