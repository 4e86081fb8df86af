"""``anharmonic screen grid``: describe structures."""

from pathlib import Path
from typing import Annotated

import typer

from anharmonic.cli.screen import options as opt
from anharmonic.errors import AnharmonicError

GRID = "Descriptor"


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
    cutoff: Annotated[
        float, typer.Option("--cutoff", rich_help_panel=GRID, metavar="Å", help="Length of the histograms.")
    ] = 10.0,
    width: Annotated[float, typer.Option("--width", rich_help_panel=GRID, metavar="Å", help="Of a bin.")] = 0.1,
    smearing: Annotated[
        float, typer.Option("--smearing", rich_help_panel=GRID, metavar="Å", help="Of each distance; 0 for none.")
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
    import numpy as np

    from anharmonic.cli.terminal import show, table
    from anharmonic.screening import GridSettings
    from anharmonic.screening import grid as grid_of
    from anharmonic.screening.reading import read_entries

    settings = GridSettings(groups=groups, cutoff=cutoff, width=width, smearing=smearing)
    library = opt.described(files, settings, quiet, properties)
    _writable(out)
    library.save(out)
    lines = [f"wrote {len(library)} structures to {out}, {len(library.refused)} refused"]
    if figure or len(library) == 1:
        from anharmonic.interfaces.screening_figures import draw_grid

        path = figure or out.with_suffix(".png")
        entry = next(e for e in read_entries(files)[0] if e.name == library.names[0])
        draw_grid(grid_of(entry.atoms, settings), settings.edges, f"{library.formulas[0]} ({entry.name})", path)
        lines.append(f"wrote the GRID of {entry.name} to {path}")
    known = np.isfinite(library.properties).sum(axis=0)
    rows = [
        (name, int(n), *(f"{x:.4g}" for x in np.nanquantile(values, (0, 0.5, 1))))
        for name, n, values in zip(library.property_names, known, library.properties.T, strict=True)
    ]
    shown = [table("Properties", ("<name", "known", "least", "median", "greatest"), rows)] if rows else []
    show(*shown, *lines)


def _writable(path):
    """Refuse a path whose folder is missing, before anything is lost."""
    if path.is_dir() or not path.parent.is_dir():
        raise AnharmonicError(f"{path} cannot be written: it is a folder, or its folder is missing")
