"""``anharmonic dataset merge``: several data set files as one."""

from pathlib import Path
from typing import Annotated

import typer

from anharmonic.cli.dataset import options as own
from anharmonic.errors import AnharmonicError


def merge(
    sets: Annotated[list[Path], typer.Argument(metavar="SETS", help="Data set files of one reference crystal.")],
    out: own.OutFile,
    near: own.Near = 0.05,
    tolerance: own.Tolerance = 1e-3,
    energy_tolerance: own.EnergyTolerance = 1.0,
    remove_duplicates: own.RemoveDuplicates = False,
):
    """Join data sets of one reference crystal; copies and contradictions are named.

    [cyan]anharmonic dataset merge old.h5 new.h5 --out all.h5 --remove-duplicates[/cyan]

    Two files of one name that differ stay two trajectories. Copies are found by invariants of the space group,
    translations and exchange of atoms, then superposed atom by atom; nothing is removed unless asked for.
    """
    own.writable(out)
    settings = own.checked(near, tolerance, energy_tolerance)
    if len(sets) < 2:
        raise AnharmonicError("a merger takes at least two data set files")
    parts = own.loaded(sets)
    own.write_set(sum(parts[1:], parts[0]), out, remove_duplicates, settings)
