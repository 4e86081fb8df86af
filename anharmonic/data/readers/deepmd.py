"""Frames of DeePMD-kit's data: a folder with type.raw and sets of arrays, as dpdata writes them.

The format (DeePMD-kit manual, page "Formats of a system"): positions in A, box as
rows of lattice vectors in A, energies in eV, forces in eV/A, the virial in eV
(``-V sigma``). Sets ``set.*`` hold .npy files; without any, .raw text files of one
line a frame are read. Systems of mixed types have ``real_atom_types.npy``.
"""

from pathlib import Path

import numpy as np

from anharmonic.conventions import stress_from_virial
from anharmonic.data.labels import label_arrays
from anharmonic.data.refusals import Refusal, Refused, refusal_of
from anharmonic.errors import FileFormatError

QUANTITIES = ("coord", "box", "energy", "force", "virial", "real_atom_types")


def read_deepmd(path):
    """Read all frames of a system, named by its type.raw.

    Parameters
    ----------
    path : str or Path
        The file type.raw; frames are counted through the sets in the order of their names.

    Returns
    -------
    structures : list of LabelledStructure
    refusals : list of Refusal
    """
    folder = Path(path).parent
    types, names = _types(path), _names(folder / "type_map.raw")
    periodic = not (folder / "nopbc").exists()
    structures, refusals, count = [], [], 0
    for part in sorted(p for p in folder.glob("set.*") if p.is_dir()) or [folder]:
        try:
            arrays = _arrays(part, "npy" if part != folder else "raw", periodic)
        except FileFormatError as error:
            refusals.append(refusal_of(f"{path}:{count}", error))
            continue
        for index in range(len(arrays["coord"])):
            source, count = f"{path}:{count}", count + 1
            try:
                frame = {name: array[index] for name, array in arrays.items()}
                structures.append(_read_frame(frame, types, names, periodic, source))
            except FileFormatError as error:
                refusals.append(refusal_of(source, error))
    return structures, refusals or ([] if structures else [Refusal(str(path), "the system holds no frame")])


def _types(path):
    """Types of the atoms as integers."""
    try:
        return np.array(Path(path).read_text().split(), int)
    except (ValueError, UnicodeDecodeError) as error:
        raise FileFormatError(f"type.raw should hold one integer an atom: {error}") from error


def _names(path):
    """Chemical symbols of the types."""
    if not path.is_file():
        raise FileFormatError(f"no {path.name} beside type.raw: nothing tells the elements of the types")
    return path.read_text(errors="replace").split()


def _arrays(folder, suffix, periodic):
    """Arrays of a set, each with one row a frame."""
    files = {name: folder / f"{name}.{suffix}" for name in QUANTITIES}
    arrays = {name: _load(file) for name, file in files.items() if file.is_file()}
    missing = [name for name in ("coord", "box") if name not in arrays and (periodic or name == "coord")]
    if missing:
        raise FileFormatError(f"{folder.name} lacks {missing[0]}.{suffix}")
    if not {"energy", "force"} & arrays.keys():
        raise Refused("no forces", f"{folder.name} holds neither energies nor forces")
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise FileFormatError(f"the arrays of {folder.name} have different numbers of frames: {found}")
    return arrays


def _load(file):
    """One array, rows are frames; nothing pickled is read."""
    try:
        array = np.load(file, allow_pickle=False) if file.suffix == ".npy" else np.loadtxt(file, ndmin=2)
        return np.asarray(array, float).reshape(len(array), -1)
    except (ValueError, OSError, EOFError, TypeError) as error:
        is_cut = "cannot reshape" in str(error) or isinstance(error, EOFError)
        raise Refused("truncated" if is_cut else "damaged", f"{file.name} is no array of numbers: {error}") from error


def _read_frame(frame, types, names, periodic, source):
    """One frame as a `LabelledStructure`."""
    types = frame["real_atom_types"].astype(int) if "real_atom_types" in frame else types
    if len(types) and not 0 <= types.min() <= types.max() < len(names):
        raise FileFormatError(f"types reach from {types.min()} to {types.max()}, type_map.raw names {len(names)}")
    cell = _shaped(frame, "box", (3, 3)) if periodic else np.zeros((3, 3))
    virial = _shaped(frame, "virial", (3, 3))
    volume = abs(np.linalg.det(cell))
    if virial is not None and volume == 0.0:
        raise FileFormatError("a virial is no stress without a volume; the structure has no cell")
    return label_arrays(
        [names[kind] for kind in types],
        cell,
        _shaped(frame, "coord", (len(types), 3)),
        _shaped(frame, "energy", ()),
        _shaped(frame, "force", (len(types), 3)),
        None if virial is None else stress_from_virial(virial, volume),
        source,
        energy_name="energy",
        pbc=periodic,
    )


def _shaped(frame, name, shape):
    """A quantity of a frame in its shape, or None."""
    if name not in frame:
        return None
    if frame[name].size != np.prod(shape, dtype=int):
        raise FileFormatError(f"{name} has {frame[name].size} numbers a frame, expected {np.prod(shape, dtype=int)}")
    return frame[name].reshape(shape)
