"""Makes site_properties.csv from mendeleev (1.3.0 made the file) and pymatgen (2026.10.24): run it in this folder.

A row for each element of the generator's descriptor, `anharmonic.screening.generator.properties` says what is in the
columns. Gaps are left empty and printed. pymatgen is only looked up for its table, none of its dependencies is needed.
"""

import csv
import gzip
import json
import re
from importlib.util import find_spec
from pathlib import Path

from ase.data import atomic_numbers
from mendeleev.fetch import fetch_table

HEAVIEST, MISSING = 94, (84, 85, 86, 87, 88)
"""Plutonium; and Po to Ra, of which the Open Quantum Materials Database has no compounds."""
FROM_MENDELEEV = {
    "block": "block",
    "electronegativity": "en_pauling",
    "covalent_radius": "covalent_radius_cordero",
    "polarizability": "dipole_polarizability",
    "specific_heat": "specific_heat_capacity",
}
FROM_PYMATGEN = {
    "electron_affinity": "Electron affinity",
    "molar_volume": "Molar volume",
    "thermal_conductivity": "Thermal conductivity",
}
LANTHANUM, ACTINIUM, FILLED = 57, 89, 15
COLUMNS = (
    "group", "row", "electronegativity", "covalent_radius", "valence", "ionization_energy", "electron_affinity",
    "block", "molar_volume", "ionic_radius", "polarizability", "specific_heat", "thermal_conductivity",
)  # fmt: skip


def place(number, group, period):
    """Group and row; lanthanides and actinides are rows 8 and 9, in the order of groups 3 to 17."""
    for row, first in ((8, LANTHANUM), (9, ACTINIUM)):
        if first <= number < first + FILLED:
            return {"group": 3 + number - first, "row": row}
    return {"group": int(group), "row": int(period)}


def valence(configuration):
    """Electrons of the highest shell outside the noble gas core."""
    shells = re.findall(r"(\d)([spdf])(\d*)", configuration.split("]")[-1])
    outermost = max(int(shell) for shell, _, _ in shells)
    return sum(int(count or 1) for shell, _, count in shells if int(shell) == outermost)


def pymatgen_table():
    """Records of pymatgen by atomic number."""
    (folder,) = find_spec("pymatgen").submodule_search_locations
    records = json.loads(gzip.decompress((Path(folder) / "core" / "periodic_table.json.gz").read_bytes()))
    return {atomic_numbers[symbol]: record for symbol, record in records.items() if symbol in atomic_numbers}


def properties():
    """By atomic number, the symbol and the values that are known."""
    first, second = fetch_table("elements").set_index("atomic_number"), pymatgen_table()
    for number in range(1, HEAVIEST + 1):
        if number in MISSING:
            continue
        one, other = first.loc[number], second[number]
        radii = (other.get("Ionic radii") or {}).values()
        found = place(number, one["group_id"], one["period"]) | {"valence": valence(one["electronic_configuration"])}
        found |= {name: one[column] for name, column in FROM_MENDELEEV.items()}
        found |= {name: other.get(column) for name, column in FROM_PYMATGEN.items()}
        found |= {"ionization_energy": (other.get("Ionization energies") or [None])[0]}
        found |= {"ionic_radius": sum(radii) / len(radii) if radii else None}
        yield number, one["symbol"], {name: v for name, v in found.items() if v is not None and v == v}


if __name__ == "__main__":
    rows = list(properties())
    with open("site_properties.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["atomic_number", "symbol", *COLUMNS])
        for number, symbol, known in rows:
            cells = [known.get(name, "") for name in COLUMNS]
            writer.writerow([number, symbol, *(f"{c:g}" if isinstance(c, float) else c for c in cells)])
    for name in COLUMNS:
        print(name, "is not known of", " ".join(symbol for _, symbol, known in rows if name not in known) or "none")
