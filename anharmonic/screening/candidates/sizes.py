"""Distances between atoms against their radii, and lengths against those that the elements expect."""

from dataclasses import dataclass

import numpy as np
from ase.data import chemical_symbols, covalent_radii

from anharmonic.screening.candidates.verdict import Verdict
from anharmonic.screening.descriptors.neighbours import spheres
from anharmonic.screening.formation.compounds import Compounds
from anharmonic.screening.formation.predictor import APART, shipped

NEIGHBOURS = 20
"""Around each atom, among which the closest contact is looked for."""
LEAST_CONTACT = 0.7
"""Of the sum of the covalent radii (Cordero et al., Dalton Trans. (2008) 2832); decoding asks for 0.5 of it."""
MOST_STRAIN = 0.1
"""Of lengths, against those that the elements expect: a third of the volume."""


@dataclass(frozen=True)
class Contact:
    """The two atoms that are closest for their size.

    Attributes
    ----------
    elements : tuple of str
    distance : float
        A.
    ratio : float
        Of the distance to the sum of their covalent radii.
    """

    elements: tuple
    distance: float
    ratio: float


def closest_contact(atoms):
    """The two atoms of a crystal that are closest for their size, images of an atom included.

    Parameters
    ----------
    atoms : ase.Atoms

    Returns
    -------
    Contact
    """
    i, j, d = spheres(atoms, NEIGHBOURS, "ijd")
    one, other = atoms.numbers[i], atoms.numbers[j]
    ratios = d / (covalent_radii[one] + covalent_radii[other])
    k = int(ratios.argmin())
    pair = sorted((chemical_symbols[one[k]], chemical_symbols[other[k]]))
    return Contact(tuple(pair), float(d[k]), float(ratios[k]))


def contact_verdict(atoms, least=LEAST_CONTACT):
    """The verdict on the closest contact (its ratio)."""
    found = closest_contact(atoms)
    words = f"{'-'.join(found.elements)} {found.distance:.2f} A, {found.ratio:.2f} of the covalent radii"
    passed = found.ratio >= least
    return Verdict(passed, words if passed else f"{words}; at least {least:g} is expected", found.ratio)


def expected_lengths(compositions):
    """Cube roots of the volume per atom that elements on A, B and X lead to in relaxed compounds (`formation`).

    Parameters
    ----------
    compositions : sequence of Roles

    Returns
    -------
    dict of Roles to (float, float)
        Value and standard deviation, A.
    """
    distinct = list(dict.fromkeys(compositions))
    if not distinct:
        return {}
    sites = np.array([tuple(one) for one in distinct], np.int16)
    names = ("",) * len(distinct)
    process = shipped().sizes
    values, deviations = process.predict(Compounds(names, names, sites, np.zeros((len(sites), 22), np.float32)))
    return {one: (float(v), float(d)) for one, v, d in zip(distinct, values, deviations, strict=True)}


def strain(atoms, expected):
    """Lengths of a crystal against the expected cube root of its volume per atom (A), minus 1."""
    return float(np.cbrt(abs(np.linalg.det(atoms.cell.array)) / len(atoms)) / expected - 1)


def volume_verdict(found, expected, most=MOST_STRAIN):
    """The verdict on a strain, with the expected length and its standard deviation (A)."""
    length, deviation = expected
    words = f"lengths are {found:+.1%} from those expected of the elements"
    if abs(found) > most:
        return Verdict(False, f"{words}; at most {most:.0%} is expected", found)
    doubtful = abs(found) * length > APART * deviation
    return Verdict(True, words, found, f"not relaxed? {words}" if doubtful else "")
