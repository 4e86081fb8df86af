"""Energies of formation by a calculator's own elements, and energies above competing phases.

Energies of formation compare a compound with the elements. Both must come from the same calculator. The Materials
Project fits corrections to some elements (oxygen, the halogens, and metals treated with a Hubbard U), and OQMD fits the
references of others: its energies of halides and oxides lie some 0.1 to 0.4 eV/atom away from plain PBE. Compare like
with like, or differences within one set of elements.
"""

import csv
import json
from dataclasses import dataclass

import numpy as np
from ase.build import bulk, molecule
from ase.formula import Formula
from ase.spacegroup import crystal
from scipy.optimize import linprog

from anharmonic.errors import AnharmonicError
from anharmonic.files import write_json
from anharmonic.screening.relaxation.relax import relax

MOLECULES = {"H": "H2", "N": "N2", "O": "O2", "F": "F2"}
BOX = 12.0
"""A; a molecule alone in it."""
SITES = {
    "Cl": (64, (6.145, 4.395, 8.154, 90, 90, 90), [(0, 0.1173, 0.1016)]),  # 22 K; Powell, Heal, Torrie 1984
    "Br": (64, (6.725, 4.645, 8.701, 90, 90, 90), [(0, 0.135, 0.110)]),  # Vonnegut, Warren 1936
    "I": (64, (7.136, 4.686, 9.784, 90, 90, 90), [(0, 0.1543, 0.1174)]),  # 110 K; van Bolhuis et al. 1967
    "Ga": (64, (4.519, 7.659, 4.526, 90, 90, 90), [(0, 0.1539, 0.0810)]),  # Sharma, Donohue 1962
    "P": (64, (3.314, 10.478, 4.376, 90, 90, 90), [(0, 0.1017, 0.0806)]),  # black; Brown, Rundqvist 1965
    "Se": (152, (4.366, 4.366, 4.954, 90, 90, 120), [(0.2254, 0, 1 / 3)]),  # Cherin, Unger 1967
    "Te": (152, (4.457, 4.457, 5.929, 90, 90, 120), [(0.2633, 0, 1 / 3)]),  # Cherin, Unger 1967
    "B": (166, (4.908, 4.908, 12.567, 90, 90, 120), [(0.1187, -0.1187, 0.8912), (0.1965, -0.1965, 0.0241)]),
}  # fmt: skip
"""Elements that ASE does not build: space group, cell (A, degrees), sites. Starts of relaxations, no more."""


@dataclass(frozen=True)
class Competing:
    """A known compound: its formula and its energy of formation (eV/atom)."""

    formula: str
    energy: float

    @property
    def counts(self):
        """Numbers of atoms by element."""
        return Formula(self.formula).count()


def element(symbol):
    """The ground state of an element at low temperature, as far as it is known here, to be relaxed.

    Crystals of one atom in a cell or few come from ASE's table of elements; halogens, gallium, phosphorus, selenium,
    tellurium and boron (Decker and Kasper 1959) from `SITES`; H, N, O and F are molecules in a box (O2 with its
    triplet, for calculators that see it). Metals are not magnetic here.

    Raises
    ------
    AnharmonicError
        For elements with larger cells (Mn, S, Pu and others): give their structures.
    """
    if symbol in MOLECULES:
        found = molecule(MOLECULES[symbol], cell=[BOX] * 3, pbc=True)
        found.center()
        return found
    if symbol in SITES:
        group, cell, sites = SITES[symbol]
        return crystal([symbol] * len(sites), sites, spacegroup=group, cellpar=cell, primitive_cell=True)
    try:
        return bulk(symbol)
    except (ValueError, KeyError, RuntimeError, NotImplementedError) as error:
        raise AnharmonicError(
            f"no crystal of the element {symbol} is known here ({error}); give a structure of it as a reference"
        ) from error


class References:
    """Energies of the elements by one calculator: relaxed when first asked for, then kept in a file.

    Parameters
    ----------
    path : Path
        A JSON file; entries belong to the name of the calculator.
    name : str
        Of the calculator.
    calculator : ase.calculators.calculator.Calculator
    structures : dict of str to ase.Atoms, optional
        Of elements, instead of those of `element`.
    """

    def __init__(self, path, name, calculator, structures=None):
        self.path, self.name, self.calculator, self.structures = path, name, calculator, structures or {}

    def __getitem__(self, symbol):
        """Energy (eV/atom) of an element.

        Raises
        ------
        AnharmonicError
            If its crystal is not known, or did not relax.
        """
        known = json.loads(self.path.read_text(encoding="utf-8")) if self.path.exists() else {}
        own = known.setdefault(self.name, {})
        if symbol not in own:
            start = self.structures[symbol] if symbol in self.structures else element(symbol)
            found = relax(start, self.calculator, steps=500)
            if not found.converged:
                raise AnharmonicError(f"the element {symbol} did not relax: {found.reason}; give a structure of it")
            own[symbol] = found.energy
            write_json(self.path, known)
        return own[symbol]


def formation_energy(energy, symbols, references):
    """Energy of formation (eV/atom).

    Parameters
    ----------
    energy : float
        eV/atom.
    symbols : sequence of str
        Of all atoms.
    references : mapping of str to float
        Energies of the elements (eV/atom), such as `References`.
    """
    return energy - float(np.mean([references[symbol] for symbol in symbols]))


def read_competing(path):
    """Competing phases from a CSV file with a header: formula, energy of formation (eV/atom); more columns may follow.

    Raises
    ------
    AnharmonicError
        If a line holds no formula and number.
    """
    with open(path, newline="", encoding="utf-8") as file:
        rows = [row for row in csv.reader(file) if row][1:]
    found = []
    for number, row in enumerate(rows):
        try:
            one = Competing(row[0].strip(), float(row[1]))
            if not (one.counts and np.isfinite(one.energy)):
                raise ValueError("no atoms, or no finite number")
        except (ValueError, IndexError) as error:
            raise AnharmonicError(
                f"{path}, row {number + 2}: a formula and an energy of formation (eV/atom) are expected; found "
                f"{', '.join(row)[:80]!r} ({error})"
            ) from None
        found.append(one)
    return found


def energy_above_competing(counts, energy, competing):
    """Energy (eV/atom) above the mixture of competing phases and elements that is lowest at a composition.

    A linear programme: amounts of the phases, none negative, with the composition of the compound. Negative if the
    compound is below all of them.

    Parameters
    ----------
    counts : dict of str to int
        Atoms of the compound by element.
    energy : float
        Its energy of formation, eV/atom.
    competing : sequence of Competing
        Those with other elements are left out.

    Returns
    -------
    distance : float
    phases : list of str
        Formulas of the mixture.
    """
    names = sorted(counts)
    phases = [*(Competing(name, 0.0) for name in names), *(c for c in competing if set(c.counts) <= set(names))]
    shares = np.array([[c.counts.get(name, 0) for name in names] for c in phases], float)
    shares /= shares.sum(axis=1, keepdims=True)
    target = np.array([counts[name] for name in names], float)
    found = linprog([c.energy for c in phases], A_eq=shares.T, b_eq=target / target.sum(), method="highs")
    return energy - found.fun, [c.formula for c, x in zip(phases, found.x, strict=True) if x > 1e-9]
