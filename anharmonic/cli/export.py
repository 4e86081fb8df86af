"""``anharmonic export``: the snapshots of a run as a trajectory file."""

from pathlib import Path
from typing import Annotated

import typer

from anharmonic.cli import options as opt


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN.h5", help="Run file of sweep, md or mc, finished or not.")],
    format: opt.TrajectoryFormat = "extxyz",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE", rich_help_panel=opt.OUTPUT,
            show_default="trajectory.FORMAT beside the run file",
            help="File to write; replaced if it exists.",
        ),
    ] = None,
):  # fmt: skip
    """Write the snapshots of a run as a trajectory that other programs open.

    [cyan]anharmonic export md400/run.h5 --format h5md --out md400.h5md[/cyan]

    extxyz is text, for OVITO, ASE and most others; traj is ASE's own; h5md is H5MD 1.1, for MDAnalysis.
    The run may still be going on: what is written are the snapshots up to its last checkpoint.
    """
    from anharmonic.cli.terminal import show
    from anharmonic.errors import AnharmonicError
    from anharmonic.interfaces.trajectories import check_format
    from anharmonic.sweep.export import export as export_snapshots

    check_format(format)
    if not run.is_file():
        raise AnharmonicError(f"no run file at {run}")
    out = run.with_name(f"trajectory.{format}") if out is None else out
    if out.exists() and out.samefile(run):
        raise AnharmonicError(f"--out {out} is the run file itself: give another name")
    opt.output_folder(out.parent)
    n = export_snapshots(run, out, format)
    show(f"wrote {n} snapshot{'s' if n > 1 else ''} to {out}")
