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
        help="Steps between snapshots in trajectory.extxyz, in whole chunks of 200 (md) or 40 (mc); 0 for none.",
    ),
]  # fmt: skip
Out = opt.out_option("run.h5, trajectory.extxyz, series.png and summary.json")
CHUNKS_BETWEEN_SNAPSHOTS = 5


def run(potential, out, quiet, cells, structure, start, snapshots, **options):
    """Run or resume a simulation, write its files, print its table."""
    from anharmonic.cli.compiler import prepare_compiler
    from anharmonic.cli.progress import RunProgress
    from anharmonic.cli.reports import points_table
    from anharmonic.cli.terminal import show
    from anharmonic.interfaces.trajectory import Trajectory
    from anharmonic.potential import load
    from anharmonic.sweep.plan import CHUNK, STRIDE
    from anharmonic.sweep.simulation import simulate
    from anharmonic.sweep.simulation_plan import SimulationPlan
    from anharmonic.sweep.start import start_at_rest, start_from_atoms

    SimulationPlan(((1, 0, 0), (0, 1, 0), (0, 0, 1)), **options)  # refuse options before anything takes time
    model = load(potential)
    if snapshots is not None and snapshots < 0:
        raise AnharmonicError(f"--snapshots is a number of steps from 0 on, found {snapshots}")
    chunk = CHUNK * STRIDE[options["method"]]
    every = CHUNKS_BETWEEN_SNAPSHOTS * chunk if snapshots is None else -(-snapshots // chunk) * chunk
    if structure is not None:
        beginning = start_from_atoms(model, _read(structure), cells)
    elif cells is None:
        raise AnharmonicError("give --supercell N N N (or --matrix), or a start with --structure FILE")
    else:
        prepare_compiler()
        beginning = start_at_rest(model, cells, *([start] if start else []))
    folder = opt.output_folder(out)
    prepare_compiler()
    trajectory = Trajectory(folder / "trajectory.extxyz", beginning[0], every) if every else None
    with RunProgress(quiet) as progress:
        result = simulate(model, beginning, folder / "run.h5", trajectory, progress, **options)
    result.save(folder)
    result.plot(folder)
    summary = result.summary
    title = f"{summary['potential']}, {summary['n_atoms']} atoms, {summary['method']}, {summary['ensemble']}"
    files = ["run.h5", *(["trajectory.extxyz"] if trajectory else []), "series.png", "summary.json"]
    show(
        points_table(title, summary["points"], with_direction=False),
        *(f"warning: {text}" for text in summary["warnings"]),
        f"wrote {', '.join(files)} to {folder}",
    )


def _read(path):
    """A structure from any file that ASE reads."""
    from ase.io import read

    if not path.is_file():
        raise AnharmonicError(f"no structure file at {path}")
    try:
        return read(path)
    except Exception as error:  # ASE raises many kinds of errors
        raise AnharmonicError(f"ASE reads no structure from {path}: {error}") from error
