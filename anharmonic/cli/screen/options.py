"""Options and small services that the screening commands share."""

import csv
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from anharmonic.errors import AnharmonicError

DISTANCE = "Distance"
"""Panel of the help."""

Library = Annotated[
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


@contextmanager
def counting(text, quiet=False):
    """A progress bar with rate and time left; yields a function of the numbers done and of all."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from anharmonic.cli.terminal import messages

    console = messages()
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn()
    with Progress(*columns, console=console, disable=quiet or not console.is_terminal, transient=True) as bar:
        task = bar.add_task(text, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _Rate():
    from rich.progress import ProgressColumn
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task):
            return Text(f"{task.speed:.3g}/s" if task.speed else "")

    return Rate()


def described(files, settings, quiet, properties=None):
    """The library of the crystals in files and folders; complains about those refused.

    Raises
    ------
    AnharmonicError
        If nothing is left.
    """
    from dataclasses import replace

    from anharmonic.screening import describe, read_entries

    with counting("reading", quiet) as progress:
        entries, unread = read_entries(files, progress)
    entries = with_properties(entries, properties) if properties else entries
    with counting("describing", quiet) as progress:
        library = describe(entries, settings, progress)
    library = replace(library, refused=(*unread, *library.refused))
    complain(library.refused, len(library))
    return library


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
        raise AnharmonicError(f"no structure could be described: {reasons}")
    for one in refused:
        say(f"refused {one.name}: {one.reason}")


def with_properties(entries, path):
    """The entries with more properties, of a CSV file whose first column holds the names."""
    from anharmonic.screening import Entry

    with open(path, newline="", encoding="utf-8") as file:
        table = list(csv.reader(file))
    if len(table) < 2 or len(table[0]) < 2:
        raise AnharmonicError(f"{path} is a CSV file with a header, names in the first column, numbers in the others")
    known = {row[0]: row[1:] for row in table[1:] if row}
    if len(known) < sum(map(bool, table[1:])):
        raise AnharmonicError(f"{path} names a structure twice")
    missing = sorted(set(known) - {entry.name for entry in entries})
    if missing:
        raise AnharmonicError(f"{path} names {missing[0]!r} and {len(missing) - 1} others that no structure has")
    try:
        numbers = {n: {k: float(v) for k, v in zip(table[0][1:], row, strict=True) if v} for n, row in known.items()}
    except ValueError as error:
        raise AnharmonicError(f"{path} has a row that is no numbers: {error}") from None
    return [Entry(e.name, e.atoms, e.properties | numbers.get(e.name, {})) for e in entries]


def write_csv(path, rows):
    """Rows (dicts with the same keys) as CSV."""
    from anharmonic.files import replacing

    with replacing(path) as part, open(part, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def write_json(path, data):
    """Plain data as JSON."""
    import json

    from anharmonic.files import replacing

    with replacing(path) as part:
        part.write_text(json.dumps(data, indent=1, allow_nan=False) + "\n", encoding="utf-8")
