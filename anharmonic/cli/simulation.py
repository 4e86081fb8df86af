"""What ``anharmonic md`` and ``anharmonic mc`` have in common."""

from pathlib import Path
from typing import Annotated

import typer

from anharmonic.cli import options as opt
from anharmonic.errors import AnharmonicError

Temperatures = Annotated[
    str,
    typer.Option(
        "--temperature", "--temperatures", metavar="K", rich_help_panel=opt.SYSTEM,
        help="Temperature (K), or several in turn: 300,350 or 300:400:50. Each goes on from the one before.",
    ),
]  # fmt: skip
To = Annotated[
    float | None,
    typer.Option(
        "--to", metavar="K", rich_help_panel=opt.SYSTEM,
        help="The production is a ramp from --temperature to this one, linear in time.",
    ),
]  # fmt: skip
ToPressure = Annotated[
    float | None,
    typer.Option(
        "--to-pressure", metavar="GPA", rich_help_panel=opt.ENSEMBLE,
        help="The production is a ramp from --pressure to this one (GPa).",
    ),
]  # fmt: skip
ToStress = Annotated[
    tuple[float, float, float, float, float, float] | None,
    typer.Option(
        "--to-stress", metavar="XX YY ZZ YZ XZ XY", rich_help_panel=opt.ENSEMBLE,
        help="The production is a ramp from --stress to this one (GPa).",
    ),
]  # fmt: skip
Structure = Annotated[
    Path | None,
    typer.Option(
        "--structure", metavar="FILE", rich_help_panel=opt.SYSTEM,
        help="Start from this structure: its own supercell, or repeated to --supercell.",
    ),
]  # fmt: skip
StartAt = Annotated[
    str | None,
    typer.Option(
        "--start", metavar="WHERE", rich_help_panel=opt.SYSTEM, show_default="ground-state",
        help="Without --structure: ground-state (the lowest relaxed phase) or reference (undistorted).",
    ),
]  # fmt: skip
Snapshots = Annotated[
    int | None,
    typer.Option(
        "--snapshots", metavar="STEPS", rich_help_panel=opt.OUTPUT, show_default="1000 (md), 200 (mc)",
        help="Steps between snapshots, in whole chunks of 200 (md) or 40 (mc); 0 for none.",
    ),
]  # fmt: skip
Out = opt.out_option("run.h5, the trajectory, series.png and .pdf, and summary.json")
CHUNKS_BETWEEN_SNAPSHOTS = 5


def run(potential, out, quiet, where, snapshots, format, max_extrapolation, spread, **options):
    """Run or resume a simulation, write its files, print its table.

    `where` is (supercell, structure, start) as of the options of these names, `spread` a `devices.Spread`.
    """
    from anharmonic.cli.compiler import prepare_compiler
    from anharmonic.cli.devices import prepare_devices, show_traffic
    from anharmonic.cli.running import sampling
    from anharmonic.interfaces.trajectories import check_format
    from anharmonic.potential import load
    from anharmonic.sweep.plan import CHUNK, STRIDE
    from anharmonic.sweep.simulation import simulate
    from anharmonic.sweep.simulation_plan import SimulationPlan

    every = CHUNKS_BETWEEN_SNAPSHOTS * CHUNK * STRIDE[options["method"]] if snapshots is None else snapshots
    if every < 0:
        raise AnharmonicError(f"--snapshots is a number of steps from 0 on, found {snapshots}")
    options["snapshots"] = every
    check_format(format)
    devices, first = prepare_devices(spread)
    SimulationPlan(((1, 0, 0), (0, 1, 0), (0, 0, 1)), **options)  # refuse options before anything takes time
    model = load(potential)
    start = beginning(model, *where)
    folder = opt.output_folder(out)
    prepare_compiler()
    told = show_traffic if first and not quiet else lambda traffic: None
    split = {"devices": devices, "on_traffic": told, "max_extrapolation": max_extrapolation}
    with sampling(folder, quiet or not first) as control:
        result = simulate(model, start, folder / "run.h5", **split, **control, **options)
    if not first:
        return
    result.save(folder)
    result.plot(folder)
    _report(result.summary, folder, format if every else None)


def _report(summary, folder, format):
    """Write the trajectory, if there is one, and print the table."""
    from anharmonic.cli.reports import points_table
    from anharmonic.cli.terminal import show
    from anharmonic.errors import FileFormatError
    from anharmonic.sweep.export import export

    files = ["run.h5", "series.png and .pdf", "summary.json"]
    if format is not None:
        try:
            export(folder / "run.h5", folder / f"trajectory.{format}", format)
            files.insert(1, f"trajectory.{format}")
        except FileFormatError:
            summary["warnings"].append("the run is shorter than the time between snapshots: there are none")
    title = f"{summary['potential']}, {summary['n_atoms']} atoms, {summary['method']}, {summary['ensemble']}"
    show(
        points_table(title, summary["points"], with_direction=False),
        *(f"warning: {text}" for text in summary["warnings"]),
        f"wrote {', '.join(files)} to {folder}",
    )


def beginning(model, cells, structure, start):
    """Where the run starts: ``(Configuration, name)``."""
    from anharmonic.cli.compiler import prepare_compiler
    from anharmonic.sweep.start import start_at_rest, start_from_atoms

    if structure is not None:
        return start_from_atoms(model, _read(structure), cells)
    if cells is None:
        raise AnharmonicError("give --supercell N N N (or --matrix), or a start with --structure FILE")
    prepare_compiler(cells)
    return start_at_rest(model, cells, *([start] if start else []))


def _read(path):
    """A structure from any file that ASE reads."""
    from ase.io import read

    if not path.is_file():
        raise AnharmonicError(f"no structure file at {path}")
    try:
        return read(path)
    except Exception as error:  # ASE raises many kinds of errors
        raise AnharmonicError(f"ASE reads no structure from {path}: {error}") from error
