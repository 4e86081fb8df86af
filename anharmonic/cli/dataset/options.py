"""Options and tables that the commands of data sets share."""

import math
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from anharmonic.cli import options as opt
from anharmonic.cli.terminal import counting
from anharmonic.errors import AnharmonicError

DATA, DUPLICATES = "Data", "Duplicates"
"""Panels of the help."""

SHOWN = 8
"""Rows of a list on the screen."""

Tolerance = Annotated[
    float,
    typer.Option(
        "--tolerance", metavar="LENGTH", rich_help_panel=DUPLICATES,
        help="Copies differ by no more in the position of any atom (Å).",
    ),
]  # fmt: skip
EnergyTolerance = Annotated[
    float,
    typer.Option(
        "--energy-tolerance", metavar="MEV", rich_help_panel=DUPLICATES,
        help="Copies whose energies differ by more contradict each other (meV/atom).",
    ),
]  # fmt: skip
Near = Annotated[
    float,
    typer.Option(
        "--near", metavar="NUMBER", rich_help_panel=DUPLICATES,
        help="Frames at most so far apart, in standard deviations of the invariants, are near duplicates.",
    ),
]  # fmt: skip
RemoveDuplicates = Annotated[
    bool,
    typer.Option(
        "--remove-duplicates", rich_help_panel=DUPLICATES,
        help="Keep one of several copies whose energies agree. Contradictions and near duplicates all stay.",
    ),
]  # fmt: skip
OutFile = Annotated[
    Path, typer.Option("--out", "-o", metavar="FILE", rich_help_panel=opt.OUTPUT, help="Data set file to write (.h5).")
]  # fmt: skip
Quiet = opt.Quiet


def loaded(paths):
    """The data sets in files.

    Raises
    ------
    AnharmonicError
        If one is no data set file.
    """
    from anharmonic.data import Dataset

    for path in paths:
        if not path.is_file():
            raise AnharmonicError(f"no file {str(path)!r}; data set files are made by: anharmonic dataset import")
    return [Dataset.load(path) for path in paths]


def writable(path):
    """Refuse a data set file that cannot be written, before anything is read.

    Raises
    ------
    AnharmonicError
    """
    if path.suffix not in (".h5", ".hdf5"):
        raise AnharmonicError(f"--out takes a file that ends in .h5; found {str(path)!r}")
    if path.is_dir() or not path.parent.is_dir():
        raise AnharmonicError(f"{path} cannot be written: it is a folder, or its folder is missing")


def checked(near, tolerance, energy_tolerance):
    """Options of `find_duplicates`, in its units."""
    for name, value in (("--near", near), ("--tolerance", tolerance), ("--energy-tolerance", energy_tolerance)):
        if not value > 0:
            raise AnharmonicError(f"{name} is above 0, found {value:g}")
    return {"near": near, "tolerance": tolerance, "energy_tolerance": energy_tolerance / 1000}


def write_set(dataset, path, remove, settings, quiet=False):
    """Report a data set and its duplicates, write it, and say so; drops redundant frames if asked to."""
    from anharmonic.cli.terminal import show
    from anharmonic.fitting.duplicates import without_redundant

    found = found_duplicates(dataset, quiet=quiet, **settings)
    lines = list(duplicate_tables(dataset, found, settings))
    kept = without_redundant(dataset, found) if remove else dataset
    if remove:
        lines.append(f"removed {len(dataset) - len(kept)} redundant frames")
    elif found.redundant:
        lines.append(f"nothing was removed; --remove-duplicates leaves out the {len(found.redundant)} redundant frames")
    kept.save(path)
    show(dataset.report().rstrip(), *lines, f"wrote {len(kept)} frames to {path}")


def found_duplicates(dataset, coverage=None, quiet=False, **settings):
    """Duplicates of a data set, with a progress bar."""
    from anharmonic.fitting.duplicates import find_duplicates

    with counting("superposing", quiet) as on_pair:
        return find_duplicates(dataset, coverage, on_pair=on_pair, **settings)


def duplicate_tables(dataset, found, settings):
    """Lines and tables about copies, contradictions and near duplicates."""
    from anharmonic.cli.terminal import table

    frames = dataset.frames
    if not found.copies:
        yield f"no copies: no two frames are the same within {settings['tolerance']:g} Å"
    else:
        rows = [
            [frames[members[0]].source, _first([frames[k].source for k in members[1:]])] for members in found.copies
        ]
        title = f"{len(found.copies)} structures are there more than once ({len(found.redundant)} redundant frames)"
        yield table(title, ["<frame", "<copies"], rows[:SHOWN])
        yield from _more(rows)
    if found.contradictions:
        rows = [
            [frames[i].source, frames[k].source, frames[i].group, f"{1000 * gap:.2f}"]
            for i, k, gap in found.contradictions
        ]
        title = f"{len(rows)} contradictions: one structure, one group, different energies"
        yield table(title, ["<frame", "<frame", "<group", "difference\nmeV/atom"], rows[:SHOWN])
        yield from _more(rows)
    near = f"{len(found.pairs)} near duplicates (pairs within {settings['near']:g} standard deviations of invariants)"
    rows = [
        [frames[i].source, frames[k].source, f"{distance:.4f}", _between(frames[i], frames[k])]
        for (i, k), distance in zip(found.pairs[:SHOWN], found.distances, strict=False)
    ]
    yield table(near, ["<frame", "<frame", "distance", "atoms differ\nby up to (Å)"], rows) if rows else near
    yield from _more(found.pairs)


def parts_table(title, parts):
    """Frames of each part by group and phase."""
    from anharmonic.cli.terminal import table

    counts = {name: Counter((f.group, f.phase) for f in part.frames) for name, part in parts.items()}
    strata = sorted({stratum for found in counts.values() for stratum in found})
    rows = [[*stratum, *(found[stratum] for found in counts.values())] for stratum in strata]
    rows.append(["all", "", *(len(part) for part in parts.values())])
    return table(title, ["<group", "<phase", *parts], rows)


def _between(one, other):
    """Largest distance between atoms of two frames, superposed; None for different supercells."""
    from anharmonic.crystal.equivalence import difference

    found = difference(one.configuration, other.configuration)
    return f"{found:.3f}" if math.isfinite(found) else None


def _more(rows):
    if len(rows) > SHOWN:
        yield f"and {len(rows) - SHOWN} more"


def _first(names, most=3):
    return ", ".join(names[:most]) + (f", and {len(names) - most} more" if len(names) > most else "")
