"""The file of results: one line of options, then one line a finished job; a selection goes on where it stopped."""

import hashlib
import json
from pathlib import Path

import numpy as np

from anharmonic.errors import AnharmonicError, FileFormatError
from anharmonic.files import replacing

FORMAT, VERSION = "anharmonic selection", 1


class Store:
    """Results of jobs by their key, in a file that is always whole.

    Parameters
    ----------
    path : path-like
        JSON lines; made by the first job.
    options : dict
        What decides the results; a file with other options is refused.
    keys : sequence of str
        Of all jobs, in the order of the file: however often a selection stops, the file comes out the same.

    Raises
    ------
    AnharmonicError
        If the file holds results of other options, with the options that differ.
    FileFormatError
        If the file is none of a selection or is damaged.
    """

    def __init__(self, path, options, keys):
        self.path, self.keys = Path(path), list(keys)
        self.head = {"format": FORMAT, "version": VERSION, "options": json.loads(json.dumps(options))}
        self.rows = self._read() if self.path.exists() else {}

    def pending(self, jobs):
        """Jobs without results."""
        return [job for job in jobs if job.key not in self.rows]

    def add(self, key, rows):
        """Keep the rows of a finished job; the file is written aside and renamed."""
        self.rows[key] = json.loads(json.dumps(rows))
        lines = [self.head, *({"job": k, "rows": self.rows[k]} for k in self.keys if k in self.rows)]
        with replacing(self.path) as part:
            part.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")

    def all_rows(self):
        """Rows of all finished jobs, in order."""
        return [row for key in self.keys for row in self.rows.get(key, [])]

    def _read(self):
        head, rows = read_results(self.path)
        different = _differences(head["options"], self.head["options"])
        if different:
            raise AnharmonicError(
                f"{self.path} holds results of other options: {'; '.join(different)}. Choose another folder, or give "
                "the options back"
            )
        return rows


def read_results(path):
    """``(head, rows by job)`` of a file of results.

    Raises
    ------
    FileFormatError
        If the file is none of a selection or is damaged.
    """
    try:
        lines = [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]
        head = lines[0]
        if head.get("format") != FORMAT or head.get("version") != VERSION:
            raise ValueError(f"its first line is {str(head)[:60]}")
        return head, {line["job"]: line["rows"] for line in lines[1:]}
    except (UnicodeDecodeError, ValueError, IndexError, KeyError, TypeError, AttributeError) as error:
        raise FileFormatError(f"{path} is no file of results of a selection, or is damaged: {error}") from None


def digest_of(dataset):
    """SHA-256 over states and labels of a data set."""
    total = hashlib.sha256()
    for frame in dataset:
        state = frame.configuration
        for value in (state.supercell.matrix, state.displacements, state.deformation, frame.energy, frame.forces,
                      frame.stress):  # fmt: skip
            total.update(b"none" if value is None else np.ascontiguousarray(value).tobytes())
        total.update(frame.group.encode())
    return total.hexdigest()


def _differences(before, now, prefix=""):
    """Texts about the options that differ."""
    found = []
    for name in sorted(before.keys() | now.keys()):
        old, new = before.get(name), now.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            found += _differences(old, new, f"{prefix}{name}.")
        elif old != new:
            found.append(f"{prefix}{name} was {json.dumps(old)}, is {json.dumps(new)}")
    return found
