"""The state of a training in a file: a line of JSON on where it comes from, then its leaves."""

import json
from pathlib import Path

import equinox as eqx

from anharmonic.errors import FileFormatError
from anharmonic.files import replacing

FORMAT = "anharmonic training 1"


def write_checkpoint(path, state, origin):
    """Write the state of a training.

    Parameters
    ----------
    path : path-like
    state : pytree
    origin : dict of plain values
        `read_checkpoint` compares it.
    """
    with replacing(path) as part, open(part, "wb") as file:
        file.write((json.dumps({"format": FORMAT, "origin": origin}) + "\n").encode())
        eqx.tree_serialise_leaves(file, state)


def read_checkpoint(path, like, origin):
    """The state of a training of this origin.

    Parameters
    ----------
    path : path-like
    like : pytree
        Arrays of the same shapes.
    origin : dict of plain values

    Raises
    ------
    FileFormatError
        If the file is damaged or the state of another training.
    """
    with open(Path(path), "rb") as file:
        head = _head(path, file)
        if head["format"] != FORMAT or head["origin"] != origin:
            raise FileFormatError(f"{path} is the checkpoint of another training: {head['origin']}")
        try:
            return eqx.tree_deserialise_leaves(file, like)
        except Exception as error:  # equinox raises whatever numpy does
            raise FileFormatError(f"{path} is damaged, or of another network: {error}") from None


def origin_of(path):
    """What a file was written with.

    Raises
    ------
    FileFormatError
        If it is no checkpoint, or of another version.
    """
    with open(Path(path), "rb") as file:
        head = _head(path, file)
    if head["format"] != FORMAT:
        raise FileFormatError(f"{path} has the format {head['format']!r}; {FORMAT!r} is expected")
    return head["origin"]


def _head(path, file):
    try:
        head = json.loads(file.readline())
        return {"format": head["format"], "origin": head["origin"]}
    except (ValueError, KeyError, TypeError) as error:
        raise FileFormatError(f"{path} is no checkpoint of a training: {error}") from None
