"""``anharmonic md``: molecular dynamics at one temperature, or a few in turn."""

from pathlib import Path
from typing import Annotated

import typer

from anharmonic.cli import options as opt
from anharmonic.cli import simulation


def md(
    potential: opt.PotentialName,
    temperature: simulation.Temperatures,
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
    cell: opt.Cell = None,
    equilibration: opt.Equilibration = None,
    production: opt.Production = None,
    timestep: opt.Timestep = None,
    friction: opt.Friction = None,
    seed: opt.Seed = 0,
    precision: opt.Precision = "float32",
    snapshots: simulation.Snapshots = None,
    out: Annotated[Path, simulation.Out] = Path("md"),
    quiet: opt.Quiet = False,
):  # fmt: skip
    """Molecular dynamics of a supercell, with averages, time series and snapshots.

    Langevin dynamics (nvt, npt) or Newton's equations (nve). The conserved quantity is watched in all of them: a
    drift above about 0.1 meV per atom and ps calls for a shorter time step, or for float64.

    [cyan]anharmonic md CsPbBr3 --supercell 6 6 6 --temperature 400 --out md400[/cyan]

    [cyan]anharmonic md CsPbBr3 --structure relaxed.cif --supercell 4 4 4 --ensemble nve --temperature 100[/cyan]

    [cyan]anharmonic md CsPbBr3 --supercell 6 6 6 --temperature 300 --pressure 1.5 --out md300-1.5GPa[/cyan]

    A run that was stopped goes on with the same command; one that is finished is reported again.
    """
    cells = opt.supercell_of(supercell, matrix, required=False)
    if ensemble != "npt":
        opt.refuse({"--pressure": pressure, "--cell": cell}, f"--ensemble {ensemble}, whose cell is fixed: that is npt")
    if structure is not None:
        opt.refuse({"--start": start}, "--structure, which says where the run starts")
    simulation.run(
        potential, out, quiet, cells, structure, start, snapshots, method="md", ensemble=ensemble,
        temperatures=opt.temperatures_of(temperature), equilibration=equilibration, production=production, seed=seed,
        dtype=precision, **opt.given(timestep=timestep, friction=friction, pressure_GPa=pressure, cell=cell),
    )  # fmt: skip
