"""Makes oqmd_abx3.h5: python make_shipped.py oqmd_structures.jsonl.gz, some ten minutes on two cores.

The table: 8,997 compounds ABX3 of five atoms of the Open Quantum Materials Database (Saal et al., JOM 65, 1501 (2013);
Kirklin et al., npj Comput. Mater. 1, 15010 (2015); CC-BY-4.0), one a line with id, e_form_eV_atom, cell, symbols, frac.
"""

import sys
from pathlib import Path

import numpy as np

from anharmonic.screening.formation.compounds import compounds
from anharmonic.screening.formation.predictor import SHIPPED, FormationPredictor
from anharmonic.screening.reading import read_entries

PROPERTY, LARGEST = "e_form_eV_atom", 6.0
"""eV/atom; one entry at +25 is an evident failure."""
ORIGIN = {
    "data": "Open Quantum Materials Database, CC-BY-4.0, ABX3 of five atoms",
    "energies": "formation energies at 0 K, eV/atom, PBE and PBE + U",
}


def usable(entries):
    """Described compounds with a plausible formation energy, and those energies (n,), eV/atom."""
    found, taken, refused = compounds(entries, on_batch=lambda done, every: print(f"\r{done}/{every}", end=""))
    energies = np.array([entry.properties.get(PROPERTY, np.nan) for entry in taken])
    mask = abs(energies) < LARGEST
    print(f"\n{mask.sum()} compounds; {len(refused)} refused, {(~mask).sum()} without a plausible energy")
    return found.part(mask), energies[mask], [entry for entry, use in zip(taken, mask, strict=True) if use]


if __name__ == "__main__":
    found, energies, _ = usable(read_entries(sys.argv[1:])[0])
    origin = ORIGIN | {"compounds": len(found)}
    predictor = FormationPredictor.fit(found, energies, origin, lambda step: print(f"\rstep {step}", end=""))
    predictor.save(Path(__file__).with_name(SHIPPED))
    print(f"\nwrote {SHIPPED}")
