"""The run file: options, samples, snapshots and the last state in one HDF5 file.

A checkpoint copies the file aside, appends what is new, replaces the state, reads what it has written
back, and renames: whatever happens at whatever moment, the file is one checkpoint or the next.
"""

import hashlib
import json
import os
import shutil
from pathlib import Path

import equinox as eqx
import h5py
import jax
import numpy as np

from anharmonic.crystal import Configuration, Crystal, Supercell
from anharmonic.crystal.symmetry import SpaceGroup
from anharmonic.errors import FileFormatError, RunFileError
from anharmonic.files import replacing
from anharmonic.records import DAMAGE, digest, read_record, write_record
from anharmonic.sampling.outliers import Outliers
from anharmonic.sampling.run import Progress
from anharmonic.sampling.series import Series

FORMAT, VERSION = "anharmonic run", 3
READABLE = (2, VERSION)
"""Versions whose snapshots can be read."""

COUNTERS = ("step", "stage", "chunk")
STRUCTURES = {cls.__name__: cls for cls in (Configuration, Crystal, SpaceGroup, Supercell)}
SLACK = 2**20
"""Bytes kept free for the inner tables of the file."""


class RunFile:
    """Checkpoints of one run.

    Parameters
    ----------
    path : path
    options : dict
        Everything that decides the numbers; JSON-like.
    structure : Configuration, optional
        Crystal, supercell and order of the atoms, kept for those who read the snapshots.
    """

    def __init__(self, path, options, structure=None):
        self.path, self.options, self.structure = Path(path), json.dumps(options, sort_keys=True), structure
        self.step = None

    def load(self):
        """Progress at the last checkpoint; None if there is no file.

        Raises
        ------
        RunFileError
            If the file is no run, damaged, or of other options; the message lists those that differ.
        """
        _remove_leftovers(self.path)
        if not self.path.exists():
            return None
        try:
            with h5py.File(self.path, "r") as file:
                if file.attrs.get("format") != FORMAT or file.attrs.get("version") != VERSION:
                    raise RunFileError(
                        f"{self.path} is no run file of version {VERSION}; give another --out, or move it away"
                    )
                _check_options(self.path, json.loads(file.attrs["options"]), json.loads(self.options))
                progress = self._read(file)
        except RunFileError:
            raise
        except DAMAGE as error:
            raise RunFileError(
                f"{self.path} is damaged and cannot be continued ({error}); move it away to start anew"
            ) from error
        self.step = progress.step
        return progress

    def save(self, progress, finished=False):
        """Write a checkpoint; what was recorded is on file from then on, and no longer in memory.

        Raises
        ------
        RunFileError
            If it cannot be written; the file is that of the last checkpoint.
        """
        try:
            with replacing(self.path) as part:
                self._prepare(part, progress)
                with h5py.File(part, "r+") as file:
                    self._write(file, progress, finished)
                _flush(part)
                with h5py.File(part, "r") as file:
                    if file.attrs["sha256"] != _checksum(file) or not _complete(file, progress):
                        raise OSError("what was written is not what is read back")
        except (OSError, RuntimeError) as error:
            raise RunFileError(self._trouble(error)) from error
        for series in (progress.samples, progress.snapshots):
            series.stored(self.path)
        self.step = progress.step

    def _prepare(self, part, progress):
        """A copy of the file, or a new one, with room for what comes: HDF5 does not bear a full disk."""
        if self.step is None:
            with h5py.File(part, "w", fs_strategy="fsm", fs_persist=True) as file:
                file.attrs.update(format=FORMAT, version=VERSION, options=self.options)
                if self.structure is not None:
                    write_record(file, "structure", self.structure)
        else:
            with h5py.File(self.path, "r") as file:
                if file.attrs["step"] != self.step:
                    raise RunFileError(f"another process continues {self.path}: let only one do so")
            shutil.copyfile(self.path, part)
        state = sum(np.asarray(leaf).nbytes for leaf in jax.tree.leaves(progress.state))
        state += 0 if progress.outliers is None else progress.outliers.n_bytes
        _reserve(part, progress.samples.n_bytes + progress.snapshots.n_bytes + 2 * state + SLACK)

    def _write(self, file, progress, finished):
        """Append and replace."""
        for series in (progress.samples, progress.snapshots):
            series.write(file)
        for name, value in (("state", progress.state), ("outliers", progress.outliers)):
            if name in file:
                del file[name]
            write_record(file, name, value, compression=None)
        file.attrs.update(step=progress.step, stage=progress.stage, chunk=progress.chunk)
        file.attrs.update(notes=json.dumps(progress.notes), finished=finished)
        file.attrs["sha256"] = _checksum(file)

    def _read(self, file):
        progress = Progress(
            read_record(file["state"], _state_classes()),
            *(int(file.attrs[name]) for name in COUNTERS),
            *(Series.of_file(self.path, file, group) for group in ("samples", "snapshots")),
            json.loads(file.attrs["notes"]),
            read_record(file["outliers"], {Outliers.__name__: Outliers}),
        )
        if file.attrs["sha256"] != _checksum(file) or not _complete(file, progress, from_start=True):
            raise ValueError("its contents do not match its checksum")
        return progress

    def _trouble(self, error):
        """Words for a checkpoint that could not be written."""
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else error
        last = "there is no earlier one" if self.step is None else f"the file holds the one at step {self.step}"
        return (
            f"cannot write a checkpoint to {self.path}: {reason}. {last.capitalize()}; "
            "make room, and the same command continues"
        )


