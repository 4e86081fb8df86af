"""The cubic reference of a candidate: who is A, B and X, its lattice parameter, and the candidate as its distortion."""

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from scipy.optimize import brentq

from anharmonic.analysis import TiltModes, angles
from anharmonic.crystal import Configuration, Crystal, map_atoms
from anharmonic.errors import AnharmonicError, MappingError
from anharmonic.screening.perovskites.roles import roles

POSITIONS = ((0, 0, 0), (0.5, 0.5, 0.5), (0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0))
"""Of A, B and three X in the cubic cell."""
STRIDE, REACH = 0.02, 0.161
"""Of the lattice parameter: steps in which the relaxed one is looked for, and how far from that of the candidate."""
B_SITE = 1


@dataclass(frozen=True)
class Reference:
    """The cubic perovskite that a candidate is a distortion of.

    Attributes
    ----------
    crystal : Crystal
        Pm-3m, five sites: A, B, X, X, X.
    candidate : Configuration
        The candidate, mapped onto it.
    relaxed : bool
        Whether the lattice parameter is that of the relaxed cubic crystal; otherwise that of the candidate's volume.
    """

    crystal: Crystal
    candidate: Configuration
    relaxed: bool

    @property
    def lattice_parameter(self):
        """A."""
        return float(self.crystal.cell[0, 0])

    @property
    def residual(self):
        """Root mean square and largest displacement (A) of the candidate from its sites."""
        lengths = np.linalg.norm(self.candidate.displacements, axis=1)
        return float(np.sqrt((lengths**2).mean())), float(lengths.max())

    @property
    def tilts(self):
        """Angles (degrees, (6,)) of the candidate, as of `TiltModes`; NaN where its cell cannot hold them."""
        modes = TiltModes.of_crystal(self.crystal)
        return angles(modes.tangents(self.candidate.supercell, self.candidate.displacements))


def reference_of(atoms, calculator=None):
    """The cubic reference of a perovskite, distorted or not, in any cell.

    Parameters
    ----------
    atoms : ase.Atoms
    calculator : ase.calculators.calculator.Calculator, optional
        That relaxes the lattice parameter of the cubic crystal.

    Returns
    -------
    Reference

    Raises
    ------
    AnharmonicError
        If the candidate is no compound ABX3, its octahedra are not those of a perovskite, or no lattice parameter is
        found.
    """
    symbols = [chemical_symbols[number] for number in roles(atoms)]
    a = float(np.cbrt(5 * atoms.get_volume() / len(atoms)))
    _mapped(cubic(symbols, a), atoms)
    a = a if calculator is None else relaxed_lattice(symbols, a, calculator)
    crystal = cubic(symbols, a)
    return Reference(crystal, _mapped(crystal, atoms), calculator is not None)


def cubic(symbols, a):
    """The crystal Pm-3m of the elements A, B and X with a lattice parameter (A)."""
    first, second, anion = symbols
    return Crystal.from_sites(a * np.eye(3), POSITIONS, (first, second, anion, anion, anion))


def relaxed_lattice(symbols, start, calculator):
    """Lattice parameter (A) at which the cubic crystal is free of stress.

    Raises
    ------
    AnharmonicError
        If there is none within `REACH` of the start.
    """

    def tension(a):
        atoms = Atoms(cubic(symbols, a).to_atoms(), calculator=calculator)
        return float(atoms.get_stress()[:3].mean())

    one, begin = start, tension(start)
    while np.isfinite(begin) and begin != 0:
        other = one - np.sign(begin) * STRIDE * start
        if abs(other / start - 1) > REACH:
            break
        end = tension(other)
        if begin * end <= 0:
            return float(brentq(tension, min(one, other), max(one, other), xtol=1e-5 * start))
        one, begin = other, end
    if begin == 0:
        return one
    raise AnharmonicError(
        f"the cubic crystal of {''.join(symbols)}3 is free of stress nowhere within {100 * REACH:.0f} % of {start:.2f} "
        "A: does the calculator know these elements?"
    )


def _mapped(crystal, atoms):
    """The candidate as a distortion of a crystal with the same octahedra.

    Raises
    ------
    AnharmonicError
        If there is none.
    """
    formula = atoms.get_chemical_formula("metal", empirical=True)
    what = f"{formula} is no distorted perovskite"
    try:
        found = map_atoms(crystal, atoms)
    except MappingError as error:
        raise AnharmonicError(f"{what}: {error}") from None
    strangers = _broken_octahedra(found, TiltModes.of_crystal(crystal))
    if strangers:
        raise AnharmonicError(
            f"{what}: of {strangers} of its {found.supercell.n_cells} octahedra the six nearest {crystal.species[2]} "
            "are not those of the cubic crystal, as in structures whose octahedra share edges or faces (the yellow "
            "phase of CsPbI3, BaNiO3): there is no path of small distortions from the cubic one"
        )
    return found


def _broken_octahedra(state, modes):
    """Octahedra whose six vertices are not the six anions nearest to their centre."""
    atoms, sites = state.to_atoms(), state.order
    anions = sites[2:].ravel()
    _, cells = modes.octahedra(state.supercell)
    broken = 0
    for number in range(state.supercell.n_cells):
        own = [int(sites[s, c]) for s, c in zip(modes.vertices, cells[:, number], strict=True)]
        near = _nearest(atoms, int(sites[B_SITE, number]), anions, 6)
        broken += sorted(near) != sorted(own)
    return broken


def _nearest(atoms, centre, others, count):
    """Indices of the nearest of some atoms, periodic images counted for themselves."""
    shifts = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3), axis=-1).reshape(-1, 3) @ atoms.cell.array
    vectors = atoms.positions[others] - atoms.positions[centre]
    vectors -= np.round(vectors @ np.linalg.inv(atoms.cell.array)) @ atoms.cell.array
    distances = np.linalg.norm(vectors[:, None] + shifts, axis=-1)
    order = np.argsort(distances, axis=None)[:count]
    return [int(others[k // len(shifts)]) for k in order]
