"""``anharmonic sweep``: phases and transition temperatures over a list of temperatures."""

from pathlib import Path
from typing import Annotated

import typer

from anharmonic.cli import options as opt

Temperatures = Annotated[
    str,
    typer.Option(
        "--temperatures", metavar="RANGE", rich_help_panel=opt.SYSTEM,
        help="start:stop:step in K, both ends included, or a list: 150:350:50,360,370.",
    ),
]  # fmt: skip
Direction = Annotated[
    str,
    typer.Option(
        "--direction", metavar="WAY", rich_help_panel=opt.SYSTEM,
        help="heating (from the ground state), cooling (from the reference crystal), or both: heating, then back.",
    ),
]  # fmt: skip
Method = Annotated[
    str, typer.Option("--method", metavar="md|mc", rich_help_panel=opt.SAMPLING, help="Dynamics or Monte Carlo.")
]  # fmt: skip
Out = Annotated[Path, opt.out_option("run.h5, summary.json, lattice.png and order.png")]


def sweep(
    potential: opt.PotentialName,
    temperatures: Temperatures,
    supercell: opt.SupercellShape = None,
    matrix: opt.SupercellMatrix = None,
    direction: Direction = "heating",
    method: Method = "md",
    equilibration: opt.Equilibration = None,
    production: opt.Production = None,
    timestep: opt.Timestep = None,
    friction: opt.Friction = None,
    pressure: opt.Pressure = None,
    cell: opt.Cell = None,
    seed: opt.Seed = 0,
    precision: opt.Precision = "float32",
    out: Out = Path("sweep"),
    quiet: opt.Quiet = False,
):
    """Sample a crystal over temperatures and find its phase transitions.

    At each temperature the crystal is equilibrated and then sampled at constant pressure with a flexible cell; the
    next temperature goes on from there. The phase is named from the static tilts, or from the lattice where the
    crystal has none. A transition is placed between the two temperatures whose phases differ.

    [cyan]anharmonic sweep CsPbBr3 --supercell 8 8 8 --temperatures 150:550:25 --direction both --out sweep[/cyan]

    [cyan]anharmonic sweep fit/SrTiO3.h5 --supercell 6 6 6 --temperatures 20:200:20 --method mc --out mc[/cyan]

    A sweep that was stopped, in whatever way, goes on with the same command and ends with the same numbers; one that
    is finished is reported again. Take even numbers of cells: odd ones hold no tilts.
    """
    from anharmonic.cli.compiler import prepare_compiler
    from anharmonic.cli.progress import RunProgress
    from anharmonic.cli.reports import points_table, transitions_table
    from anharmonic.cli.terminal import show
    from anharmonic.sweep import sweep as run_sweep

    cells = opt.supercell_of(supercell, matrix)
    if method == "mc":
        opt.refuse({"--timestep": timestep, "--friction": friction}, "--method mc: they are for molecular dynamics")
    if cell == "fixed":
        opt.refuse({"--cell fixed": cell}, "a sweep at constant pressure; for a fixed cell see `anharmonic md --help`")
    wanted = opt.temperatures_of(temperatures)
    folder = opt.output_folder(out)
    prepare_compiler()
    with RunProgress(quiet) as progress:
        result = run_sweep(
            potential, cells, wanted, file=folder / "run.h5", on_chunk=progress, direction=direction, method=method,
            equilibration=equilibration, production=production, seed=seed, dtype=precision,
            **opt.given(timestep=timestep, friction=friction, pressure_GPa=pressure, cell=cell),
        )  # fmt: skip
    result.save(folder)
    result.plot(folder)
    summary = result.summary
    title = f"{summary['potential']}, {summary['n_atoms']} atoms, {method}, {summary['pressure_GPa']:g} GPa"
    show(
        points_table(title, summary["points"]),
        transitions_table(summary["transitions"]),
        *(f"warning: {text}" for text in summary["warnings"]),
        f"wrote run.h5, summary.json, lattice.png and order.png to {folder}",
    )
