"""Thirteen properties of the elements as one-hot vectors, from one table that does not change when a package does.

The thirteen, and how many bins each has, are those of Chenebuah, Nganbe and Tchagang, Proc. Can. Conf. AI (2023),
https://doi.org/10.21428/594757db.07402193. `tables/make_site_properties.py` makes the table. Sources:

- group, row: of the periodic table; lanthanides and actinides are rows 8 and 9, each in the order of groups 3 to 17;
- valence: electrons of the highest shell, by the configuration of the atom in mendeleev 1.3.0; Pd has ten of 4d;
- block; electronegativity: Pauling's; covalent_radius: Cordero et al., Dalton Trans. 2832 (2008), pm; polarizability:
  Schwerdtfeger and Nagle, Mol. Phys. 117, 1200 (2019), atomic units; specific_heat: J/(g K). All as in mendeleev 1.3.0;
- ionization_energy: the first, eV; electron_affinity, eV; molar_volume, cm^3; thermal_conductivity, W/(m K);
  ionic_radius: the mean over the charges, A. All as in pymatgen 2026.10.24.

Gaps are not filled. An element whose value is not known has a vector of zeros there: electronegativity of He, Ne, Ar,
Kr, Pm, Eu, Tb and Yb, ionic radius of H, He, Ne, Ar and Kr, specific heat of Tc, Pm, Pa, Np and Pu.

Bins of a continuous property hold equally many of the 89 elements, as far as equal values allow: of bins of equal
width, most would hold a few elements only, and one would hold the rest.
"""

import csv
from functools import cache
from importlib.resources import files
from itertools import pairwise

import numpy as np

BINS = {
    "group": 18, "row": 9, "electronegativity": 10, "covalent_radius": 10, "valence": 9, "ionization_energy": 10,
    "electron_affinity": 10, "block": 4, "molar_volume": 10, "ionic_radius": 10, "polarizability": 10,
    "specific_heat": 10, "thermal_conductivity": 10,
}  # fmt: skip
"""Length of the vector of each property."""
WHOLE = ("group", "row", "valence")
"""Properties whose values are bins, from 1 on; the last takes what lies above."""
BLOCKS = "spdf"


@cache
def property_table():
    """Atomic numbers (89,) of the elements of the table, and by property their values (89,), NaN where not known.

    The 89 elements are H to Pu without Po, At, Rn, Fr and Ra: those of the Open Quantum Materials Database.
    """
    text = (files("anharmonic.screening") / "tables" / "site_properties.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    found = {}
    for name in BINS:
        cells = (row[name] for row in rows)
        values = [BLOCKS.index(cell) if name == "block" else float(cell or "nan") for cell in cells]
        found[name] = _frozen(np.array(values, float))
    return _frozen(np.array([int(row["atomic_number"]) for row in rows])), found


@cache
def property_rows():
    """By property its slice of the 130 rows of all vectors, one after the other."""
    ends = np.cumsum([0, *BINS.values()]).tolist()
    return {name: slice(*place) for name, place in zip(BINS, pairwise(ends), strict=True)}


@cache
def property_bins():
    """By property the bins (89,) of the elements; -1 where the value is not known."""
    return {name: _frozen(_bins(name, values)) for name, values in property_table()[1].items()}


@cache
def property_vectors():
    """One-hot vectors (89, 130) of all properties of the elements."""
    found = np.zeros((len(property_table()[0]), sum(BINS.values())))
    for name, rows in property_rows().items():
        known = np.flatnonzero(property_bins()[name] >= 0)
        found[known, rows.start + property_bins()[name][known]] = 1.0
    return _frozen(found)


def _bins(name, values):
    """Bins (89,) of the values of one property."""
    known, found = np.isfinite(values), np.full(len(values), -1)
    if name == "block":
        found[known] = values[known]
    elif name in WHOLE:
        found[known] = np.minimum(values[known], BINS[name]) - 1
    else:
        edges = np.quantile(values[known], np.linspace(0, 1, BINS[name] + 1)[1:-1])
        found[known] = np.searchsorted(edges, values[known], side="right")
    return found


def _frozen(values):
    values.setflags(write=False)
    return values
