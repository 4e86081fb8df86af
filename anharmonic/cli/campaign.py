"""``anharmonic campaign``: many runs of one file, by many workers."""

from pathlib import Path
from typing import Annotated

import typer

from anharmonic.cli import options as opt
from anharmonic.cli.campaign_file import EXAMPLE

Only = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="OUT", help="Do this run alone, named by its folder; may be repeated."),
]


def campaign(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Runs and workers (TOML); see --example.")],
    only: Only = None,
    workers: opt.WorkerCount = None,
    scheduler: opt.Scheduler = None,
    out: Annotated[Path | None, opt.out_option("the folders of the runs; by default that of FILE")] = None,
    example: opt.example_option(EXAMPLE, "campaign") = False,
    quiet: opt.Quiet = False,
):
    """Do many sweeps and exchanges at once: series of supercells, replicas, pressures.

    FILE names the runs, with the options of `anharmonic sweep` and `anharmonic exchange`, and where they are done:
    by the cores of this machine, at a Dask scheduler, or by jobs of SLURM. Each run ends in a folder of its own, as if
    it had been started alone; an error of one does not keep the others.

    [cyan]anharmonic campaign --example > sizes.toml[/cyan]

    [cyan]anharmonic campaign sizes.toml --workers 8[/cyan]

    [cyan]anharmonic transitions 4 6 8 --out transitions[/cyan]

    A campaign that was stopped, in whatever way, goes on with the same command and ends with the same numbers; so does
    one whose workers die.
    """
    from anharmonic.campaign import Campaign
    from anharmonic.cli.campaign_file import read_campaign
    from anharmonic.cli.compiler import prepare_compiler
    from anharmonic.cli.running import crewed
    from anharmonic.cli.terminal import show
    from anharmonic.errors import AnharmonicError

    prepare_compiler()
    members, found = read_campaign(file, opt.output_folder(out or file.parent), only)
    chosen = opt.workers_of(workers, scheduler) if workers or scheduler else found
    runs = Campaign(members)
    with crewed(chosen, runs.tasks, runs.works, quiet) as (crew, control):
        runs.run(crew, **control)
    show(*(f"{m.folder}: {runs.errors.get(str(m.folder), 'done')}" for m in members))
    if runs.errors:
        raise AnharmonicError(
            f"{len(runs.errors)} of {len(members)} runs failed; mend them, and the same command goes on"
        )
