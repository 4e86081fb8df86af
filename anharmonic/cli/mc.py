"""``anharmonic mc``: Monte Carlo at one temperature, or a few in turn."""

from pathlib import Path
from typing import Annotated

import typer

from anharmonic.cli import devices, simulation
from anharmonic.cli import options as opt


def mc(
    potential: opt.PotentialName,
    temperature: simulation.Temperatures,
    to: simulation.To = None,
    supercell: opt.SupercellShape = None,
    matrix: opt.SupercellMatrix = None,
    structure: simulation.Structure = None,
    start: simulation.StartAt = None,
    ensemble: Annotated[
        str,
        typer.Option(
            "--ensemble", metavar="NAME", rich_help_panel=opt.ENSEMBLE, help="nvt, or npt (flexible cell)."
        ),
    ] = "npt",
    pressure: opt.Pressure = None,
    stress: opt.Stress = None,
    to_pressure: simulation.ToPressure = None,
    to_stress: simulation.ToStress = None,
    cell: opt.Cell = None,
    equilibration: opt.Equilibration = None,
    production: opt.Production = None,
    until: opt.Until = None,
    max_extrapolation: opt.MaxExtrapolation = None,
    seed: opt.Seed = 0,
    precision: opt.Precision = "float32",
    observe: opt.Observe = None,
    snapshots: simulation.Snapshots = None,
    format: opt.TrajectoryFormat = "extxyz",
    out: Annotated[Path, simulation.Out] = Path("mc"),
    quiet: opt.Quiet = False,
    n_devices: devices.Devices = None,
    coordinator: devices.Coordinator = None,
    processes: devices.Processes = None,
    process: devices.Process = None,
    timestep: Annotated[float | None, typer.Option("--timestep", hidden=True)] = None,
    friction: Annotated[float | None, typer.Option("--friction", hidden=True)] = None,
):  # fmt: skip
    """Monte Carlo of a supercell, with averages, series over passes and snapshots.

    One pass is a trial displacement of every atom (sites that share no cluster at once) and two trial strains of the
    cell; the widths of the trials adapt during the equilibration and stay fixed afterwards.

    [cyan]anharmonic mc CsPbBr3 --supercell 6 6 6 --temperature 400 --out mc400[/cyan]

    [cyan]anharmonic mc CsPbBr3 --structure snapshot.extxyz --ensemble nvt --temperature 300,350[/cyan]

    A run that was stopped, in whatever way, goes on with the same command; one that is finished is reported again.
    """
    cells = opt.supercell_of(supercell, matrix, required=False)
    opt.refuse({"--timestep": timestep, "--friction": friction}, "Monte Carlo, which has no time: see `anharmonic md`")
    loads = {"--pressure": pressure, "--stress": stress, "--to-pressure": to_pressure, "--to-stress": to_stress}
    if ensemble != "npt":
        opt.refuse(loads | {"--cell": cell}, f"--ensemble {ensemble}, whose cell is fixed: that is npt")
    if stress is not None or to_stress is not None:
        opt.refuse({"--pressure": pressure, "--to-pressure": to_pressure}, "--stress, which includes the pressure")
    if structure is not None:
        opt.refuse({"--start": start}, "--structure, which says where the run starts")
    simulation.run(
        potential, out, quiet, (cells, structure, start), snapshots, format, max_extrapolation,
        devices.Spread(n_devices, coordinator, processes, process), method="mc",
        ensemble=ensemble, temperatures=opt.temperatures_of(temperature), equilibration=equilibration,
        production=production, until=opt.precisions_of(until), observe=tuple(opt.names_of(observe)), seed=seed,
        dtype=precision,
        **opt.given(
            pressure_GPa=pressure, stress_GPa=stress, cell=cell, end_temperature=to, end_pressure_GPa=to_pressure,
            end_stress_GPa=to_stress,
        ),
    )  # fmt: skip
