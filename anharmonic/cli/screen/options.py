"""Options and small services that the screening commands share."""

import csv
import math
from pathlib import Path
from typing import Annotated

import typer

from anharmonic.errors import AnharmonicError

ENERGY = "e_form_eV_atom"
"""Property that holds formation energies, eV/atom, in tables that are read and written."""
DISTANCE = "Distance"
"""Panel of the help."""

LibraryFile = Annotated[
    Path,
    typer.Option("--library", metavar="FILE", help="Described structures, made by `anharmonic screen grid`."),
]
StructureWeight = Annotated[
    float,
    typer.Option("--structure", metavar="WEIGHT", rich_help_panel=DISTANCE, help="Weight of the structure (1/Å)."),
]
CompositionWeight = Annotated[
    float,
    typer.Option("--composition", metavar="WEIGHT", rich_help_panel=DISTANCE, help="Weight of the composition."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]


def read(files, quiet, properties=None, text="reading"):
    """The structures of files and folders, and what was refused, which it says.

    Parameters
    ----------
    files : sequence of Path
    quiet : bool
        No progress.
    properties : Path, optional
        CSV file with more properties.
    text : str
        Beside the bar.

    Raises
    ------
    AnharmonicError
        If there is nothing at a path, nothing is left, or the properties are not as `with_properties` takes them.
    """
    from anharmonic.cli.terminal import counting
    from anharmonic.screening.reading import read_entries

    with counting(text, quiet) as progress:
        entries, unread = read_entries(files, progress)
    complain(unread, len(entries))
    if properties:
        entries = with_properties(entries, properties, {r.name for r in unread})
    return entries, unread


def described(files, settings, quiet, properties=None):
    """The library of the crystals in files and folders, and the first of them; says which were refused.

    Raises
    ------
    AnharmonicError
        If nothing is left.
    """
    from dataclasses import replace

    from anharmonic.cli.terminal import counting
    from anharmonic.screening import describe

    entries, unread = read(files, quiet, properties)
    with counting("describing", quiet) as progress:
        library = describe(entries, settings, progress)
    complain(library.refused, len(library))
    library = replace(library, refused=(*unread, *library.refused))
    refused = {r.name for r in library.refused}
    return library, next(entry for entry in entries if entry.name not in refused)


def complain(refused, kept):
    """A line for every structure that was refused.

    Raises
    ------
    AnharmonicError
        If none was kept.
    """
    from anharmonic.cli.terminal import say

    if not kept:
        reasons = "; ".join(f"{r.name}: {r.reason}" for r in refused[:5])
        raise AnharmonicError(f"no structure is left: {reasons}")
    for one in refused:
        say(f"refused {one.name}: {one.reason}")


def with_properties(entries, path, unread=()):
    """The entries with more properties, of a CSV file whose first column holds the names.

    Raises
    ------
    AnharmonicError
        If the file is no such table, or names a structure that nothing was read of.
    """
    from dataclasses import replace

    names, known = _properties_table(path)
    missing = sorted(set(known) - {entry.name for entry in entries} - set(unread))
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise AnharmonicError(f"{path} names {missing[0]!r}{more}, which no structure has; one is {entries[0].name!r}")
    found = []
    for entry in entries:
        own = dict(zip(names, known.get(entry.name, ()), strict=False))
        found.append(replace(entry, properties=entry.properties | {k: v for k, v in own.items() if v is not None}))
    return found


def _properties_table(path):
    """Names of the columns, and by structure their values, None where a cell is empty."""
    try:
        with open(path, newline="", encoding="utf-8") as file:
            header, *rows = [row for row in csv.reader(file) if row] or [[]]
    except (UnicodeDecodeError, csv.Error) as error:
        raise AnharmonicError(f"{path} is no CSV file in UTF-8: {error}") from None
    if not rows or len(header) < 2 or len(set(header)) < len(header) or "" in header[1:]:
        raise AnharmonicError(f"{path} is a CSV file with a header of distinct names; structures in the first column")
    known = {}
    for number, row in enumerate(rows):
        place = f"{path}, row {number + 2}"
        if len(row) != len(header):
            raise AnharmonicError(f"{place} has {len(row)} cells; the header has {len(header)}")
        if row[0] in known:
            raise AnharmonicError(f"{place} names a structure twice: {row[0]!r}")
        cells = list(zip(header, row, strict=True))[1:]
        known[row[0]] = [_number(cell, f"{place}, column {name!r}") for name, cell in cells]
    return header[1:], known


def _number(cell, place):
    """A finite number, or None."""
    try:
        value = float(cell) if cell.strip() else None
    except ValueError:
        value = math.nan
    if value is not None and not math.isfinite(value):
        raise AnharmonicError(f"{place} is a finite number or empty; found {cell!r}")
    return value


def writable(path):
    """Refuse a file whose folder is missing, before anything is computed for it.

    Raises
    ------
    AnharmonicError
    """
    if path.is_dir() or not path.parent.is_dir():
        raise AnharmonicError(f"{path} cannot be written: it is a folder, or its folder is missing")


def write_csv(path, rows):
    """Rows (dicts with the same keys) as CSV."""
    from anharmonic import files

    files.write_csv(path, rows[0], rows)


def write_json(path, data):
    """Plain data as JSON."""
    import json

    from anharmonic.files import replacing

    with replacing(path) as part:
        part.write_text(json.dumps(data, indent=1, allow_nan=False) + "\n", encoding="utf-8")
