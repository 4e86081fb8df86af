"""``anharmonic select``: clusters, orders, nets and architectures by cross-validation."""

import time
from pathlib import Path
from typing import Annotated

import typer

from anharmonic.cli import options as opt

EXAMPLE = """\
# anharmonic select select.toml --out selection        paths are relative to this file; eV, A, eV/A^3
# The comparison of Thomas et al. (2019): 5 sets of clusters x 2 orders x 20 nets x 2 architectures x 10 folds

[crystal]                        # as in fit.toml
file = "cubic.cif"

[data]                           # as in fit.toml; several [[data]] are joined
paths = ["labels.extxyz"]

[selection]
orders = [2, 4]                  # of the invariants; by kind: { pair = 4, octahedron = 2 }
metric = "quadratic"
reduce = false
architectures = ["cluster", "site"]
hidden = [                       # widths of the hidden layers
  [2], [4], [6], [8], [10], [12], [14], [16], [18], [20],
  [2, 2], [4, 4], [6, 6], [8, 8], [10, 10], [12, 12], [14, 14], [16, 16], [18, 18], [20, 20],
]
baselines = ["ridge"]            # linear models beside the nets: ridge, lasso, ard
folds = 10
fold_by = "frame"                # or a key of the structures' info, such as that of their trajectory
test = 0.2                       # share that no fold sees
seed = 0
iterations = 100                 # quasi-Newton steps of the nets, once all that they are linear in is solved

[selection.clusters]             # any number of named sets; keys as of [basis] in fit.toml
"4 pairs, octahedron" = { pairs = 4, polyhedra = ["octahedron"] }
"5 pairs, octahedron" = { pairs = 5, polyhedra = ["octahedron"] }
"8 pairs, octahedron" = { pairs = 8, polyhedra = ["octahedron"] }
"4 pairs, triplet, octahedron" = { pairs = 4, triplets = ["Pb-Br-Pb"], polyhedra = ["octahedron"] }
"7 pairs, triplet, octahedron" = { pairs = 7, triplets = ["Pb-Br-Pb"], polyhedra = ["octahedron"] }

[selection.weights]              # as in fit.toml
energy = 1.0
forces = 1.0
stress = 1.0


[learning_curve]                 # for --learning-curve: errors on the test frames against the number of frames
frames = [10, 20, 40, 80]
repeats = 5
clusters = "7 pairs, triplet, octahedron"
order = 2
hidden = [8]
"""


def select(
    config: Annotated[Path, typer.Argument(help="select.toml; `anharmonic select --example` prints one.")],
    out: Annotated[Path, opt.out_option("results, tables and figures; an unfinished selection there goes on")],
    workers: Annotated[
        int, typer.Option("--workers", metavar="N", min=1, help="Jobs at a time; each uses a processor or more.")
    ] = 1,
    curve: Annotated[
        bool, typer.Option("--learning-curve", help="Errors against the number of frames instead of the comparison.")
    ] = False,
    quiet: opt.Quiet = False,
    example: opt.example_option(EXAMPLE, "select.toml") = False,
):  # fmt: skip
    """Compare sets of clusters, orders, nets and architectures by cross-validation.

    Every net of every fold is trained, beside linear models that are solved directly. Written are selection.jsonl
    (errors of every training), selection.csv and selection.txt (means over folds), selection.png (errors against the
    size of the net, figure 7 of the paper), and the best setting of every model, retrained and judged on frames that no
    fold saw. Interrupted, the same command goes on; the results come out the same.

    [cyan]anharmonic select --example > select.toml[/cyan]

    [cyan]anharmonic select select.toml --out selection[/cyan]

    [cyan]anharmonic select select.toml --out selection --learning-curve[/cyan]

    Errors: meV/atom, meV/Å, GPa.
    """
    from anharmonic.cli.compiler import prepare_compiler
    from anharmonic.cli.terminal import messages, say, show
    from anharmonic.fitting.selection.plan import SelectionPlan
    from anharmonic.fitting.selection.selection import Selection

    plan = SelectionPlan.read(config)
    if curve and plan.learning_curve is None:
        raise opt.AnharmonicError(f"{config} has no section [learning_curve], which --learning-curve takes")
    prepare_compiler()
    selection = Selection.of_plan(plan, messages().is_terminal and not quiet)
    folder = opt.output_folder(out)
    if not quiet:
        say(f"{len(selection.test)} frames, {selection.test.sum()} of them for the test")
    show(*(_learn if curve else _compare)(selection, folder, workers, quiet))


