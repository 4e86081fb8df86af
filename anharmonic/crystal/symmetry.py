"""Space groups from spglib, acting on the sites of a crystal."""

from dataclasses import dataclass

import numpy as np
import spglib

from anharmonic.errors import AnharmonicError


@dataclass(frozen=True)
class SpaceGroup:
    """Operations ``x -> W x + w`` in fractional coordinates and what they do to sites.

    Attributes
    ----------
    rotations : ndarray, shape (n_operations, 3, 3), int
    translations : ndarray, shape (n_operations, 3), float
    site_map : ndarray, shape (n_operations, n_sites), int
        Site that each site is mapped to.
    shifts : ndarray, shape (n_operations, n_sites, 3), int
        Cell in which the image of a site of cell 0 lies.
    number : int
        Number in the International Tables.
    symbol : str
        Hermann-Mauguin symbol.
    """

    rotations: np.ndarray
    translations: np.ndarray
    site_map: np.ndarray
    shifts: np.ndarray
    number: int
    symbol: str

    @classmethod
    def of_sites(cls, cell, positions, numbers, symprec):
        """Find the group of a cell with spglib; the cell is not changed."""
        data = _ask_spglib(spglib.get_symmetry_dataset, (cell, positions, numbers), symprec)
        site_map, shifts = _action_on_sites(data.rotations, data.translations, positions, numbers)
        return cls(data.rotations, data.translations, site_map, shifts, int(data.number), str(data.international))

    def __len__(self):
        return len(self.rotations)

    def apply(self, operation, sites):
        """Image of sites ``[(site, offset), ...]`` as ``(sites (n,), offsets (n, 3))``."""
        index = np.array([s for s, _ in sites])
        offsets = np.array([o for _, o in sites])
        return (
            self.site_map[operation, index],
            offsets @ self.rotations[operation].T + self.shifts[operation, index],
        )

    def cartesian_rotations(self, cell):
        """Rotations as orthogonal matrices acting on Cartesian columns, shape (n_operations, 3, 3)."""
        return np.einsum("ji,njk,kl->nil", cell, self.rotations, np.linalg.inv(cell.T))


def standardise(atoms, primitive, symprec):
    """Standardised ``(cell, positions, numbers)`` of a structure, in spglib's setting."""
    if not all(atoms.pbc):
        raise AnharmonicError(f"a crystal is periodic in three directions; this structure has pbc = {atoms.pbc}")
    cell = (atoms.cell[:], atoms.get_scaled_positions(), atoms.numbers)
    return _ask_spglib(spglib.standardize_cell, cell, symprec, to_primitive=primitive, no_idealize=False)


def site_symmetries(cell, positions, numbers, symprec):
    """Kinds of sites, and the rotations that leave a site where it is.

    Returns
    -------
    equivalent : ndarray, shape (n_sites,), int
        For every site the first one that is symmetrically equivalent to it.
    rotations : list of ndarray, shape (n_operations, 3, 3)
        For every site, Cartesian.
    """
    found = _ask_spglib(spglib.get_symmetry_dataset, (cell, positions, numbers), symprec)
    site_map, _ = _action_on_sites(found.rotations, found.translations, positions, numbers)
    axes = np.transpose(cell)
    cartesian = axes @ found.rotations @ np.linalg.inv(axes)
    return found.equivalent_atoms, [cartesian[site_map[:, k] == k] for k in range(len(numbers))]


def symmetry_dataset(cell, symprec):
    """What spglib knows of a cell (lattice, positions, numbers) at a tolerance (A).

    Raises
    ------
    AnharmonicError
        If spglib finds no symmetry.
    """
    return _ask_spglib(spglib.get_symmetry_dataset, cell, symprec)


def _ask_spglib(function, cell, symprec, **options):
    """Call spglib, which on failure returns None or raises: phonopy switches that for the whole process."""
    reason = "no symmetry found"
    try:
        result = function(cell, symprec=symprec, **options)
    except getattr(spglib, "SpglibError", ()) as error:  # from spglib 2.7
        result, reason = None, str(error)
    if result is None:
        raise AnharmonicError(
            f"spglib fails on a cell of {len(cell[2])} atoms at symprec = {symprec} A: {reason}; are two atoms "
            "closer than that?"
        )
    return result


def _action_on_sites(rotations, translations, positions, numbers, tolerance=0.02):
    """Site maps and cell shifts of every operation (see `SpaceGroup`)."""
    images = np.einsum("nij,sj->nsi", rotations, positions) + translations[:, None]
    difference = images[:, :, None] - positions[None, None]
    remainder = np.abs(difference - np.round(difference)).max(-1)
    numbers = np.asarray(numbers)
    remainder = np.where(numbers[:, None] == numbers[None], remainder, np.inf)
    site_map = remainder.argmin(-1)
    if np.take_along_axis(remainder, site_map[..., None], -1).max() > tolerance:
        raise AnharmonicError("a symmetry operation does not map the sites onto each other: lower symprec")
    shifts = np.round(images - positions[site_map]).astype(int)
    return site_map, shifts