def read_samples(path):
    """``(options, samples by name)`` of a run file; each column is read when it is asked for."""
    with h5py.File(path, "r") as file:
        return json.loads(file.attrs["options"]), Series.of_file(path, file, "samples").columns()


def read_snapshots(path):
    """``(options, Configuration, Series)``: what ran, crystal and supercell, and the snapshots of a run file.

    Raises
    ------
    FileFormatError
        If the file is no run file, damaged, or without snapshots.
    """
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("format") != FORMAT or file.attrs.get("version") not in READABLE:
                raise FileFormatError(f"{path} is no run file of version {VERSION}")
            options = json.loads(file.attrs["options"])
            structure = read_record(file["structure"], STRUCTURES)
            snapshots = Series.of_file(path, file, "snapshots")
    except FileFormatError:
        raise
    except DAMAGE as error:
        raise FileFormatError(f"{path} is no run file, or damaged ({error})") from error
    if not len(snapshots):
        raise FileFormatError(f"{path} holds no snapshots: run with --snapshots STEPS to have some")
    return options, structure, snapshots


def _complete(file, progress, from_start=False):
    """Whether all rows are there, as they were recorded."""
    return all(series.check(file, from_start) for series in (progress.samples, progress.snapshots))


def _checksum(file):
    """SHA-256 over the state, the outliers, the options, the counters, the notes, and the checksums of the series."""
    chains = [file[group].attrs["chain"] if group in file else "" for group in ("samples", "snapshots")]
    head = [file.attrs["options"], file.attrs["notes"], *(int(file.attrs[name]) for name in COUNTERS), *chains]
    outliers = file["outliers"]
    kept = digest(outliers) if isinstance(outliers, h5py.Group) else outliers.asstr()[()]
    return hashlib.sha256(f"{digest(file['state'])} {kept} {head}".encode()).hexdigest()


def _reserve(path, n_bytes):
    """Take disk space for a file that will grow by `n_bytes`; fails, and cleanly, if there is none."""
    if hasattr(os, "posix_fallocate"):
        with open(path, "r+b") as file:
            os.posix_fallocate(file.fileno(), 0, os.path.getsize(path) + n_bytes)


def _flush(path):
    """Have the file on disk before it gets its name."""
    with open(path, "r+b") as file:
        os.fsync(file.fileno())


def _remove_leftovers(path):
    """Remove what processes that were killed have left beside `path`."""
    for part in path.parent.glob(f".{path.name}.*.part"):
        number = part.name.split(".")[-2]
        if number.isdecimal() and not _is_alive(int(number)):
            part.unlink(missing_ok=True)


def _is_alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _state_classes():
    """All records that a state may consist of, by name."""
    found, pending = {}, [eqx.Module]
    while pending:
        for cls in pending.pop().__subclasses__():
            found[cls.__name__] = cls
            pending.append(cls)
    return found


def _check_options(path, found, asked):
    """Refuse to continue a run with other options."""
    keys = sorted(set(found) | set(asked))
    differing = [
        f"{k}: file has {found.get(k)}, asked for {asked.get(k)}" for k in keys if found.get(k) != asked.get(k)
    ]
    if differing:
        raise RunFileError(
            f"{path} belongs to a run with other options ({'; '.join(differing)}). Use the same options to "
            "continue it, or another --out for a new run."
        )
