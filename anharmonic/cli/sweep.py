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
Independent = Annotated[
    bool,
    typer.Option(
        "--independent", rich_help_panel=opt.SYSTEM,
        help="Each temperature begins anew and waits for no other: several workers share them, with the same result.",
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
Out = Annotated[Path, opt.out_option("run.h5, summary.json, lattice.png, order.png, and both as .pdf")]


def sweep(
    potential: opt.PotentialName,
    temperatures: Temperatures,
    supercell: opt.SupercellShape = None,
    matrix: opt.SupercellMatrix = None,
    direction: Direction = "heating",
    independent: Independent = False,
    workers: opt.WorkerCount = None,
    scheduler: opt.Scheduler = None,
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

    [cyan]anharmonic sweep CsPbBr3 --supercell 8 8 8 --temperatures 150:550:25 --independent --workers 8[/cyan]

    A sweep that was stopped, in whatever way, goes on with the same command and ends with the same numbers; one that
    is finished is reported again. Take even numbers of cells: odd ones hold no tilts.
    """
    from anharmonic.cli.compiler import prepare_compiler

    cells = opt.supercell_of(supercell, matrix)
    if method == "mc":
        baths = {"--friction": friction, "--thermostat": thermostat, "--barostat": barostat}
        opt.refuse({"--timestep": timestep} | baths, "--method mc: they are for molecular dynamics")
    if stress is not None:
        opt.refuse({"--pressure": pressure}, "--stress, which includes the pressure")
    if cell == "fixed":
        opt.refuse({"--cell fixed": cell}, "a sweep at constant pressure; for a fixed cell see `anharmonic md --help`")
    if not independent:
        why = "a sweep whose temperatures follow each other: see --independent"
        opt.refuse({"--workers": workers, "--scheduler": scheduler}, why)
    wanted = opt.temperatures_of(temperatures)
    folder = opt.output_folder(out)
    options = {
        "direction": direction, "method": method, "equilibration": equilibration, "production": production,
        "until": opt.precisions_of(until), "observe": tuple(opt.names_of(observe)), "snapshots": snapshots,
        "seed": seed, "dtype": precision,
    } | opt.given(
        timestep=timestep, friction=friction, thermostat=thermostat, barostat=barostat, pressure_GPa=pressure,
        stress_GPa=stress, cell=cell, max_extrapolation=max_extrapolation,
    )  # fmt: skip
    prepare_compiler(cells)
    if independent:
        found = _shared(potential, cells, wanted, folder, options, opt.workers_of(workers, scheduler), quiet)
    else:
        found = _alone(potential, cells, wanted, folder, options, quiet)
    load = f"{found['pressure_GPa']:g} GPa" if stress is None else f"stress {' '.join(f'{x:g}' for x in stress)} GPa"
    _tell(found, load, folder)


def _alone(potential, cells, temperatures, folder, options, quiet):
    """One temperature after the other; the summary."""
    from anharmonic.cli.running import sampling
    from anharmonic.sweep import sweep as run_sweep

    with sampling(folder, quiet) as control:
        result = run_sweep(potential, cells, temperatures, file=folder / "run.h5", **control, **options)
    result.save(folder)
    result.plot(folder)
    return result.summary


def _shared(potential, cells, temperatures, folder, options, workers, quiet):
    """All temperatures by workers; the summary."""
    from anharmonic.campaign import Campaign, Member
    from anharmonic.cli.running import crewed

    member = Member("sweep", potential, cells, temperatures, folder, True, options)
    campaign = Campaign([member])
    with crewed(workers, campaign.tasks, campaign.works, quiet) as (crew, control):
        campaign.run(crew, **control)
    for error in campaign.errors.values():
        raise error
    return member.sweep.result().summary


def _tell(summary, load, folder):
    """Tables and warnings."""
    from anharmonic.cli.reports import points_table, transitions_table
    from anharmonic.cli.terminal import show

    title = f"{summary['potential']}, {summary['n_atoms']} atoms, {summary['method']}, {load}"
    show(
        points_table(title, summary["points"]),
        transitions_table(summary["transitions"]),
        *(f"warning: {text}" for text in summary["warnings"]),
        f"wrote run.h5, summary.json, lattice.png, order.png, and both as .pdf to {folder}",
    )
