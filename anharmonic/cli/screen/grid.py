"""``anharmonic screen grid``: describe structures."""

from pathlib import Path
from typing import Annotated

import typer

from anharmonic.cli.screen import options as opt
from anharmonic.errors import AnharmonicError

GRID, MAP = "Descriptor", "Heat map"
"""Panels of the help."""
FORMATS = (".png", ".pdf", ".svg")


def grid(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILES", help="Structures (cif, POSCAR, extxyz ...), tables (json, jsonl), folders."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Library to write.")] = Path("library.h5"),
    properties: Annotated[
        Path | None,
        typer.Option("--properties", metavar="CSV", help="More properties: names of structures, then numbers."),
    ] = None,
    figure: Annotated[
        Path | None,
        typer.Option(
            "--figure", metavar="FILE", show_default="beside the library, of a single structure",
            help="Heat map of GRID of the first structure (png, pdf, svg).",
        ),
    ] = None,
    groups: Annotated[
        int, typer.Option("--groups", rich_help_panel=GRID, help="Neighbours of each site, a group for each rank.")
    ] = 100,
    levels: Annotated[
        int, typer.Option("--levels", rich_help_panel=GRID, help="Distances kept of each group, means over its sites.")
    ] = 12,
    cutoff: Annotated[
        float, typer.Option("--cutoff", rich_help_panel=MAP, metavar="Å", help="Length of the histograms.")
    ] = 10.0,
    width: Annotated[float, typer.Option("--width", rich_help_panel=MAP, metavar="Å", help="Of a bin.")] = 0.1,
    smearing: Annotated[
        float, typer.Option("--smearing", rich_help_panel=MAP, metavar="Å", help="Of each distance; 0 for none.")
    ] = 0.1,
    quiet: opt.Quiet = False,
):  # fmt: skip
    """Describe structures by GRID, their distances grouped by rank, and write a library of them.

    [cyan]anharmonic screen grid cubic.cif[/cyan]  (a heat map and the radial distribution function)

    [cyan]anharmonic screen grid cifs/ --properties moduli.csv --out library.h5[/cyan]

    [cyan]anharmonic screen grid MP_modulus.json --out elastic.h5[/cyan]

    A library is what `similar` and `modulus` search. Structures that cannot be described are named with the reason,
    here and in the library; the exit code is 2 if none can.
    """
    from anharmonic.cli.terminal import show
    from anharmonic.screening import GridSettings

    settings = GridSettings(groups=groups, cutoff=cutoff, width=width, smearing=smearing, levels=levels)
    opt.writable(out)
    if figure and (figure.suffix not in FORMATS or figure == out):
        raise AnharmonicError(f"a figure is a file of its own, one of {', '.join(FORMATS)}; found {figure}")
    library, first = opt.described(files, settings, quiet, properties)
    library.save(out)
    lines = [f"wrote {len(library)} structures to {out}, {len(library.refused)} refused"]
    if figure or len(library) == 1:
        path = figure or out.with_name(f"{out.stem}-grid.png")
        _draw(first, library.formulas[0], settings, path)
        lines.append(f"wrote the GRID of {first.name} to {path}")
    show(*_properties(library), *lines)


def _draw(entry, formula, settings, path):
    """The heat map of a structure."""
    from anharmonic.interfaces.screening_figures import draw_grid
    from anharmonic.screening import grid as grid_of

    draw_grid(grid_of(entry.atoms, settings), settings.edges, f"{formula} ({entry.name})", path)


def _properties(library):
    """A table of the properties, if there are any."""
    import numpy as np

    from anharmonic.cli.terminal import table

    rows = []
    for name, values in zip(library.property_names, library.properties.T, strict=True):
        known = values[np.isfinite(values)]
        rows.append((name, len(known), *(f"{x:.4g}" for x in np.quantile(known, (0, 0.5, 1)))))
    return [table("Properties", ("<name", "known", "least", "median", "greatest"), rows)] if rows else []
