"""``anharmonic free-energy landau``: free energy along a tilt or a strain."""

from pathlib import Path
from typing import Annotated

import typer

from anharmonic.cli import options as opt
from anharmonic.cli import simulation
from anharmonic.cli.free_energy import options as own

RANGE = {"tilt": (0.0, 0.25), "strain": (-0.04, 0.04)}


def landau(
    potential: opt.PotentialName,
    temperature: own.Temperature,
    along: Annotated[
        str,
        typer.Option(
            "--along", metavar="NAME", rich_help_panel=opt.SYSTEM,
            help="in-phase-x to anti-phase-z (tangent of a tilt), or strain-xx, -yy, -zz, -xy.",
        ),
    ] = "in-phase-z",
    between: Annotated[
        tuple[float, float] | None,
        typer.Option(
            "--between", metavar="LOW HIGH", rich_help_panel=opt.SYSTEM, show_default="0 0.25, strains -0.04 0.04",
            help="Centres of the first and the last window.",
        ),
    ] = None,
    supercell: opt.SupercellShape = None,
    matrix: opt.SupercellMatrix = None,
    phase: own.Phase = None,
    structure: simulation.Structure = None,
    windows: Annotated[
        int, typer.Option("--windows", metavar="N", rich_help_panel=opt.SAMPLING, help="Windows at each temperature.")
    ] = 12,
    bins: Annotated[int, typer.Option("--bins", metavar="N", rich_help_panel=opt.OUTPUT, help="Of the result.")] = 40,
    compare: Annotated[
        Path | None,
        typer.Option(
            "--compare", metavar="RUN", rich_help_panel=opt.OUTPUT,
            help="Exchange, sweep, md or mc with samples at these temperatures: their own free energy beside.",
        ),
    ] = None,
    pressure: opt.Pressure = None,
    cell: own.Cell = "full",
    equilibration: own.Equilibration = 200,
    production: own.Production = 1000,
    trajectory: own.Trajectory = 15,
    seed: opt.Seed = 0,
    precision: opt.Precision = "float32",
    out: Annotated[Path, opt.out_option("the windows, landau.csv, .png, .pdf and summary.json")] = Path("landau"),
    quiet: opt.Quiet = False,
):  # fmt: skip
    """Landau free energy along a tilt or a strain, by umbrella sampling at one or more temperatures.

    Windows with a harmonic bias on the order parameter of the whole supercell cover a range of it; MBAR takes the bias
    out. Everything else is free: the other tilts, the cell. The result, -kT log P(q) in meV per formula unit with its
    least value 0, belongs to this supercell: barriers between states of a first-order transition grow with its faces.

    [cyan]anharmonic free-energy landau CsPbBr3 --supercell 4 4 4 --temperatures 300,400,500 --phase a0a0a0[/cyan]

    [cyan]anharmonic free-energy landau CsPbBr3 --supercell 4 4 4 --temperature 400 --along strain-zz[/cyan]

    With [cyan]--compare[/cyan] the histogram of a run without a bias stands beside: it agrees where the run has been.
    What was stopped goes on with the same command.
    """
    from anharmonic.cli.compiler import prepare_compiler
    from anharmonic.free_energy.landau import STRAINS, LandauOptions
    from anharmonic.free_energy.landau import landau as run
    from anharmonic.free_energy.landau_records import landau_record, write_landau
    from anharmonic.free_energy.temperatures import samples_of_run
    from anharmonic.free_energy.unbiased import unbiased_free_energy
    from anharmonic.interfaces.free_energy_figures import draw_landau
    from anharmonic.potential import load

    low, high = between or RANGE["strain" if along in STRAINS else "tilt"]
    shared = {
        "along": along, "lowest": low, "highest": high, "windows": windows, "bins": bins, "cell": cell, "seed": seed,
        "pressure_GPa": pressure or 0.0, "equilibration": equilibration, "production": production,
        "trajectory": trajectory, "dtype": precision,
    }  # fmt: skip
    wanted = [LandauOptions(temperature=t, **shared) for t in opt.temperatures_of(temperature)]
    cells = opt.supercell_of(supercell, matrix, required=False)
    unbiased = samples_of_run(compare) if compare else None
    beside = {options: unbiased_free_energy(unbiased, options) for options in wanted} if compare else {}
    prepare_compiler(cells)
    model = load(potential)
    start = own.beginning(model, cells, phase, structure)
    folder = opt.output_folder(out)

    def record(options, found):
        return landau_record(model, start[0].supercell, options, found, beside.get(options))

    points = own.performed("landau", run, record, model, start, wanted, folder, quiet)
    write_landau(points, folder / "landau.csv")
    draw_landau(points, folder / "landau")
    _report(model, points, folder)


def _report(model, points, folder):
    """Print the table."""
    from anharmonic.cli.terminal import show, table, with_error

    rows = []
    for p in points:
        height = next((value for value in p["free_energy_meV"] if value is not None), None)
        row = [f"{p['temperature_K']:g}", f"{p['lowest_at']:.4f}", None if height is None else f"{height:.3f}"]
        found = p["coefficients"]
        pairs = zip(found["values_meV"], found["errors_meV"], strict=True) if found else [(None, None)] * 3
        rows.append([*row, *(with_error(value, error, 1) for value, error in pairs), f"{min(p['overlap']):.3f}"])
    columns = [
        "T\nK",
        "least at\nq",
        "F at the\nfirst bin",
        "q^2\nmeV/f.u.",
        "q^4\nmeV/f.u.",
        "q^6\nmeV/f.u.",
        "overlap",
    ]
    title = f"{model.name}, {points[0]['n_formula_units']} formula units, along {points[0]['along']}"
    warnings = [f"warning: {p['temperature_K']:g} K: {text}" for p in points for text in p["warnings"]]
    files = "landau.csv, summary.json, landau.png and .pdf, and the run files of the windows"
    show(table(title, columns, rows), *warnings, f"wrote {files} to {folder}")