def _compare(selection, folder, workers, quiet):
    """Tables of a cross-validation, whose files are written."""
    from anharmonic.fitting.selection.summary import by_setting, csv_table, text_table, winners_table
    from anharmonic.interfaces.selection_figures import draw_selection

    plan = selection.plan
    linear = len(plan.sets) * len(plan.baselines) * plan.folds
    with JobProgress(plan.n_trainings + linear, quiet) as progress:
        rows = selection.cross_validate(folder, progress, workers)
    settings = by_setting(rows, plan.weights)
    (folder / "selection.csv").write_text(csv_table(settings), encoding="utf-8")
    names = ["selection.jsonl", "selection.csv", "selection.txt"]
    texts = [text_table(settings)]
    if selection.test.any():
        texts.append(winners_table(selection.winners(folder, rows)))
        names.append("winners.jsonl")
    (folder / "selection.txt").write_text("\n\n".join(texts) + "\n", encoding="utf-8")
    names += [path.name for path in draw_selection(settings, folder)]
    return [*(f"\n{text}" for text in texts), f"\nwrote {', '.join(names)} to {folder}"]


def _learn(selection, folder, workers, quiet):
    """Table of a learning curve, whose files are written."""
    from anharmonic.fitting.selection.summary import curve_table
    from anharmonic.interfaces.selection_figures import draw_learning_curves

    curve = selection.plan.learning_curve
    with JobProgress(4 * len(curve.frames) * curve.repeats, quiet) as progress:
        rows = selection.learn(folder, progress, workers)
    text = curve_table(rows)
    (folder / "learning_curve.txt").write_text(text + "\n", encoding="utf-8")
    draw_learning_curves(rows, folder / "learning_curve.png")
    return f"\n{text}", f"\nwrote learning_curve.jsonl, learning_curve.txt, learning_curve.png to {folder}"


class JobProgress:
    """A bar on a terminal, a line for each job elsewhere; called with ``(job, rows)`` after every job.

    Parameters
    ----------
    total : int
        Trainings.
    quiet : bool
    """

    def __init__(self, total, quiet=False):
        from rich.progress import BarColumn, Progress, TextColumn

        from anharmonic.cli.terminal import messages

        self.console, self.quiet, self.total = messages(), quiet, total
        columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[state]}")
        shown = self.console.is_terminal and not quiet
        self.bar = Progress(*columns, console=self.console, disable=not shown, transient=True)
        self.done = self.before = 0

    def __enter__(self):
        self.bar.start()
        self.task = self.bar.add_task("preparing and compiling", total=self.total, state="")
        self.start = time.monotonic()
        return self

    def __exit__(self, *error):
        self.bar.stop()

    def __call__(self, job, rows):
        from anharmonic.cli.terminal import clock

        self.done += len(rows)
        if job is None:
            self.before = self.done
            return
        seconds = time.monotonic() - self.start
        rate = (self.done - self.before) / max(seconds, 1e-9)
        left = clock((self.total - self.done) / rate)
        state = f"{self.done}/{self.total} trainings, {60 * rate:.0f} a minute, {left} left"
        self.bar.update(self.task, description=job.key, completed=self.done, state=state)
        if not self.quiet and not self.console.is_terminal:
            self.console.print(f"{job.key}: {state}", soft_wrap=True)
