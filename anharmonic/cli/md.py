"""``anharmonic md``: molecular dynamics at one temperature, or a few in turn."""

from pathlib import Path
from typing import Annotated

import typer

from anharmonic.cli import devices, simulation
from anharmonic.cli import options as opt


def md(
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
            "--ensemble", metavar="NAME", rich_help_panel=opt.ENSEMBLE,
            help="nve (thermostat in the equilibration only), nvt, or npt (flexible cell).",
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
    timestep: opt.Timestep = None,
    thermostat: opt.Thermostat = None,
    friction: opt.Friction = None,
    barostat: opt.Barostat = None,
    seed: opt.Seed = 0,
    precision: opt.Precision = "float32",
    observe: opt.Observe = None,
    snapshots: simulation.Snapshots = None,
    format: opt.TrajectoryFormat = "extxyz",
    out: Annotated[Path, simulation.Out] = Path("md"),
    quiet: opt.Quiet = False,
    n_devices: devices.Devices = None,
    coordinator: devices.Coordinator = None,
    processes: devices.Processes = None,
    process: devices.Process = None,
):  # fmt: skip
    """Molecular dynamics of a supercell, with averages, time series and snapshots.

    A thermostat and a barostat (nvt, npt) or Newton's equations (nve). The conserved quantity is watched in all of
    them: a drift above about 0.1 meV per atom and ps calls for a shorter time step, or for float64.

    [cyan]anharmonic md CsPbBr3 --supercell 6 6 6 --temperature 400 --out md400[/cyan]

    [cyan]anharmonic md CsPbBr3 --structure relaxed.cif --supercell 4 4 4 --ensemble nve --temperature 100[/cyan]

    [cyan]anharmonic md CsPbBr3 --supercell 6 6 6 --temperature 300 --stress 0 0 -0.5 0 0 0 --out squeezed[/cyan]

    [cyan]anharmonic md CsPbBr3 --supercell 6 6 6 --temperature 100 --to 500 --production 200000 --out ramp[/cyan]

    [cyan]anharmonic md CsPbBr3 --supercell 64 64 64 --temperature 400 --devices 4 --out large[/cyan]

    A run that was stopped, in whatever way, goes on with the same command; one that is finished is reported again.
    """
    cells = opt.supercell_of(supercell, matrix, required=False)
    loads = {"--pressure": pressure, "--stress": stress, "--to-pressure": to_pressure, "--to-stress": to_stress}
    if ensemble != "npt":
        flexible = loads | {"--cell": cell, "--barostat": barostat}
        opt.refuse(flexible, f"--ensemble {ensemble}, whose cell is fixed: that is npt")
    if stress is not None or to_stress is not None:
        opt.refuse({"--pressure": pressure, "--to-pressure": to_pressure}, "--stress, which includes the pressure")
    if structure is not None:
        opt.refuse({"--start": start}, "--structure, which says where the run starts")
    simulation.run(
        potential, out, quiet, (cells, structure, start), snapshots, format, max_extrapolation,
        devices.Spread(n_devices, coordinator, processes, process), method="md",
        ensemble=ensemble, temperatures=opt.temperatures_of(temperature), equilibration=equilibration,
        production=production, until=opt.precisions_of(until), observe=tuple(opt.names_of(observe)), seed=seed,
        dtype=precision,
        **opt.given(
            timestep=timestep, friction=friction, thermostat=thermostat, barostat=barostat,
            pressure_GPa=pressure, stress_GPa=stress, cell=cell, end_temperature=to, end_pressure_GPa=to_pressure,
            end_stress_GPa=to_stress,
        ),
    )  # fmt: skip
