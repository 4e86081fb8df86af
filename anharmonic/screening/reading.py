"""Crystals from files: whatever ASE reads, and tables of records in JSON."""

import gzip
import io
import json
import warnings
from dataclasses import replace
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms

from anharmonic.errors import AnharmonicError
from anharmonic.screening.entries import Entry
from anharmonic.screening.library import Refused

TABLES = (".json", ".jsonl", ".json.gz", ".jsonl.gz")
STRUCTURES = (".cif", ".vasp", ".poscar", ".contcar", ".xyz", ".extxyz", ".res", ".xsf", ".traj", ".cif.gz")
BARE = ("POSCAR", "CONTCAR")
NAMES = ("name", "id", "task_id", "material_id", "mp_id", "identifier")
CELLS = ("cif", "structure", "cell")


def read_entries(paths, on_file=None):
    """Read the crystals of files and folders.

    A table is a list of records in JSON, or one record a line; of each, ``cif`` (text), ``structure`` (as of pymatgen)
    or ``cell``, ``symbols`` and ``frac`` make the structure, the first of ``name``, ``id``, ``task_id``,
    ``material_id``, ``mp_id`` the name, and every other number is a property. The numbers beside a frame of extxyz are
    its properties as well, and its energy (eV). Under a folder every file of a known kind is read, and names are paths
    from there; of structures with the same name the second and later get a number.

    Parameters
    ----------
    paths : sequence of path-like
    on_file : callable, optional
        Called with the numbers of files done and of all files.

    Returns
    -------
    entries : list of Entry
    refused : list of Refused
        Files, and structures in files, that could not be read.

    Raises
    ------
    AnharmonicError
        If there is nothing at a path, or nothing of a known kind under a folder.
    """
    entries, refused = [], []
    files = [(file, _name(file, Path(path))) for path in paths for file in _files(Path(path))]
    for number, (file, name) in enumerate(files):
        reader = _read_table if _suffix(file) in TABLES else _read_structures
        try:
            taken, left = reader(file, name)
        except Exception as error:  # a file may be damaged in any way
            kind = _suffix(file).lstrip(".") or file.name
            taken, left = [], [Refused(str(file), f"not readable as {kind}: {_text(error)}")]
        if not taken and not left:
            left = [Refused(str(file), "the file holds no structure")]
        entries.extend(taken)
        refused.extend(left)
        if on_file:
            on_file(number + 1, len(files))
    return _numbered(entries), refused


def _name(file, given):
    """Of a file without its suffix; of one in a folder with the folders between."""
    path = file.relative_to(given) if given.is_dir() else Path(file.name)
    return str(path if path.name in BARE else path.with_name(path.name.split(".")[0]))


def _numbered(entries):
    """The entries; of those with the same name, the second and later with a number."""
    seen, found = {}, []
    for entry in entries:
        seen[entry.name] = count = seen.get(entry.name, 0) + 1
        found.append(entry if count == 1 else replace(entry, name=f"{entry.name} ({count})"))
    return found


def _files(path):
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise AnharmonicError(f"no file or folder at {path}")
    kinds = STRUCTURES + TABLES
    known = [f for f in sorted(path.rglob("*")) if f.is_file() and (_suffix(f) in kinds or f.name in BARE)]
    if not known:
        raise AnharmonicError(f"no structure under {path}; known are {' '.join(kinds)} and {' '.join(BARE)}")
    return known


def _suffix(path):
    suffixes = "".join(path.suffixes[-2:]).lower()
    return suffixes if suffixes.endswith(".gz") else path.suffix.lower()


def _text(error):
    return " ".join(f"{type(error).__name__}: {error}".split())[:200].removesuffix(":")


def _read_structures(path, name):
    """All frames of a file that ASE reads."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frames = ase.io.read(path, index=":")
    several = len(frames) > 1
    return [
        Entry(f"{name}#{k}" if several else name, a, _numbers(a.info) | _results(a)) for k, a in enumerate(frames)
    ], []


def _results(atoms):
    """The energy (eV) that came with a frame."""
    energy = atoms.calc.results.get("energy") if atoms.calc else None
    return {} if energy is None else _numbers({"energy": energy})


def _read_table(path, _):
    """Records of a table; of one with a record a line, each damaged line costs itself alone."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        text = file.read()
    by_line = ".jsonl" in path.suffixes
    records = [line for line in text.splitlines() if line.strip()] if by_line else json.loads(text)
    entries, refused = [], []
    for number, record in enumerate(records if isinstance(records, list) else [records]):
        name = f"{path.name}#{number}"
        try:
            record = json.loads(record) if isinstance(record, str) else record
            if not isinstance(record, dict):
                raise AnharmonicError(f"a record with names and values is expected; found {str(record)[:60]}")
            name = str(next((record[key] for key in NAMES if key in record), name))
            entries.append(Entry(name, _atoms(record), _numbers(record)))
        except Exception as error:  # a record may be anything
            refused.append(Refused(name, f"no structure: {_text(error)}"))
    return entries, refused


def _atoms(record):
    """The structure of a record."""
    if "cif" in record:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ase.io.read(io.StringIO(record["cif"]), format="cif")
    if isinstance(record.get("structure"), dict):
        return _pymatgen(record["structure"])
    if "cell" in record:
        return Atoms(record["symbols"], cell=record["cell"], scaled_positions=record["frac"], pbc=True)
    raise AnharmonicError(f"one of {', '.join(CELLS)} is expected; found {', '.join(map(str, record))[:100]}")


def _pymatgen(structure):
    """A structure as pymatgen writes it."""
    sites = structure["sites"]
    occupancy = {str(k): _occupancy(site["species"]) for k, site in enumerate(sites)}
    symbols = [site["species"][0]["element"] for site in sites]
    positions = [site["abc"] for site in sites]
    atoms = Atoms(symbols, cell=structure["lattice"]["matrix"], scaled_positions=positions, pbc=True)
    atoms.info["occupancy"] = occupancy
    return atoms


def _occupancy(species):
    """Shares by element; of two charges of one element their sum."""
    found = {}
    for one in species:
        found[one["element"]] = found.get(one["element"], 0) + one["occu"]
    return found


def _numbers(fields):
    """The finite numbers among some fields."""
    plain = {k: v for k, v in fields.items() if isinstance(v, int | float | np.number) and not isinstance(v, bool)}
    return {str(k): float(v) for k, v in plain.items() if np.isfinite(v)}
