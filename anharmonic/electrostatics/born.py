"""Born effective charges and the electronic dielectric tensor of a reference crystal, given or read from files."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from phonopy.file_IO import parse_BORN
from phonopy.interface.vasp import VasprunxmlExpat
from phonopy.structure.atoms import PhonopyAtoms
from scipy.linalg import polar

from anharmonic.crystal import map_atoms
from anharmonic.electrostatics.symmetry import symmetrised, symmetrised_tensor
from anharmonic.errors import AnharmonicError

UNBALANCED = 0.1
"""Charges whose sum is above this share of the largest one are refused."""


@dataclass(frozen=True)
class BornCharges:
    """Charges with the symmetry of the crystal whose sum is zero (Pick, Cohen, Martin, Phys. Rev. B 1, 910 (1970)).

    Attributes
    ----------
    charges : ndarray, shape (n_sites, 3, 3)
        Z* (e): first axis the polarisation, second the displacement.
    dielectric : ndarray, shape (3, 3)
        Electronic dielectric tensor.
    """

    charges: np.ndarray
    dielectric: np.ndarray

    @classmethod
    def of_crystal(cls, crystal, charges, dielectric):
        """Check and symmetrise; what the sum lacks to zero is taken off all sites alike.

        Parameters
        ----------
        crystal : Crystal
        charges : sequence of n_sites numbers or 3x3 tensors
            In the order and frame of the sites of the crystal.
        dielectric : float or array, shape (3, 3)

        Raises
        ------
        AnharmonicError
            If shapes are wrong, the charges do not add up to zero or lack the symmetry of the crystal, or the
            dielectric tensor is not positive.
        """
        charges, dielectric = np.array([_tensor(z) for z in charges]), _tensor(dielectric)
        if charges.shape != (crystal.n_sites, 3, 3) or dielectric.shape != (3, 3):
            raise AnharmonicError(
                f"Born charges are a number or a 3x3 tensor for each of the {crystal.n_sites} sites, and the "
                f"dielectric tensor is a number or 3x3; found shapes {charges.shape} and {dielectric.shape}"
            )
        if not (np.isfinite(charges).all() and np.isfinite(dielectric).all()):
            raise AnharmonicError("Born charges and dielectric tensors are finite numbers; found inf or nan")
        given, dielectric = charges, symmetrised_tensor(crystal, dielectric)
        charges = symmetrised(crystal, given)
        _check_symmetry(crystal, given, charges)
        if np.linalg.eigvalsh(dielectric).min() < 1 - 1e-6:
            raise AnharmonicError(f"a dielectric tensor is 1 or more along every axis; found {dielectric.tolist()}")
        excess = charges.sum(0)
        if abs(excess).max() > UNBALANCED * abs(charges).max():
            raise AnharmonicError(
                f"Born charges of all sites add up to zero; these add up to {excess.round(3).tolist()}. "
                "Is one missing, or are the k-points too few?"
            )
        return cls(charges - excess / crystal.n_sites, dielectric)

    @classmethod
    def from_file(cls, crystal, path):
        """Read a vasprun.xml of VASP with LEPSILON or LCALCEPS, or a BORN file of phonopy for the reference cell.

        Raises
        ------
        AnharmonicError
            If the file has no charges, or its structure is not that of the crystal.
        """
        path = Path(path)
        if not path.is_file():
            raise AnharmonicError(f"no file with Born charges at {path}")
        try:
            found = _of_vasp(crystal, path) if path.suffix == ".xml" else _of_phonopy(crystal, path)
        except AnharmonicError:
            raise
        except Exception as error:
            raise AnharmonicError(f"phonopy reads no Born charges from {path}: {error}") from error
        return cls.of_crystal(crystal, *found)


def _tensor(value):
    """A number or a 3x3 tensor as a tensor."""
    try:
        tensor = np.array([] if isinstance(value, str) else value, float)
    except (TypeError, ValueError):
        tensor = np.zeros(0)
    if tensor.shape not in ((), (3, 3)):
        raise AnharmonicError(f"a charge or a dielectric tensor is a number or 3x3 numbers; found {value!r}")
    return tensor * np.eye(3) if tensor.ndim == 0 else tensor


def _check_symmetry(crystal, given, charges):
    """Refuse charges that the space group would change much: another order of the sites, another frame, or a typo."""
    change = abs(charges - given).max((1, 2))
    worst = int(change.argmax())
    if change[worst] > UNBALANCED * abs(given).max():
        raise AnharmonicError(
            f"Born charges lack the symmetry of the crystal: that of site {worst} ({crystal.species[worst]}) would "
            f"change by {change[worst]:.2f} e. Sites are in the order {' '.join(crystal.species)}, tensors in the "
            "frame of the reference cell"
        )


def _of_phonopy(crystal, path):
    cell = PhonopyAtoms(symbols=crystal.species, cell=crystal.cell, scaled_positions=crystal.positions)
    found = parse_BORN(cell, filename=path)
    return found["born"], found["dielectric"]


def _of_vasp(crystal, path):
    """Charges of the atoms, turned into the frame of the crystal and averaged over its cells."""
    with open(path, "rb") as file:
        run = VasprunxmlExpat(file)
        run.parse()
    if run.born.ndim != 3 or run.epsilon.shape != (3, 3):
        raise AnharmonicError(
            f"{path} has no Born charges with a dielectric tensor: VASP computes them with LEPSILON = .TRUE."
        )
    atoms = Atoms(run.symbols, cell=run.lattice[-1], scaled_positions=run.points[-1], pbc=True)
    configuration = map_atoms(crystal, atoms)
    turn = polar(configuration.deformation)[0]
    charges = np.einsum("ba,nbc,cd->nad", turn, run.born, turn)[configuration.order].mean(1)
    return charges, turn.T @ run.epsilon @ turn
