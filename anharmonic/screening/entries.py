"""One structure of a table: its name, its atoms, its properties; and what a structure must be."""

from dataclasses import dataclass, field

import numpy as np
from ase import Atoms

from anharmonic.errors import AnharmonicError

HEAVIEST = 103
"""Atomic number up to which elements are known (lawrencium)."""
LEAST_VOLUME = 0.5
"""A^3 per atom; even the densest crystals have ten times that."""


@dataclass(frozen=True)
class Entry:
    """A structure with its name.

    Attributes
    ----------
    name : str
    atoms : ase.Atoms
    properties : dict of str to float
        Whatever numbers came with it, such as a bulk modulus (GPa).
    """

    name: str
    atoms: Atoms
    properties: dict = field(default_factory=dict)

    @property
    def formula(self):
        """Empirical formula, metals first."""
        return self.atoms.get_chemical_formula("metal", empirical=True)


def check_structure(atoms):
    """Refuse what is no crystal of whole atoms.

    Parameters
    ----------
    atoms : ase.Atoms

    Raises
    ------
    AnharmonicError
        If there are no atoms, the structure is not periodic in three directions, the cell is flat, a number is not
        finite, an element is unknown, or a site is partly occupied.
    """
    if not len(atoms):
        raise AnharmonicError("there are no atoms")
    if not np.all(atoms.pbc):
        raise AnharmonicError(f"a crystal is periodic in three directions; found pbc = {atoms.pbc.tolist()}")
    if not (np.isfinite(atoms.positions).all() and np.isfinite(atoms.cell.array).all()):
        raise AnharmonicError("a position or the cell is not a finite number")
    volume = abs(np.linalg.det(atoms.cell.array)) / len(atoms)
    if volume < LEAST_VOLUME:
        raise AnharmonicError(f"the cell has {volume:.3g} A^3 per atom; more than {LEAST_VOLUME} is expected")
    unknown = sorted({symbol for symbol, z in zip(atoms.symbols, atoms.numbers, strict=True) if not 0 < z <= HEAVIEST})
    if unknown:
        raise AnharmonicError(f"unknown elements {', '.join(unknown)}; known are H to Lr")
    _check_occupancy(atoms)


def _check_occupancy(atoms):
    """What ASE's reader of CIF files says of the sites."""
    sites = atoms.info.get("occupancy")
    for species in sites.values() if isinstance(sites, dict) else ():
        shares = ", ".join(f"{symbol} {share:g}" for symbol, share in species.items())
        if len(species) > 1 or abs(sum(species.values()) - 1) > 1e-3:
            raise AnharmonicError(f"a site is partly occupied ({shares}); order it first, each site one whole atom")
