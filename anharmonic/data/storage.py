"""The data set file: one HDF5 file with frames, labels, and where every frame comes from.

Frames of one supercell are stacked in one record of arrays. What is text is kept as JSON.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import h5py
import numpy as np
from ase.io.jsonio import decode, encode

from anharmonic.crystal import Configuration, Crystal, Supercell
from anharmonic.crystal.symmetry import SpaceGroup
from anharmonic.data.frames import Frame, Refusal
from anharmonic.errors import DatasetError, FileFormatError
from anharmonic.files import replacing
from anharmonic.records import DAMAGE, digest, read_record, write_record

FORMAT, VERSION = "anharmonic dataset", 1
SIGNATURE = b"\x89HDF\r\n\x1a\n"
LABELS = ("energy", "forces", "stress")
TEXTS = ("group", "phase", "source", "trajectory", "sha256")


@dataclass(frozen=True)
class StoredFrames:
    """`b` frames of one supercell as the file keeps them.

    Attributes
    ----------
    matrix : ndarray, shape (3, 3), int
        Supercell.
    indices : ndarray, shape (b,), int
        Index of each frame in the data set.
    deformation : ndarray, shape (b, 3, 3)
    displacements : ndarray, shape (b, n_sites, 3, n_cells), A
    order : ndarray, shape (b, n_sites, n_cells), int
        Atom of the original structure on each site.
    energy, forces, stress : ndarray
        Labels as in `Frame`; NaN where one is missing.
    """

    matrix: np.ndarray
    indices: np.ndarray
    deformation: np.ndarray
    displacements: np.ndarray
    order: np.ndarray
    energy: np.ndarray
    forces: np.ndarray
    stress: np.ndarray

    @classmethod
    def stack(cls, indices, frames):
        """Stack frames that share a supercell matrix."""
        states = [frame.configuration for frame in frames]
        shapes = (), states[0].displacements.shape, (3, 3)
        labels = [
            np.array([np.full(shape, np.nan) if (x := getattr(frame, name)) is None else x for frame in frames])
            for name, shape in zip(LABELS, shapes, strict=True)
        ]
        arrays = (np.stack([getattr(s, name) for s in states]) for name in ("deformation", "displacements", "order"))
        return cls(states[0].supercell.matrix, np.array(indices), *arrays, *labels)

    def unstack(self, crystal):
        """Pairs of an index and the configuration and labels of that frame."""
        supercell = Supercell.from_matrix(self.matrix)
        for k, index in enumerate(self.indices):
            state = Configuration(crystal, supercell, self.deformation[k], self.displacements[k], self.order[k])
            labels = [None if np.isnan(values[k]).any() else values[k] for values in (self.forces, self.stress)]
            yield index, (state, None if np.isnan(self.energy[k]) else float(self.energy[k]), *labels)


def is_dataset_file(path):
    """Whether a path is an HDF5 file that calls itself a data set."""
    if not Path(path).is_file():
        return False
    with open(path, "rb") as file:
        if file.read(8) != SIGNATURE:
            return False
    try:
        with h5py.File(path, "r") as file:
            return file.attrs.get("format") == FORMAT
    except OSError:
        return False


def save_dataset(dataset, path):
    """Write a data set to `path`, aside and renamed, with a checksum over its contents."""
    families = {}
    for index, frame in enumerate(dataset.frames):
        families.setdefault(frame.configuration.supercell.matrix.tobytes(), []).append(index)
    batches = [StoredFrames.stack(family, [dataset.frames[i] for i in family]) for family in families.values()]
    texts = {name: _Column.of([getattr(frame, name) for frame in dataset.frames]) for name in TEXTS}
    with replacing(path) as part, h5py.File(part, "w") as file:
        file.attrs.update(format=FORMAT, version=VERSION)
        write_record(file, "crystal", dataset.crystal)
        for k, batch in enumerate(batches):
            write_record(file, f"frames/{k:04d}", batch)
        for name, column in texts.items():
            write_record(file, f"texts/{name}", column)
        write_record(file, "info", _encode_infos(dataset.frames))
        write_record(file, "refusals", encode([asdict(refusal) for refusal in dataset.refusals]))
        write_record(file, "energy_offset", dataset.energy_offset)
        file.attrs["sha256"] = digest(file)


def _encode_infos(frames):
    """What the files say besides, as JSON."""
    try:
        return encode([frame.info for frame in frames])
    except TypeError as error:
        raise DatasetError(f"the info of a structure holds what no file can keep ({error}): take it out") from error


def load_dataset(path):
    """Crystal, frames, refusals and energy offsets of a data set file.

    Raises
    ------
    FileFormatError
        If the file is no data set, of an unknown version, truncated, or edited.
    """
    return _read(path, _contents)


def load_crystal(path):
    """The reference crystal of a data set file; errors as for `load_dataset`."""
    return _read(path, _crystal)


def _read(path, take):
    """What `take` finds in a data set file."""
    try:
        with h5py.File(path, "r") as file:
            _check(file, path)
            return take(file)
    except (FileFormatError, FileNotFoundError):
        raise
    except OSError as error:
        raise FileFormatError(f"{path} is no readable HDF5 file (truncated or damaged?): {error}") from error
    except DAMAGE as error:
        raise FileFormatError(f"{path} lacks part of a data set: {error}") from error


def _contents(file):
    """The parts of an open, checked file."""
    crystal = _crystal(file)
    texts = [read_record(file[f"texts/{name}"], {"_Column": _Column}).values() for name in TEXTS]
    infos, refusals = (decode(read_record(file[name], {}), always_array=False) for name in ("info", "refusals"))
    frames = [None] * len(infos)
    for batch in file.get("frames", {}).values():
        for index, state in read_record(batch, {"StoredFrames": StoredFrames}).unstack(crystal):
            named = dict(zip(TEXTS, (column[index] for column in texts), strict=True))
            frames[index] = Frame(*state, info=infos[index], **named)
    if any(frame is None for frame in frames):
        raise FileFormatError(f"{file.filename} lacks {frames.count(None)} of its {len(frames)} frames")
    offsets = read_record(file["energy_offset"], {})
    return crystal, tuple(frames), tuple(Refusal(**refusal) for refusal in refusals), offsets


def _crystal(file):
    return read_record(file["crystal"], {"Crystal": Crystal, "SpaceGroup": SpaceGroup})


def _check(file, path):
    """Refuse other formats, other versions, and changed contents."""
    found, version = file.attrs.get("format"), file.attrs.get("version")
    if found != FORMAT:
        raise FileFormatError(f"{path} is no data set: its format is {found!r}, expected {FORMAT!r}")
    if version != VERSION:
        raise FileFormatError(f"{path} is of format version {version}; this version of anharmonic reads {VERSION}")
    if file.attrs.get("sha256") != digest(file):
        raise FileFormatError(f"{path} was edited or damaged: its contents do not match its checksum")


@dataclass(frozen=True)
class _Column:
    """A text for each frame: the distinct ones, and which of them each frame has."""

    texts: str
    numbers: np.ndarray

    @classmethod
    def of(cls, values):
        distinct = list(dict.fromkeys(values))
        place = {value: k for k, value in enumerate(distinct)}
        return cls(encode(distinct), np.array([place[value] for value in values], int))

    def values(self):
        distinct = decode(self.texts, always_array=False)
        return [distinct[k] for k in self.numbers]
