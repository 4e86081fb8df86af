"""``anharmonic export``: the snapshots of a run for other programs."""

from pathlib import Path
from typing import Annotated

import typer

from anharmonic.cli import options as opt


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN.h5", help="Run file of sweep, md or mc, finished or not.")],
    format: Annotated[
        str,
        typer.Option(
            "--format", metavar="NAME", rich_help_panel=opt.OUTPUT,
            help="Of all snapshots: extxyz, traj (ASE), h5md (MDAnalysis); of one: lammps, gpumd, vasp.",
        ),
    ] = "extxyz",
    snapshot: Annotated[
        int | None,
        typer.Option(
            "--snapshot", metavar="K", rich_help_panel=opt.OUTPUT,
            show_default="all; lammps, gpumd, vasp: the last",
            help="This one alone, counted from 0, or back from -1.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE", rich_help_panel=opt.OUTPUT,
            show_default="trajectory.FORMAT, structure.data, model.xyz or POSCAR beside the run file",
            help="File to write; replaced if it exists.",
        ),
    ] = None,
):  # fmt: skip
    """Write the snapshots of a run for other programs: a trajectory, or one structure to go on from.

    [cyan]anharmonic export md400/run.h5 --format h5md --out md400.h5md[/cyan]

    [cyan]anharmonic export md400/run.h5 --format lammps --snapshot 12[/cyan]

    Trajectories: extxyz is text, for OVITO, ASE and most others; traj is ASE's own; h5md is H5MD 1.1, for MDAnalysis.
    Structures: lammps is a data file (units metal, the cell turned into LAMMPS's triangular box), gpumd is a
    model.xyz, vasp is a POSCAR, which phonopy and pymatgen read too. Snapshots have no velocities.
    The run may still be going on: what is written are the snapshots up to its last checkpoint.
    """
    from anharmonic.cli.terminal import show
    from anharmonic.errors import AnharmonicError
    from anharmonic.interfaces import structures, trajectories
    from anharmonic.sweep.export import export as export_snapshots

    if format not in structures.WRITERS:
        trajectories.check_format(format, also=structures.WRITERS)
    if not run.is_file():
        raise AnharmonicError(f"no run file at {run}")
    out = run.with_name(structures.FILE_NAMES.get(format, f"trajectory.{format}")) if out is None else out
    if out.exists() and out.samefile(run):
        raise AnharmonicError(f"--out {out} is the run file itself: give another name")
    opt.output_file(out)
    frames = export_snapshots(run, out, format, snapshot)
    if snapshot is None and format not in structures.WRITERS:
        show(f"wrote {len(frames)} snapshot{'s' if len(frames) > 1 else ''} to {out}")
    else:
        show(f"wrote the snapshot of step {frames[0].step} ({frames[0].temperature:g} K) to {out}")
