"""Makes elements.csv from the package mendeleev (any version from 1.0 on; 1.3.0 made the file): run it in this folder.

Gaps are left empty; `anharmonic.screening.elements` says how they are filled.
"""

import csv

from mendeleev.fetch import fetch_table

from anharmonic.screening.entries import HEAVIEST

COLUMNS = {
    "symbol": "symbol",
    "period": "period",
    "glawe_number": "chemical_scale",
    "heat_of_formation": "atomization_enthalpy",
    "atomic_radius_rahm": "radius",
    "covalent_radius_pyykko": "covalent_radius",
    "dipole_polarizability": "polarizability",
    "en_pauling": "electronegativity",
}

if __name__ == "__main__":
    table = fetch_table("elements").set_index("atomic_number").loc[1:HEAVIEST, list(COLUMNS)]
    with open("elements.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["atomic_number", *COLUMNS.values()])
        for number, row in table.iterrows():
            writer.writerow([number, *("" if value != value else f"{value:g}" if value != str(value) else value
                                       for value in row)])  # fmt: skip
