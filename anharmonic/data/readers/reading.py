"""Labelled structures from files and folders of any depth, by several processes where that pays."""

from importlib import import_module
from pathlib import Path

from anharmonic.data.files import COMPRESSION, KINDS, files_under, kind_of
from anharmonic.data.processes import ordered_map
from anharmonic.data.progress import bar_of
from anharmonic.data.readers.runs import divide_into_runs
from anharmonic.data.refusals import Refusal, refusal_of
from anharmonic.data.settings import tells_convergence
from anharmonic.errors import DatasetError

READERS = {
    "extxyz": ("extended_xyz", "read_extxyz"),
    "vasprun": ("vasprun", "read_vasprun"),
    "outcar": ("outcar", "read_outcar"),
    "vaspout": ("vaspout", "read_vaspout"),
    "ml_ab": ("ml_ab", "read_ml_ab"),
    "phonopy": ("phonopy_sets", "read_phonopy"),
    "deepmd": ("deepmd", "read_deepmd"),
    "traj": ("ase_files", "read_trajectory"),
    "database": ("ase_files", "read_database"),
}
"""Module and function of each kind of file; imported when the first such file is met."""

SPEED, OPENING = 15e6, 5e-4
"""Bytes of text that are read in a second, and seconds that it takes to open a file, roughly."""
PACKED = 6
"""Bytes of text in a byte of a compressed file, roughly."""

UNKNOWN = "unknown format"
VERDICTS = {"unconverged", "not self-consistent", "force field"}
"""Refusals after which no other file of the run is tried: it may know less."""


def read_structures(path, workers=1, progress=False):
    """Read every labelled structure of a file, or of all files of known kinds under a folder.

    Parameters
    ----------
    path : str or Path
    workers : int or None
        Processes that read at most; None for as many as there are cores. Fewer are started where there is little to
        read. They import the calling script anew: there, call this below ``if __name__ == "__main__":``.
    progress : bool
        Show a bar with rate and time left on the terminal.

    Returns
    -------
    structures : list of LabelledStructure
        In the order of the files' names, however many workers there are.
    refusals : list of Refusal
        Every structure and file that was not taken, with its reason. Damaged
        files end here and never in an error.

    Raises
    ------
    DatasetError
        If there is nothing at `path`, or a worker dies.
    """
    path = Path(path)
    if not path.is_dir():
        if not path.is_file():
            raise DatasetError(f"no file or folder at {path}")
        return _read_file(path)
    files = files_under(path)
    runs = divide_into_runs(files)
    structures, refusals = [], []
    bar = bar_of(f"reading {path.name or path}", len(files), "files", progress)
    with bar as advance, ordered_map(len(runs), _seconds(runs), workers) as mapper:
        for run, (taken, refused) in zip(runs, mapper(_read_run, runs), strict=True):
            structures += taken
            refusals += refused
            advance(len(run))
    if not runs:
        refusals = [Refusal(str(path), f"no file of a known kind under this folder; known are {KINDS}", UNKNOWN)]
    return structures, refusals


def _read_run(paths):
    """Structures and refusals of the files of one run: of the first that gives any and tells its convergence."""
    read = {}
    for path in paths:
        read[path] = taken, refused = _read_file(path)
        if taken and _is_certain(taken) or not taken and VERDICTS & {refusal.kind for refusal in refused}:
            break
    giving = [path for path in read if read[path][0]]
    chosen = next((path for path in giving if _is_certain(read[path][0])), giving[0] if giving else path)
    refusals = [refusal for p in read if p == chosen or p not in giving for refusal in read[p][1]]
    reason = f"the same run as {chosen.name}, which was read"
    others = [p for p in paths if p != chosen and (p not in read or p in giving)]
    return read[chosen][0], refusals + [Refusal(str(p), reason, "duplicate run") for p in others]


def _is_certain(structures):
    """Whether the file told the convergence of the electrons."""
    return all(tells_convergence(structure) for structure in structures)


def _read_file(path):
    """Structures and refusals of one file; no error whatever it holds."""
    kind = kind_of(path)
    if kind is None:
        return [], [Refusal(str(path), f"the name tells no known kind of file; known are {KINDS}", UNKNOWN)]
    module, name = READERS[kind]
    read = getattr(import_module(f"anharmonic.data.readers.{module}"), name)
    try:
        structures, refusals = read(path)
    except Exception as error:  # a file may be damaged in any way
        return [], [refusal_of(str(path), error, f"not readable as {kind}: {{}}")]
    if not structures and not refusals:
        refusals = [Refusal(str(path), "the file holds no structure")]
    return structures, refusals


def _seconds(runs):
    """How long one process will read, roughly; dangling links count for nothing."""
    files = [path for run in runs for path in run[:1] if path.exists()]
    sizes = (path.stat().st_size * (PACKED if path.suffix in COMPRESSION else 1) for path in files)
    return sum(OPENING + size / SPEED for size in sizes)
