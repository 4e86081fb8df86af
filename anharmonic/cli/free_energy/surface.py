"""``anharmonic free-energy surface``: free energy over two order parameters from runs without a bias."""

from pathlib import Path
from typing import Annotated

import typer

from anharmonic.cli import options as opt
from anharmonic.cli.free_energy import options as own


def surface(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...", help="Folders of sweeps and exchanges of one potential in one supercell, or their run.h5."
        ),
    ],
    temperature: own.Temperature,
    along: Annotated[
        list[str] | None,
        typer.Option(
            "--along", metavar="NAME", rich_help_panel=opt.SYSTEM, show_default="the first two order parameters",
            help="Order parameter, given twice: 'in-phase tilts', 'mode N ...', 'strain Eg' for the length of the "
            "vector; 'in-phase tilts 3' for its third component.",
        ),
    ] = None,
    bins: Annotated[
        int, typer.Option("--bins", metavar="N", min=2, rich_help_panel=opt.OUTPUT, help="Along each order parameter.")
    ] = 25,
    out: Annotated[Path, opt.out_option("surface.csv, summary.json and surface.png")] = Path("surface"),
):  # fmt: skip
    """Free energy over two order parameters, by reweighting sweeps and replica exchanges (MBAR).

    Samples of all temperatures count at each of the chosen ones, which lie between them. -kT log of the density of the
    order parameters in meV per formula unit, its least value 0; the number of vectors of each length is divided out.
    Error bars are from the jackknife over blocks of all runs; bins with too few samples for one are blank.

    [cyan]anharmonic free-energy surface sweep --temperatures 240,330,360 --out surface[/cyan]

    [cyan]anharmonic free-energy surface sweep --temperatures 330 --along "in-phase tilts" --along "strain Eg"[/cyan]

    Order parameters are those of [bold]anharmonic transitions[/bold]: tilts of perovskites, displacement modes that all
    runs recorded, strains that break the symmetry. Runs may be unfinished.
    """
    from anharmonic.cli.compiler import prepare_compiler
    from anharmonic.free_energy.surfaces import surfaces_of_runs

    temperatures = opt.temperatures_of(temperature)
    folder = opt.output_folder(out)
    prepare_compiler()
    report = surfaces_of_runs(runs, temperatures, along or (), bins)
    report.save(folder)
    report.plot(folder)
    _report(report.record, folder)


def _report(record, folder):
    """Print the table."""
    from anharmonic.cli.terminal import show, table

    rows = [
        [
            f"{p['temperature_K']:g}", *(f"{x:.3g}" for x in p["lowest_at"]), f"{p['highest_meV']:.3f}",
            f"{p['median_error_meV']:.3f}", f"{p['kT_meV']:.3f}", p["bins_drawn"], p["bins_left_out"],
            f"{100 * p['probability_left_out']:.1f} %",
        ]
        for p in record["points"]
    ]  # fmt: skip
    columns = ["T\nK", "lowest\nat x", "\nand y", "highest\nmeV/f.u.", "error,\nmedian", "kT of the\nsupercell"]
    columns += ["bins\ndrawn", "bins left\nout", "their\nprobability"]
    names = [f"{axis} = {_words(record[axis])}" for axis in "xy"]
    title = f"{record['potential']}, {record['n_formula_units']} formula units, {', '.join(names)}"
    least = f"bins with fewer than {record['fewest_samples_of_a_bin']:g} independent samples are left out"
    warnings = [f"warning: {text}" for text in record["warnings"]]
    files = "surface.csv, summary.json, surface.png and surface.pdf"
    show(table(title, columns, rows), least, *warnings, f"wrote {files} to {folder}")


def _words(axis):
    """An order parameter in words."""
    name = axis["order_parameter"]
    return f"length of {name}" if axis["component"] is None else f"component {axis['component']} of {name}"
