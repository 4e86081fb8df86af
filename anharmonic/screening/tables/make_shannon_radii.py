"""Makes shannon_radii.csv from the package pymatgen (2026.10.24 made the file): run it in this folder; needs PyYAML.

A row for each ion that the ICSD, Shannon or pymatgen's list of oxidation states knows: how often the ICSD has it, by
bond valences (pymatgen's count), and Shannon's ionic radii (A) by coordination, high spin where there are two states.
Square and pyramidal surroundings stand in where no other of that coordination is known. A crystal radius is 0.14 A more
for cations and less for anions; exceptions are printed (one, N5+ in threefold coordination).
"""

import csv
import gzip
import json
from pathlib import Path

import pymatgen.core
import yaml
from ase.data import atomic_numbers

FOLDER = Path(pymatgen.core.__file__).parent
HEAVIEST = 103
"""Lawrencium, as in `anharmonic.screening.entries`."""
NUMERALS = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII", "XIII", "XIV")


def radii(number, charge, places):
    """Ionic radii by coordination of one ion."""
    found = {}
    for place, spins in sorted(places.items()):  # VI before VISQ
        values = spins.get("High Spin") or spins.get("") or spins["Low Spin"]
        step = values["crystal_radius"] - values["ionic_radius"]
        if abs(step - (0.14 if charge > 0 else -0.14)) > 1e-6:
            print(number, charge, place, values)
        coordination = NUMERALS.index(place.removesuffix("SQ").removesuffix("PY")) + 1
        found.setdefault(coordination, values["ionic_radius"])
    return found


def ions():
    """Occurrences and radii by atomic number and charge; atoms without a charge, and unknown charges, are left out."""
    table = json.loads(gzip.decompress((FOLDER / "periodic_table.json.gz").read_bytes()))
    counts = yaml.safe_load((FOLDER / "icsd_bv.yaml").read_text())["occurrence"]
    found = {}
    for symbol, record in table.items():
        number = atomic_numbers.get(symbol, HEAVIEST + 1)
        if number > HEAVIEST:
            continue
        for charge in record.get("Oxidation states") or ():
            found[number, int(charge)] = [0, {}]
        for charge, places in (record.get("Shannon radii") or {}).items():
            if charge:
                found[number, int(charge)] = [0, radii(number, int(charge), places)]
    for species, count in counts.items():
        symbol = species.rstrip("+-0123456789")
        charge = species.removeprefix(symbol)
        charge = int(charge[:-1] or 1) * (-1 if charge[-1] == "-" else 1)
        if charge and atomic_numbers.get(symbol, HEAVIEST + 1) <= HEAVIEST:
            found.setdefault((atomic_numbers[symbol], charge), [0, {}])[0] = int(count)
    return dict(sorted(found.items()))


if __name__ == "__main__":
    with open("shannon_radii.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["atomic_number", "charge", "icsd", *range(1, len(NUMERALS) + 1)])
        for (number, charge), (count, values) in ions().items():
            writer.writerow([number, charge, count, *(values.get(k, "") for k in range(1, len(NUMERALS) + 1))])
