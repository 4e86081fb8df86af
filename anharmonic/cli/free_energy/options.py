"""Options that the free-energy commands share."""

from typing import Annotated

import typer

from anharmonic.cli import options as opt
from anharmonic.cli import simulation
from anharmonic.cli.running import stoppable

Temperature = Annotated[
    str,
    typer.Option(
        "--temperature", "--temperatures", metavar="K", rich_help_panel=opt.SYSTEM,
        help="Temperature (K), or several: 300,350 or 300:400:50.",
    ),
]  # fmt: skip
Cell = Annotated[
    str,
    typer.Option(
        "--cell", metavar="KIND", rich_help_panel=opt.ENSEMBLE,
        help="How the cell may strain: full, orthorhombic (no shear), isotropic, fixed.",
    ),
]  # fmt: skip
Equilibration = Annotated[
    int,
    typer.Option("--equilibration", metavar="N", rich_help_panel=opt.SAMPLING, help="Trajectories that do not count."),
]  # fmt: skip
Production = Annotated[
    int, typer.Option("--production", metavar="N", rich_help_panel=opt.SAMPLING, help="Trajectories of each window.")
]
Trajectory = Annotated[
    int,
    typer.Option("--trajectory", metavar="N", rich_help_panel=opt.SAMPLING, help="Time steps of a trajectory."),
]
Phase = Annotated[
    str | None,
    typer.Option(
        "--phase", metavar="NAME", rich_help_panel=opt.SYSTEM, show_default="the ground state",
        help="Relaxed phase to start from, by its name in `anharmonic free-energy phases`: a0a0c+.",
    ),
]  # fmt: skip


def beginning(model, cells, phase, structure):
    """Where windows start: ``(Configuration, name)``."""
    from anharmonic.free_energy.phases import start_of_phase

    if structure is not None:
        opt.refuse({"--phase": phase}, "--structure, which says where the windows start")
    if phase is None:
        return simulation.beginning(model, cells, structure, None)
    if cells is None:
        opt.supercell_of(None, None)
    return start_of_phase(model, cells, phase)


def sampling(quiet):
    """As `anharmonic.cli.running.stoppable`, for windows in a folder each."""
    return stoppable(quiet, " of a window; its checkpoint is written")


def performed(kind, run, record, model, start, wanted, folder, quiet):
    """Sample at one temperature after another, with summary.json written after each; returns their records.

    Parameters
    ----------
    kind : str
        Of the summary.
    run : callable
        `anharmonic.free_energy.integration.integrate`, or another with its arguments.
    record : callable
        ``(options, found) -> dict`` of one temperature.
    model : Potential
    start : tuple of (Configuration, str)
    wanted : list of WindowOptions
        One for each temperature.
    folder : Path
    quiet : bool
    """
    from anharmonic.sweep.result import write_summary

    summary = {"kind": kind, "potential": model.name, "supercell": start[0].supercell.matrix.tolist(), "points": []}
    for options in wanted:
        with sampling(quiet) as control:
            found = run(model, start, options, folder / f"{options.temperature:g}K", **control)
        summary["points"].append(record(options, found))
        write_summary(summary, folder)
    return summary["points"]
