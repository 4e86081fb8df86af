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
Snapshots = Annotated[
    int,
    typer.Option(
        "--snapshots", metavar="STEPS", rich_help_panel=opt.OUTPUT, show_default="none",
        help="Steps between snapshots, which `anharmonic export` writes as a trajectory.",
    ),
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
    until: opt.Until = None,
    timestep: opt.Timestep = None,
    thermostat: opt.Thermostat = None,
    friction: opt.Friction = None,
    barostat: opt.Barostat = None,
    pressure: opt.Pressure = None,
    stress: opt.Stress = None,
    cell: opt.Cell = None,
    max_extrapolation: opt.MaxExtrapolation = None,
    seed: opt.Seed = 0,
    precision: opt.Precision = "float32",
    observe: opt.Observe = None,
    snapshots: Snapshots = 0,
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
    from anharmonic.cli.reports import points_table, transitions_table
    from anharmonic.cli.running import sampling
    from anharmonic.cli.terminal import show
    from anharmonic.sweep import sweep as run_sweep

    cells = opt.supercell_of(supercell, matrix)
    if method == "mc":
        baths = {"--friction": friction, "--thermostat": thermostat, "--barostat": barostat}
        opt.refuse({"--timestep": timestep} | baths, "--method mc: they are for molecular dynamics")
    if stress is not None:
        opt.refuse({"--pressure": pressure}, "--stress, which includes the pressure")
    if cell == "fixed":
        opt.refuse({"--cell fixed": cell}, "a sweep at constant pressure; for a fixed cell see `anharmonic md --help`")
    wanted = opt.temperatures_of(temperatures)
    folder = opt.output_folder(out)
    prepare_compiler()
    with sampling(folder, quiet) as control:
        result = run_sweep(
            potential, cells, wanted, file=folder / "run.h5", max_extrapolation=max_extrapolation, **control,
            direction=direction, method=method, equilibration=equilibration, production=production,
            until=opt.precisions_of(until), observe=tuple(opt.names_of(observe)), snapshots=snapshots, seed=seed,
            dtype=precision,
            **opt.given(
                timestep=timestep, friction=friction, thermostat=thermostat, barostat=barostat,
                pressure_GPa=pressure, stress_GPa=stress, cell=cell,
            ),
        )  # fmt: skip
    result.save(folder)
    result.plot(folder)
    summary = result.summary
    load = f"{summary['pressure_GPa']:g} GPa" if stress is None else f"stress {' '.join(f'{x:g}' for x in stress)} GPa"
    title = f"{summary['potential']}, {summary['n_atoms']} atoms, {method}, {load}"
    show(
        points_table(title, summary["points"]),
        transitions_table(summary["transitions"]),
        *(f"warning: {text}" for text in summary["warnings"]),
        f"wrote run.h5, summary.json, lattice.png and order.png to {folder}",
    )
