"""``anharmonic report``: a run as one HTML page."""

from pathlib import Path
from typing import Annotated

import typer

from anharmonic.cli import options as opt


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder (or run file) of a sweep, an exchange, md or mc.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", show_default="report.html in the folder of the run", help="HTML file."),
    ] = None,
    quiet: opt.Quiet = False,
):
    """One HTML page on a run: phases and transitions, doubts, figures, tables, provenance.

    The page holds everything that it shows and loads nothing: it opens without a network, and prints.

    [cyan]anharmonic report sweep[/cyan]

    [cyan]anharmonic report exchange --out exchange.html[/cyan]
    """
    from anharmonic.cli.terminal import show
    from anharmonic.cli.thermo import counted
    from anharmonic.sweep.analysis_files import analyse
    from anharmonic.sweep.recorded import open_run
    from anharmonic.sweep.report import answer, write_report

    recorded = open_run(run)
    path = opt.output_file(recorded.folder / "report.html" if out is None else out)
    found = analyse(recorded, counted(quiet))
    write_report(found, path)
    show(*answer(found), f"wrote {path}")
