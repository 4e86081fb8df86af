"""Files are written aside and renamed: a reader never sees half a file. Functions of Python files."""

import csv
import importlib.util
import json
import os
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from anharmonic.errors import AnharmonicError


def shipped_folder(name):
    """A folder that comes with the package, such as ``"potentials"``: inside the wheel, beside it in a checkout."""
    package = Path(__file__).parent
    installed = package / name
    return installed if installed.is_dir() else package.parent / name


@contextmanager
def replacing(path):
    """Yield a path beside `path` to write to; rename it over `path` on success, remove it on failure."""
    path = Path(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_json(path, data):
    """Write plain data as JSON."""
    with replacing(path) as part:
        part.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


def write_csv(path, header, rows):
    """Write a table as CSV, None as an empty cell.

    Parameters
    ----------
    path : path
    header : iterable of str
        Names of the columns.
    rows : iterable of sequence or dict
        A dict gives the columns that it has; its other keys are left out.
    """
    header = list(header)
    with replacing(path) as part, open(part, "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows([row.get(name) for name in header] if isinstance(row, dict) else row for row in rows)


@cache
def function_of(file, name):
    """A function of a Python file (Path), such as one that returns an ASE calculator; the file is run once.

    Raises
    ------
    AnharmonicError
        If there is no such file, or no such function in it.
    """
    if not file.is_file():
        raise AnharmonicError(f"no file {file} with the calculator {name}")
    spec = importlib.util.spec_from_file_location("labeller", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not hasattr(module, name):
        raise AnharmonicError(f"{file} has no function {name}() that returns an ASE calculator")
    return getattr(module, name)
