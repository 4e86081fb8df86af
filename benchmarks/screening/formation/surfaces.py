"""Hirshfeld surfaces of the perovskites of a table, computed once and kept; profiles and images of them.

    python benchmarks/screening/formation/surfaces.py TABLE --setting random

The lattice is the relaxed one ("relaxed", every structure), or that of a cubic oxide with another lattice constant:
drawn between 3.5 and 5.5 A ("random", the protocol of Williams, Mukherjee and Rajan) or 4.4 A ("fixed"). These two
tell nothing of the relaxed structure. Caches are in --cache.
"""

import argparse
import time
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
import spglib

from anharmonic.errors import AnharmonicError
from anharmonic.files import replacing
from anharmonic.screening.hirshfeld.fingerprint import FingerprintSettings
from anharmonic.screening.hirshfeld.profile import channels, profile
from anharmonic.screening.hirshfeld.surfaces import Surface, standard_sites, surfaces_of_sites
from anharmonic.screening.perovskites.roles import roles
from anharmonic.screening.reading import read_entries

SETTINGS = ("relaxed", "random", "fixed")
SHORTEST, LONGEST, FIXED = 3.5, 5.5, 4.4
"""Lattice constants, A."""
TOGETHER, SYMPREC, ORDER = 64, 1e-2, 35
OXYGEN, HEAVIEST, LARGEST = 8, 94, 5.0
LEFT_OUT = (1, 2, 6, 7, 8, 9, 10, 15, 16, 17, 18, 34, 35, 36, 53, 54, 84, 85, 86)
"""Noble gases, halogens, H, C, N, O, P, S, Se and Po: not on A or B in the paper."""
KEEP = ("inner", "outer", "areas")
ONES = ("number", "multiplicity", "volume", "open", "folded")


@dataclass(frozen=True)
class Table:
    """Entries with their roles (n, 3) and, of a setting, their structures and all surfaces of those."""

    entries: list
    roles: np.ndarray
    structures: list
    surfaces: list

    def part(self, mask):
        """The entries for which a mask is true."""
        chosen = np.flatnonzero(mask)
        lists = (self.entries, self.structures, self.surfaces)
        entries, structures, found = ([part[k] for k in chosen] for part in lists)
        return Table(entries, self.roles[chosen], structures, found)


def is_cubic_oxide(entry):
    """Whether an entry is a cubic perovskite oxide."""
    atoms = entry.atoms
    if (atoms.numbers == OXYGEN).sum() != 3 or len(atoms) != 5:
        return False
    symbol = spglib.get_spacegroup((atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers), SYMPREC)
    return symbol.split()[0] == "Pm-3m"


def lattice_constant(entry):
    """Of a cubic perovskite, A."""
    return entry.atoms.get_volume() ** (1 / 3)


def curated(table):
    """Mask (n,) of the oxides of the paper: its elements on A and B, and lattice constants up to 5 A."""
    cations = table.roles[:, :2]
    usual = ~np.isin(cations, LEFT_OUT).any(axis=1) & (cations <= HEAVIEST).all(axis=1)
    return usual & np.array([lattice_constant(entry) <= LARGEST for entry in table.entries])


def with_lattice(entries, setting):
    """Structures of entries at the lattice constants of a setting."""
    lengths = np.random.default_rng(0).uniform(SHORTEST, LONGEST, len(entries))
    lengths = {"random": lengths, "fixed": np.full(len(entries), FIXED)}.get(setting)
    found = []
    for k, entry in enumerate(entries):
        atoms = entry.atoms.copy()
        if lengths is not None:
            atoms.set_cell(atoms.cell.array * lengths[k] / lattice_constant(entry), scale_atoms=True)
        found.append(atoms)
    return found


def compute(structures, order=ORDER, on_batch=lambda done: None):
    """Surfaces of structures; None of those that have none."""
    found = []
    for begin in range(0, len(structures), TOGETHER):
        sites = []
        for atoms in structures[begin : begin + TOGETHER]:
            try:
                sites.append(standard_sites(atoms))
            except AnharmonicError:
                sites.append(None)
        own = iter(surfaces_of_sites([s for s in sites if s is not None], order))
        found += [None if s is None else next(own) for s in sites]
        on_batch(len(found))
    return found


