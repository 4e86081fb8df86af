"""Labelled structures from files: extxyz, ASE databases and trajectories, VASP's outputs, folders of those."""

import io
from pathlib import Path

import ase.io
from ase.db import connect
from ase.io.trajectory import Trajectory

from anharmonic.data.files import KINDS, files_under, kind_of, read_text, run_name
from anharmonic.data.frames import Refusal
from anharmonic.data.labels import label_atoms
from anharmonic.data.outcar import read_outcar
from anharmonic.data.vasprun import read_vasprun
from anharmonic.errors import DatasetError, FileFormatError


def read_structures(path):
    """Read every labelled structure of a file, or of all files of known kinds under a folder.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    structures : list of LabelledStructure
    refusals : list of Refusal
        Every structure and file that was not taken, with its reason. Damaged
        files end here and never in an error.

    Raises
    ------
    DatasetError
        If there is nothing at `path`.
    """
    path = Path(path)
    if path.is_dir():
        return _read_folder(path)
    if not path.is_file():
        raise DatasetError(f"no file or folder at {path}")
    return _read_file(path)


def _read_file(path):
    """Structures and refusals of one file; no error whatever it holds."""
    kind = kind_of(path)
    if kind is None:
        return [], [Refusal(str(path), f"the name tells no known kind of file; known are {KINDS}")]
    try:
        structures, refusals = READERS[kind](path)
    except Exception as error:  # a file may be damaged in any way
        return [], [Refusal(str(path), f"not readable as {kind}: {_text(error)}")]
    if not structures and not refusals:
        refusals = [Refusal(str(path), "the file holds no structure")]
    return structures, refusals


def _read_folder(folder):
    """Structures and refusals of all files under a folder; an OUTCAR only where its vasprun.xml gives nothing."""
    structures, refusals, runs = [], [], {}
    for path in sorted(files_under(folder), key=lambda p: kind_of(p) == "outcar"):
        if kind_of(path) == "outcar" and run_name(path) in runs:
            refusals.append(Refusal(str(path), f"the same run as {runs[run_name(path)]}, which was read"))
            continue
        taken, refused = _read_file(path)
        if kind_of(path) == "vasprun" and taken:
            runs[run_name(path)] = path.name
        structures += taken
        refusals += refused
    if not structures and not refusals:
        refusals = [Refusal(str(folder), f"no file of a known kind under this folder; known are {KINDS}")]
    return structures, refusals


def _read_extxyz(path):
    """Frame by frame, so that a damaged one costs itself alone."""
    text, problem = read_text(path)
    lines = text.splitlines()
    structures, refusals = [], []
    start = frame = 0
    while start < len(lines):
        if not lines[start].strip():
            start += 1
            continue
        source = f"{path}:{frame}"
        try:
            stop = start + 2 + _atom_count(lines, start)
            atoms = ase.io.read(io.StringIO("\n".join(lines[start:stop]) + "\n"), format="extxyz")
            structures.append(label_atoms(atoms, source))
        except _NoFrame as error:
            refusals.append(Refusal(source, str(error)))
            break
        except Exception as error:  # ASE raises many kinds of errors on damaged text
            refusals.append(Refusal(source, _text(error)))
        start, frame = stop, frame + 1
    if problem:
        refusals.append(Refusal(str(path), problem))
    return structures, refusals


class _NoFrame(Exception):
    """The text does not go on with a complete frame."""


def _atom_count(lines, start):
    """Number of atoms of the frame that starts at a line."""
    try:
        count = int(lines[start])
    except ValueError as error:
        raise _NoFrame(
            f"line {start + 1} should be the number of atoms of a frame, found '{lines[start][:60]}'; "
            "nothing from there on is read"
        ) from error
    if start + 2 + count > len(lines):
        raise _NoFrame(f"the file ends within this frame of {count} atoms")
    return count


def _read_trajectory(path):
    """An ASE trajectory."""
    with Trajectory(str(path)) as trajectory:
        return _collect((f"{path}:{i}", lambda i=i: trajectory[i]) for i in range(len(trajectory)))


def _read_database(path):
    """All rows of an ASE database; key-value pairs and data go to ``info``."""
    with connect(str(path), use_lock_file=False) as database:
        ids = [row.id for row in database.select(columns=["id"], include_data=False)]
        return _collect((f"{path}:{i}", lambda i=i: _row_atoms(database.get(id=i))) for i in ids)


def _row_atoms(row):
    """Atoms of a database row with its facts in ``info``."""
    atoms = row.toatoms()
    atoms.info.update(row.data)
    atoms.info.update(row.key_value_pairs)
    return atoms


def _collect(readers):
    """Structures and refusals of (source, function that reads it) pairs."""
    structures, refusals = [], []
    for source, read in readers:
        try:
            structures.append(label_atoms(read(), source))
        except Exception as error:  # damaged entries
            refusals.append(Refusal(source, _text(error)))
    return structures, refusals


def _text(error):
    """What to say of an error; errors of our own speak for themselves."""
    return str(error) if isinstance(error, FileFormatError) else f"{type(error).__name__}: {error}"


READERS = {
    "extxyz": _read_extxyz,
    "vasprun": read_vasprun,
    "outcar": read_outcar,
    "traj": _read_trajectory,
    "database": _read_database,
}
