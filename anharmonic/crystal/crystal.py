"""The reference crystal: sites of a primitive or conventional cell with their symmetry."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.data import atomic_masses, atomic_numbers
from ase.geometry import minkowski_reduce
from ase.io import read

from anharmonic.crystal.symmetry import SpaceGroup, standardise
from anharmonic.errors import AnharmonicError

SYMPREC = 1e-3


@dataclass(frozen=True)
class Crystal:
    """A symmetrised reference crystal.

    Attributes
    ----------
    cell : ndarray, shape (3, 3), float64
        Row vectors (A) in the standard orientation.
    positions : ndarray, shape (n_sites, 3), float64
        Fractional coordinates of the sites.
    species : tuple of str
        Chemical symbol of each site.
    space_group : SpaceGroup
        Operations that map the crystal onto itself.
    """

    cell: np.ndarray
    positions: np.ndarray
    species: tuple
    space_group: SpaceGroup = field(repr=False)

    @classmethod
    def from_file(cls, path, primitive=True, symprec=SYMPREC):
        """Read any file that ASE reads and symmetrise it; see `from_atoms`.

        Raises
        ------
        AnharmonicError
            If the file does not exist or ASE cannot read a structure from it.
        """
        if not Path(path).is_file():
            raise AnharmonicError(f"no structure file at {path}")
        try:
            atoms = read(path)
        except Exception as error:
            raise AnharmonicError(f"ASE reads no structure from {path}: {error}") from error
        return cls.from_atoms(atoms, primitive, symprec)

    @classmethod
    def from_atoms(cls, atoms, primitive=True, symprec=SYMPREC):
        """Symmetrise a structure with spglib.

        Parameters
        ----------
        atoms : ase.Atoms
            Periodic in all three directions.
        primitive : bool
            Reduce to the primitive cell (default) or keep the conventional one.
        symprec : float
            Distance (A) within which spglib takes positions as equivalent.

        Raises
        ------
        AnharmonicError
            If the structure is not periodic or has no recognisable symmetry.
        """
        cell, positions, numbers = standardise(atoms, primitive, symprec)
        return cls.from_sites(cell, positions, Atoms(numbers=numbers).get_chemical_symbols(), symprec)

    @classmethod
    def from_sites(cls, cell, positions, species, symprec=SYMPREC):
        """Take a cell as it stands (no standardisation) and find its symmetry."""
        cell, positions = np.array(cell, float), np.array(positions, float)
        species = tuple(species)
        group = SpaceGroup.of_sites(cell, positions, [atomic_numbers[s] for s in species], symprec)
        return cls(cell, positions, species, group)

    @property
    def n_sites(self):
        """Number of sites in the reference cell."""
        return len(self.species)

    @property
    def volume(self):
        """Volume of the reference cell (A^3)."""
        return abs(np.linalg.det(self.cell))

    @property
    def cartesian(self):
        """Cartesian coordinates of the sites, shape (n_sites, 3), A."""
        return self.positions @ self.cell

    @property
    def site_classes(self):
        """Sites that the space group makes equal: tuples of indices, by the first of each."""
        images = self.space_group.site_map
        return tuple(sorted({tuple(sorted(set(images[:, s].tolist()))) for s in range(self.n_sites)}))

    @property
    def masses(self):
        """Atomic masses, shape (n_sites,), amu."""
        return atomic_masses[[atomic_numbers[s] for s in self.species]]

    @property
    def formula(self):
        """Chemical formula of the reference cell, metals first."""
        return self.to_atoms().get_chemical_formula(mode="metal")

    def to_atoms(self):
        """The reference cell as ``ase.Atoms``."""
        return Atoms(self.species, cell=self.cell, scaled_positions=self.positions, pbc=True)

    def vector(self, site_i, site_j, offset):
        """Vector (A) from `site_i` in cell 0 to `site_j` in cell `offset`."""
        return (self.positions[site_j] + np.asarray(offset) - self.positions[site_i]) @ self.cell

    def nearest_distance(self):
        """Shortest distance (A) between two sites of the crystal."""
        reduced, _ = minkowski_reduce(self.cell)
        shifts = np.array(np.meshgrid(*[[-1, 0, 1]] * 3)).reshape(3, -1).T
        between = (self.positions[None] - self.positions[:, None]) @ self.cell @ np.linalg.inv(reduced)
        vectors = ((between - np.round(between))[:, :, None] + shifts) @ reduced
        distances = np.linalg.norm(vectors, axis=-1)
        return distances[distances > 1e-3].min()


def same_crystal(one, other):
    """Whether two crystals are the same cell with the same sites."""
    return one.species == other.species and all(
        np.allclose(getattr(one, name), getattr(other, name), atol=1e-8) for name in ("cell", "positions")
    )
