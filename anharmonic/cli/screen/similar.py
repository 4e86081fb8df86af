"""``anharmonic screen similar``: the nearest known crystals."""

from pathlib import Path
from typing import Annotated

import typer

from anharmonic.cli.options import out_option, output_folder
from anharmonic.cli.screen import options as opt
from anharmonic.errors import AnharmonicError

SHOWN, MATRIX = 60, 1000
"""Rows of the table on the screen, and structures up to which their matrix is drawn."""
Out = Annotated[Path, out_option("similar.csv, similar.json and similar.png")]


def similar(
    files: Annotated[list[Path], typer.Argument(metavar="FILES", help="Structures to compare.")],
    library: Annotated[
        Path | None,
        typer.Option(
            "--library", metavar="FILE", show_default="the structures themselves",
            help="Where to look for neighbours, made by `anharmonic screen grid`.",
        ),
    ] = None,
    neighbours: Annotated[int, typer.Option("--neighbours", "-k", metavar="N", help="Of each structure.")] = 5,
    structure: opt.StructureWeight = 1.0,
    composition: opt.CompositionWeight = 1.0,
    out: Out = Path("similar"),
    quiet: opt.Quiet = False,
):  # fmt: skip
    """Find the nearest crystals by the earth mover's distance of GRID and of the composition.

    [cyan]anharmonic screen similar new.cif --library library.h5[/cyan]

    [cyan]anharmonic screen similar *.cif --composition 0[/cyan]  (all pairs, structure only)

    The distance is --structure times the mean distance (Å) that the neighbours of each rank have to be moved, plus
    --composition times that of the elements on scales of chemistry, cohesion and size (in standard deviations).
    """
    from anharmonic.cli.terminal import counting, show, table
    from anharmonic.screening import Library, Metric
    from anharmonic.screening.distances.nearest import distance_matrix, nearest

    metric, folder = Metric(structure, composition), output_folder(out)
    known = Library.load(library) if library else None
    queries, _ = opt.described(files, known.settings if known else None, quiet)
    if neighbours < 1 or (known is None and len(queries) < 2):
        raise AnharmonicError(
            "nothing to compare: give --library, or two structures or more, and at least one neighbour"
        )
    searched = queries if known is None else known
    rows = metric.rows(queries)
    with counting("searching", quiet) as progress:
        numbers, distances = nearest(rows, metric.rows(searched), neighbours, same=known is None, on_block=progress)
    found = _records(queries, searched, numbers, distances, metric)
    opt.write_csv(folder / "similar.csv", found)
    opt.write_json(folder / "similar.json", found)
    files = ["similar.csv", "similar.json"]
    if 1 < len(queries) <= MATRIX:
        from anharmonic.interfaces.screening_figures import draw_matrix

        draw_matrix(queries.names, distance_matrix(rows), folder / "similar.png")
        files.append("similar.png")
    columns = ("<structure", "<formula", "rank", "<neighbour", "<formula", "distance", "structure (Å)", "composition")
    show(
        table("Nearest", columns, [[_short(v) for v in record.values()] for record in found[:SHOWN]]),
        *([f"and {len(found) - SHOWN} more rows in similar.csv"] if len(found) > SHOWN else []),
        *([f"no figure: the matrix of {len(queries)} structures is more than {MATRIX} wide"] * (len(queries) > MATRIX)),
        f"wrote {', '.join(files)} to {folder}",
    )


def _short(value):
    return f"{value:.4f}" if isinstance(value, float) else value


def _records(queries, known, numbers, distances, metric):
    """One record for every neighbour of every query, with both parts of the distance."""
    from anharmonic.screening.distances.emd import quantile_emd

    found, own, theirs = [], metric.scales.rows(queries.shares), metric.scales.rows(known.shares)
    for k, (row, lengths) in enumerate(zip(numbers, distances, strict=True)):
        shapes = quantile_emd(queries.quantiles[k], known.quantiles[row])
        scales = abs(theirs[row] - own[k]).sum(axis=1)
        for rank, (number, length) in enumerate(zip(row, lengths, strict=True)):
            found.append({
                "structure": queries.names[k], "formula": queries.formulas[k], "rank": rank + 1,
                "neighbour": known.names[number], "neighbour_formula": known.formulas[number],
                "distance": float(length), "grid_emd_A": float(shapes[rank]),
                "composition_emd": float(scales[rank]),
            })  # fmt: skip
    return found
