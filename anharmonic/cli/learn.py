"""``anharmonic learn``: a potential that asks for the labels it lacks."""

from pathlib import Path
from typing import Annotated

import typer

from anharmonic.cli import options as opt

EXAMPLE = """\
# anharmonic learn learn.toml        paths are relative to this file

fit = "fit.toml"                     # the labels there are, and how to fit (`anharmonic fit --example`)
rounds = 10                          # at most
seed = 0

[sample]                             # molecular dynamics in every cell at every temperature
supercells = [[2, 2, 2], [[1, -1, 0], [1, 1, 0], [0, 0, 2]]]  # cells small enough to be labelled
temperatures = [100, 300, 500]       # K
equilibration = 400                  # steps
production = 4000
every = 200                          # steps between the structures that are looked at
timestep = 5.0                       # fs
pressure_GPa = 0.0

[pick]
per_round = 8                        # structures to label in a round: those that teach most
above = 1.0                          # candidates have extrapolation grades above this ...
below = 4.0                          # ... and below this, where runs are stopped
share = 0.01                         # enough is known when no larger share of the structures is above

[label]                              # one of three
calculator = "labels.py:calculator"  # a function that returns an ASE calculator
# command = "python label.py {input} {output}"  # a program that reads and writes extended XYZ
# incar = "INCAR"                    # VASP: inputs are written (no POTCAR), outputs read when you call again
# kspacing = 0.25                    # 1/A; or kpoints = "KPOINTS"
# info = { supercell = "c20" }       # facts of the new labels, such as the group of their energies
"""
Workers = Annotated[
    int,
    typer.Option(
        "--workers", metavar="N", min=1, rich_help_panel=opt.WORKERS,
        help="Processes that sample and label at once (Dask: extra [distributed]). One unless asked for: a calculator "
        "or command may use all cores by itself.",
    ),
]  # fmt: skip


def learn(
    config: Annotated[Path, typer.Argument(help="learn.toml; `anharmonic learn --example` prints one with all keys.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="DIR", rich_help_panel=opt.OUTPUT, help="Folder for the rounds.")
    ] = Path("learn"),
    workers: Workers = 1,
    scheduler: opt.Scheduler = None,
    quiet: opt.Quiet = False,
    example: opt.example_option(EXAMPLE, "learn.toml") = False,
):  # fmt: skip
    """Learn actively: fit, sample, label what the fit does not know, and fit again.

    Each round fits a potential, runs molecular dynamics with it, and grades structures along the way. Those outside
    the fitted data are candidates; the ones that would teach the fit most, each beside what the others teach, are
    labelled by an ASE calculator, a command, or you with VASP. It ends when runs hardly leave what is known.

    [cyan]anharmonic learn --example > learn.toml[/cyan]

    [cyan]anharmonic learn learn.toml --out learn[/cyan]

    What is done stays in the folder: the same command goes on after any interruption, and after labels were added,
    with any number of workers.
    """
    from anharmonic.cli.compiler import prepare_compiler
    from anharmonic.cli.learning import Report, tracker
    from anharmonic.cli.running import helped
    from anharmonic.cli.terminal import show
    from anharmonic.learning import LearnPlan
    from anharmonic.learning import learn as run
    from anharmonic.learning.labellers import Waiting

    plan = LearnPlan.read(config)
    prepare_compiler()
    report = Report(plan, out, quiet)
    found = opt.workers_of(None if scheduler else workers, scheduler)
    with helped(found, plan.per_round, f"; what is done is in {out}", quiet) as (crew, stop):
        try:
            learned = run(plan, out, crew, tracker(quiet), stop, report)
        except Waiting as waiting:
            show(f"{waiting}")
            return
    learned.potential.save(out / f"{learned.potential.name}.h5")
    show(
        report.table(), f"{learned.finished}", f"wrote {learned.potential.name}.h5, history.json, learning.png to {out}"
    )
