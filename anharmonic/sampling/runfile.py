"""The run file: options, samples, and the last state in one HDF5 file."""

import hashlib
import json
from pathlib import Path

import h5py
import numpy as np

from anharmonic.errors import RunFileError
from anharmonic.files import replacing
from anharmonic.records import DAMAGE, digest, read_record, write_record
from anharmonic.sampling.dynamics import DynamicsState
from anharmonic.sampling.monte_carlo import MonteCarloState
from anharmonic.sampling.run import Progress

FORMAT, VERSION = "anharmonic run", 1
COUNTERS = ("step", "stage", "chunk")
STATES = {cls.__name__: cls for cls in (DynamicsState, MonteCarloState)}


def save_progress(path, progress, options):
    """Write a checkpoint, aside and renamed.

    Parameters
    ----------
    path : path
    progress : Progress
    options : dict
        Everything that decides the numbers; JSON-like.
    """
    with replacing(path) as part, h5py.File(part, "w") as file:
        file.attrs.update(format=FORMAT, version=VERSION, options=json.dumps(options, sort_keys=True))
        file.attrs.update(step=progress.step, stage=progress.stage, chunk=progress.chunk)
        write_record(file, "state", progress.state)
        for name, values in progress.columns().items():
            file.create_dataset(f"samples/{name}", data=values)
        file.attrs["sha256"] = _checksum(file)


def load_progress(path, options):
    """Read a checkpoint of the same run; None if there is no file.

    Raises
    ------
    RunFileError
        If the file is no run, damaged, or of other options; the message lists those that differ.
    """
    if not Path(path).exists():
        return None
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("format") != FORMAT or file.attrs.get("version") != VERSION:
                raise RunFileError(f"{path} is no run file of version {VERSION}; give another --out, or move it away")
            _check_options(path, json.loads(file.attrs["options"]), json.loads(json.dumps(options)))
            if file.attrs["sha256"] != _checksum(file):
                raise ValueError("its contents do not match its checksum")
            samples = {name: [values[()]] for name, values in file["samples"].items()}
            state = read_record(file["state"], STATES)
            return Progress(state, *(int(file.attrs[name]) for name in COUNTERS), samples)
    except RunFileError:
        raise
    except DAMAGE as error:
        raise RunFileError(
            f"{path} is damaged and cannot be continued ({error}); move it away to start anew"
        ) from error


def read_samples(path):
    """``(options, samples by name)`` of a run file."""
    with h5py.File(path, "r") as file:
        return json.loads(file.attrs["options"]), {name: np.asarray(v) for name, v in file["samples"].items()}


def _checksum(file):
    """SHA-256 over the contents, the options and the counters."""
    head = [file.attrs["options"], *(int(file.attrs[name]) for name in COUNTERS)]
    return hashlib.sha256(f"{digest(file)} {head}".encode()).hexdigest()


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
