"""Charges and sizes of the ions of a compound ABX3, after Shannon, Acta Cryst. A 32, 751 (1976).

`tables/make_shannon_radii.py` makes the table. Of ions with two spin states it has the high one.

Two scales differ by 0.14 A: *crystal* radii (O2- has 1.26 A) and *effective ionic* radii (O2- has 1.40 A). Distances
between ions, and with them the tolerance factor, are the same on both; the octahedral factor is not. Crystal radii are
the default, in sixfold coordination for every ion: so the limits of Williams, Mukherjee and Rajan were drawn (they have
r(Cs) = 1.81 A, r(O) = 1.26 A).
"""

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import product

import numpy as np
from ase.data import chemical_symbols

from anharmonic.errors import AnharmonicError

KINDS = ("crystal", "ionic")
OFFSET = 0.14
"""Crystal less ionic radius (A) of a cation; of an anion the negative."""
ANIONS = {1: -1, 7: -3, 8: -2, 9: -1, 16: -2, 17: -1, 34: -2, 35: -1, 52: -2, 53: -1}
"""Charges of X."""
UNSEEN = 0.5
"""Occurrences of a charge that is in the table with none."""


@dataclass(frozen=True)
class Radius:
    """Radius of an ion (A); `exact` if the table has this ion in this coordination."""

    value: float
    exact: bool


@cache
def ion_table():
    """By atomic number and charge: occurrences in the ICSD, and ionic radii (A) by coordination."""
    text = (files("anharmonic.screening") / "tables" / "shannon_radii.csv").read_text(encoding="utf-8")
    found = {}
    for row in csv.DictReader(text.splitlines()):
        places = {int(name): float(row[name]) for name in row if name.isdigit() and row[name]}
        found.setdefault(int(row["atomic_number"]), {})[int(row["charge"])] = int(row["icsd"]), places
    return found


def cation_charges(number):
    """Weights of the positive charges of an element: how often the ICSD has them."""
    known = ion_table().get(number, {})
    return {charge: count or UNSEEN for charge, (count, _) in known.items() if charge > 0}


def oxidation_states(roles):
    """Charges of A, B and X: of all neutral triples the one whose product of occurrences in the ICSD is greatest.

    X has its usual charge (`ANIONS`). Of equal products, that with the most similar charges of A and B wins.

    Parameters
    ----------
    roles : Roles, or three atomic numbers

    Returns
    -------
    tuple of int
        (q_A, q_B, q_X) with q_A + q_B + 3 q_X = 0.

    Raises
    ------
    AnharmonicError
        If X is no such anion, or no neutral triple is known.
    """
    a, b, x = roles
    symbols = [chemical_symbols[number] for number in (a, b, x)]
    if x not in ANIONS:
        names = ", ".join(chemical_symbols[number] for number in ANIONS)
        raise AnharmonicError(f"no charge is known of {symbols[2]} as the anion of ABX3; known are {names}")
    first, second = cation_charges(a), cation_charges(b)
    neutral = [(first[p] * second[q], -abs(p - q), p, q) for p, q in product(first, second) if p + q == -3 * ANIONS[x]]
    if not neutral:
        known = ["/".join(f"{q:+d}" for q in sorted(charges)) or "none" for charges in (first, second)]
        raise AnharmonicError(
            f"no charges of {symbols[0]} ({known[0]}) and {symbols[1]} ({known[1]}) make "
            f"{''.join(symbols)}3 neutral: their sum should be {-3 * ANIONS[x]:+d}; the factors need an ionic compound"
        )
    return *max(neutral)[2:], ANIONS[x]


def radius(number, charge, coordination=6, kind="crystal"):
    """Radius of an ion.

    If this coordination is not in the table, the nearest that is (of two, the higher) is taken. If the charge is not,
    a charge of the same sign is interpolated between those that are, and continued beyond them by `charge_step`.

    Parameters
    ----------
    number : int
        Atomic number.
    charge : int
    coordination : int
    kind : str
        Of `KINDS`.

    Returns
    -------
    Radius

    Raises
    ------
    AnharmonicError
        If the kind is unknown, the table has no ion of this element and sign, or the ion has no size of its own (H+).
    """
    if kind not in KINDS:
        raise AnharmonicError(f"radii are {' or '.join(KINDS)}; found {kind!r}")
    known = {q: places for q, (_, places) in ion_table().get(number, {}).items() if places and q * charge > 0}
    if not known:
        ion = f"{chemical_symbols[number]} with charge {charge:+d}"
        raise AnharmonicError(f"Shannon's table has no radius of {ion}, nor of another charge of its sign")
    value = _ionic(known, charge, coordination) + OFFSET * np.sign(charge) * (kind == "crystal")
    if value <= 0:
        ion = f"{chemical_symbols[number]} with charge {charge:+d}"
        raise AnharmonicError(f"{ion} is no sphere: a positive radius is expected; found {value:.2f} A ({kind})")
    return Radius(round(float(value), 4), coordination in known.get(charge, ()))


def _ionic(known, charge, coordination):
    """Ionic radius (A) of an ion, of what is known of its element by charge and coordination."""
    if charge in known:
        return _at(known[charge], coordination)
    charges = sorted(known)
    values = [_at(known[q], coordination) for q in charges]
    beyond = charge - np.clip(charge, charges[0], charges[-1])
    return np.interp(charge, charges, values) + beyond * charge_step()


def _at(places, coordination):
    return places[min(places, key=lambda known: (abs(known - coordination), -known))]


@cache
def charge_step():
    """Median change of a cation's radius (A) per unit of charge, over neighbouring charges in sixfold coordination."""
    steps = []
    for ions in ion_table().values():
        known = [(q, places[6]) for q, (_, places) in sorted(ions.items()) if q > 0 and 6 in places]
        steps += [(s - r) / (p - q) for (q, r), (p, s) in zip(known, known[1:], strict=False)]
    return float(np.median(steps))
