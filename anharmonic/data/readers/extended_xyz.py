"""Frames of an extended XYZ file, one by one with ASE's reader."""

import io

import ase.io

from anharmonic.data.files import read_text
from anharmonic.data.labels import label_atoms
from anharmonic.data.refusals import Refusal, Refused, refusal_of


def read_extxyz(path):
    """Read all frames; a damaged one costs itself alone.

    Returns
    -------
    structures : list of LabelledStructure
    refusals : list of Refusal
    """
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
        except Refused as error:
            refusals.append(refusal_of(source, error))
            break
        try:
            atoms = ase.io.read(io.StringIO("\n".join(lines[start:stop]) + "\n"), format="extxyz")
            structures.append(label_atoms(atoms, source))
        except Exception as error:  # ASE raises many kinds of errors on damaged text
            refusals.append(refusal_of(source, error))
        start, frame = stop, frame + 1
    if problem:
        refusals.append(Refusal(str(path), problem, "truncated"))
    return structures, refusals


def _atom_count(lines, start):
    """Number of atoms of the frame that starts at a line."""
    try:
        count = int(lines[start])
    except ValueError as error:
        raise Refused(
            "damaged",
            f"line {start + 1} should be the number of atoms of a frame, found '{lines[start][:60]}'; "
            "nothing from there on is read",
        ) from error
    if start + 2 + count > len(lines):
        raise Refused("truncated", f"the file ends within this frame of {count} atoms")
    return count
