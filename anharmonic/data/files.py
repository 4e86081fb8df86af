"""Which files hold labelled structures, and their text, compressed or not."""

import bz2
import gzip
import lzma
import os
import re
import zlib
from pathlib import Path

COMPRESSION = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}

ML_AB = re.compile(r"(^|[._-])ml_abn?([._-]\w*)?$")
KINDS = (
    "vasprun.xml, OUTCAR, vaspout.h5, ML_AB, ML_ABN, extxyz (.xyz, .extxyz), ASE database (.db, .json), ASE trajectory "
    "(.traj), phonopy (phonopy_params.yaml, or phonopy_disp.yaml with FORCE_SETS), DeePMD-kit (folder with type.raw)"
)
"""The known kinds of files, for messages."""


def kind_of(path):
    """Kind of a file by its name, one of the keys of `anharmonic.data.readers.reading.READERS`, or None.

    VASP's files may carry anything before and behind their name
    (``run3.vasprun.xml.gz``, ``vasprun.xml.00153``); text files may be compressed.
    """
    name = bare_name(path)
    if "vasprun" in name and ".xml" in name:
        return "vasprun"
    if "outcar" in name:
        return "outcar"
    if "vaspout" in name and name.endswith(".h5"):
        return "vaspout"
    if ML_AB.search(name):
        return "ml_ab"
    if name == "type.raw":
        return "deepmd"
    if name == "force_sets" or name.startswith("phonopy") and name.endswith((".yaml", ".yml")):
        return "phonopy"
    if name.endswith((".xyz", ".extxyz")):
        return "extxyz"
    if Path(path).suffix == ".traj":
        return "traj"
    return "database" if Path(path).suffix in (".db", ".json") else None


def files_under(folder):
    """All files of known kinds under a folder, sorted; .json files only where they are ASE databases."""
    return [p for p in all_files(folder) if kind_of(p) and (p.suffix != ".json" or is_ase_json(p))]


def all_files(folder):
    """All files under a folder, sorted; links to folders are not followed, pipes and devices left out."""
    found = sorted(Path(base) / name for base, _, names in os.walk(folder) for name in names)
    return [path for path in found if path.is_file() or path.is_symlink()]


def is_ase_json(path):
    """Whether a .json file is an ASE database: such a file ends with the list of ids and the next id."""
    try:
        with open(path, "rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 200))
            return b'"nextid"' in file.read()
    except OSError:  # the reader will say why
        return True


def read_bytes(path):
    """Contents of a file, decompressed, and what was wrong with its compression.

    Returns
    -------
    content : bytes
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
    return b"".join(parts), problem


def read_text(path):
    """What `read_bytes` gives, as text."""
    content, problem = read_bytes(path)
    return content.decode("utf-8", "replace"), problem


def bare_name(path):
    """Lower-case name without the suffix of a compression."""
    path = Path(path)
    return (path.stem if path.suffix in COMPRESSION else path.name).lower()
