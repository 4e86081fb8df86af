"""Which files hold labelled structures, and their text, compressed or not."""

import bz2
import gzip
import lzma
import os
import zlib
from pathlib import Path

COMPRESSION = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}

KINDS = "extxyz (.xyz, .extxyz), vasprun.xml, OUTCAR, ASE database (.db, .json), ASE trajectory (.traj)"
"""The known kinds of files, for messages."""


def kind_of(path):
    """Kind of a file by its name: "extxyz", "vasprun", "outcar", "traj", "database", or None.

    A vasprun.xml or OUTCAR may carry anything before and behind that
    (``run3.vasprun.xml.gz``, ``vasprun.xml.00153``); text files may be compressed.
    """
    name = _bare_name(path)
    if "vasprun" in name and ".xml" in name:
        return "vasprun"
    if "outcar" in name:
        return "outcar"
    if name.endswith((".xyz", ".extxyz")):
        return "extxyz"
    if Path(path).suffix == ".traj":
        return "traj"
    return "database" if Path(path).suffix in (".db", ".json") else None


def files_under(folder):
    """All files of known kinds under a folder, sorted; .json files only where they are ASE databases."""
    found = [Path(base) / name for base, _, names in os.walk(folder) for name in names]
    return sorted(p for p in found if kind_of(p) and (p.suffix != ".json" or is_ase_json(p)))


def is_ase_json(path):
    """Whether a .json file is an ASE database: such a file ends with the list of ids and the next id."""
    with open(path, "rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - 200))
        return b'"nextid"' in file.read()


def run_name(path):
    """What the vasprun.xml and the OUTCAR of one run have in common: folder and rest of the name."""
    return Path(path).parent, _bare_name(path).replace("vasprun.xml", "").replace("outcar", "").strip(".")


def read_text(path):
    """Text of a file, and what was wrong with its compression.

    Returns
    -------
    text : str
        As far as it can be read.
    problem : str or None
        Why the end is missing, where it is.
    """
    opener = COMPRESSION.get(Path(path).suffix, open)
    parts, problem = [], None
    with opener(path, "rb") as file:
        try:
            while part := file.read1(1 << 20):
                parts.append(part)
        except (EOFError, OSError, zlib.error, lzma.LZMAError) as error:
            problem = f"the compressed file is damaged or cut off ({error})"
    return b"".join(parts).decode("utf-8", "replace"), problem


def _bare_name(path):
    """Lower-case name without the suffix of a compression."""
    path = Path(path)
    return (path.stem if path.suffix in COMPRESSION else path.name).lower()
