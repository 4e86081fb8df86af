"""Properties of the elements, from one table that does not change when a package does.

Sources, as compiled in mendeleev 1.3.0 (`tables/make_elements.py` makes the table again):

- chemical_scale: place in the modified Pettifor scale, Glawe et al., New J. Phys. 18, 093011 (2016);
- atomization_enthalpy: of the gaseous atoms at 298 K (kJ/mol), CRC Handbook of Chemistry and Physics;
- radius: Rahm, Hoffmann and Ashcroft, Chem. Eur. J. 22, 14625 (2016), pm;
- covalent_radius: single bonds, Pyykkoe and Atsumi, Chem. Eur. J. 15, 186 (2009), pm;
- polarizability: of the free atom, Schwerdtfeger and Nagle, Mol. Phys. 117, 1200 (2019), atomic units;
- electronegativity: Pauling's.

Gaps: noble gases have no atomization enthalpy, which is 0; every other gap is interpolated in the atomic number, or
has the value of the nearest element (Pm; some of Eu, Tb, Yb; Po to Fr, Am to Lr; electronegativities of noble gases).
"""

import csv
from functools import cache
from importlib.resources import files

import numpy as np

NOBLE = (2, 10, 18, 36, 54, 86)
MADELUNG = ("1s", "2s", "2p", "3s", "3p", "4s", "3d", "4p", "5s", "4d", "5p", "6s", "4f", "5d", "6p", "7s", "5f", "6d")
CAPACITY = {"s": 2, "p": 6, "d": 10, "f": 14}
PROPERTIES = (
    "period", "chemical_scale", "atomization_enthalpy", "radius", "covalent_radius", "polarizability",
    "electronegativity",
)  # fmt: skip


@cache
def element_table():
    """Every property of `PROPERTIES` as an array (104,) by atomic number, gaps filled; of number 0, NaN."""
    text = (files("anharmonic.screening") / "tables" / "elements.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    numbers = np.array([int(row["atomic_number"]) for row in rows])
    found = {}
    for name in PROPERTIES:
        values = np.array([float(row[name] or "nan") for row in rows])
        if name == "atomization_enthalpy":
            values[np.isin(numbers, NOBLE)] = 0.0
        known = np.isfinite(values)
        found[name] = np.concatenate([[np.nan], np.interp(numbers, numbers[known], values[known])])
        found[name].setflags(write=False)
    return found


@cache
def valence_electrons():
    """Electrons outside of the noble gas core in s, p, d and f shells (104, 4) by atomic number, by Madelung's rule."""
    found = np.zeros((len(element_table()["period"]), 4))
    for number in range(1, len(found)):
        filled, core = 0, max([0, *(z for z in NOBLE if z < number)])
        for shell in MADELUNG:
            count = min(CAPACITY[shell[1]], number - filled)
            if filled >= core:
                found[number, "spdf".index(shell[1])] += count
            filled += count
    found.setflags(write=False)
    return found