def save(path, names, found):
    """Write surfaces by name as flat arrays; points without area are left out."""
    kept = [(name, one) for name, own in zip(names, found, strict=True) for one in own or ()]
    points = {key: [getattr(one, key)[one.areas > 0].astype(np.float32) for _, one in kept] for key in KEEP}
    arrays = {key: np.concatenate(parts) for key, parts in points.items()}
    arrays |= {key: np.array([getattr(one, key) for _, one in kept]) for key in ONES}
    arrays |= {"names": np.array([name for name, _ in kept]), "counts": np.array([len(x) for x in points["areas"]])}
    with replacing(path) as part, open(part, "wb") as file:
        np.savez(file, **arrays)


def load(path):
    """Surfaces by name, as `save` wrote them."""
    with np.load(path) as file:
        arrays = {key: file[key] for key in file.files}
    ends, found = np.cumsum(arrays["counts"]), {}
    for k, (name, end) in enumerate(zip(arrays["names"], ends, strict=True)):
        points = [arrays[key][end - arrays["counts"][k] : end] for key in KEEP]
        number, multiplicity, *rest = (arrays[key][k].item() for key in ONES)
        found.setdefault(str(name), []).append(Surface(number, multiplicity, *points, *rest))
    return found


@cache
def entries_of(path, cubic):
    """Entries of a table, all or the cubic oxides, and their roles (n, 3)."""
    entries, _ = read_entries([path])
    entries = [entry for entry in entries if is_cubic_oxide(entry)] if cubic else entries
    return entries, np.array([tuple(roles(entry.atoms)) for entry in entries])


def read(path, setting, kept, cubic=True, order=ORDER):
    """The table of a setting, all structures or the cubic oxides, its surfaces from the folder `kept` or put there."""
    file = Path(kept) / f"{setting}-{order}.npz"
    if not file.exists():
        entries, _ = entries_of(path, setting != "relaxed")
        file.parent.mkdir(parents=True, exist_ok=True)
        tell = partial(_tell, setting, len(entries), time.perf_counter())
        save(file, [entry.name for entry in entries], compute(with_lattice(entries, setting), order, tell))
    found, (entries, every) = load(file), entries_of(path, cubic)
    table = Table(entries, every, with_lattice(entries, setting), [found.get(entry.name) for entry in entries])
    return table.part([entry.name in found for entry in entries])


def _tell(setting, count, begin, done):
    print(f"{setting}: {done} of {count} structures, {time.perf_counter() - begin:.0f} s", flush=True)


def cubic(path, setting, kept):
    """The cubic oxides of the paper at a setting."""
    table = read(path, setting, kept)
    return table.part(curated(table))


def profiles(table, kept=None):
    """Profiles (n, 3, 54), kept in a file."""
    return _kept(kept, lambda: [profile(s, r) for s, r in _pairs(table)], len(table.entries))


def images(table, bins=50, apart=True, kept=None):
    """Images (n, 3 or 1, bins, bins), each with a mean of 1; kept in a file. Apart are A, B and X."""
    settings = FingerprintSettings(bins=bins)
    found = _kept(kept, lambda: [channels(s, r, settings) for s, r in _pairs(table)], len(table.entries))
    return (found if apart else found.sum(axis=1, keepdims=True)) * np.float32(bins**2)


def _pairs(table):
    return zip(table.surfaces, table.roles.tolist(), strict=True)


def _kept(path, make, count):
    """Arrays from a file, or made and written to it."""
    if path is not None and Path(path).exists():
        found = np.load(path)
        if len(found) == count:
            return found
    found = np.array(make(), np.float32)
    if path is not None:
        with replacing(path) as part, open(part, "wb") as file:
            np.save(file, found)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", help="of ABX3 structures: JSON with cell, symbols and frac")
    parser.add_argument("--setting", choices=SETTINGS, default="relaxed")
    parser.add_argument("--cache", default=".cache/formation")
    options = parser.parse_args()
    table = read(options.table, options.setting, options.cache, options.setting != "relaxed")
    print(f"{options.setting}: {len(table.entries)} structures, {sum(map(len, table.surfaces))} surfaces")
