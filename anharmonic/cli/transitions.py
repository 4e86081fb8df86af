"""``anharmonic transitions``: transition temperatures with error bars from several runs."""

from pathlib import Path
from typing import Annotated

import typer

from anharmonic.cli import options as opt


def transitions(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN...", help="Folders of sweeps and exchanges of one potential, or their run.h5."),
    ],
    potential: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The runs' potential, name or file: adds the error that its data leave, from snapshots of the runs.",
        ),
    ] = None,
    out: Annotated[Path, opt.out_option("transitions.json, curves.csv, transitions.png, .pdf")] = Path("transitions"),
    quiet: opt.Quiet = False,
):  # fmt: skip
    """Transition temperatures with error bars, from several runs of one potential.

    Order parameters, susceptibilities, Binder's cumulants and heat capacities come from all samples at once (MBAR), as
    smooth curves over temperature. Near a transition cumulants of all supercells fall on one curve over the scaled
    temperature: give runs of three supercells or more, heated and cooled, with temperatures so close that neighbours
    overlap. Those of two supercells cross there.

    [cyan]for n in 4 6 8; do anharmonic sweep CsPbBr3 --supercell $n $n $n --temperatures 220:380:10 --direction both
    --thermostat bussi --production 100000 --out sweep-$n; done[/cyan]

    [cyan]anharmonic transitions sweep-4 sweep-6 sweep-8 --out transitions[/cyan]

    Order parameters are the tilts of perovskites, the displacement modes that all runs recorded (for instance
    [bold]--observe "mode N"[/bold]), and where there is neither the strains that break the symmetry. Runs may be
    unfinished: what they have is used.

    Error bars are those of the sampling. With --potential and a run with snapshots next to the transitions
    (--snapshots), each comes also with the error of the potential: what a committee of potentials would show.
    """
    from anharmonic.cli.terminal import counting, show
    from anharmonic.potential import load
    from anharmonic.sweep.potential_error import potential_errors, runs_with_snapshots
    from anharmonic.sweep.recorded import open_run
    from anharmonic.sweep.transitions import transitions as find

    model = load(potential) if potential else None
    recorded = [open_run(path) for path in runs]
    told = runs_with_snapshots(model, recorded) if model else ()
    folder = opt.output_folder(out)
    with counting("curves", quiet) as count:
        report = find(recorded, count)
    if model:
        with counting("snapshots", quiet) as count:
            report = report.with_errors(potential_errors(model, told, report.temperatures, count))
    report.save(folder)
    report.plot(folder)
    show(
        _runs_table(report.record["runs"]),
        *[item for t in report.record["transitions"] for item in _transition(t)],
        *(f"{name}: no transition between these temperatures" for name in report.record["without"]),
        *(f"warning: {text}" for text in report.record["warnings"]),
        f"wrote transitions.json, curves.csv, transitions.png and .pdf to {folder}",
    )


def _runs_table(runs):
    """What the numbers are from."""
    from anharmonic.cli.terminal import table

    rows = [
        [
            r["file"], r["n_atoms"], ", ".join(r["directions"]), "{:g} - {:g} ({})".format(*r["temperatures_K"]),
            r["steps_per_temperature"], "yes" if r["finished"] else "no",
        ]
        for r in runs
    ]  # fmt: skip
    return table("runs", ["<file", "atoms", "<direction", "<temperatures (K)", "steps each", "<finished"], rows)


def _transition(t):
    """A line that answers, and the table of all routes to it."""
    from anharmonic.cli.terminal import table
    from anharmonic.interfaces.numbers import plus_minus

    rows = [
        [r["route"], ", ".join(map(str, r["n_cells"])), plus_minus(r["temperature_K"], r["error_K"])]
        for r in t["routes"]
    ]
    rows += [
        [f"the largest supercells, {way}", "", plus_minus(pair["value"], pair["error"])]
        for way in ("heating", "cooling")
        if (pair := t["hysteresis"].get(f"{way}_K"))
    ]
    return table(t["order_parameter"], ["<route", "<cells", "T (K)"], rows), _sentence(t)


def _sentence(t):
    """The answer in words."""
    from anharmonic.interfaces.numbers import plus_minus

    kind = {"undecided": "first-order or continuous: undecided by these runs"}.get(t["kind"], t["kind"])
    verb = "vanish" if t["order_parameter"].endswith("tilts") else "vanishes"
    temperature = plus_minus(t["temperature_K"], t["error_K"])
    words = f"{t['order_parameter']} {verb} at {temperature} K (from {t['from']}); {kind}"
    exponent = t["susceptibility_exponent"]
    if exponent["value"] is not None:
        words += f" (susceptibility grows as L^{exponent['value']:.2f} ± {exponent['error']:.2f})"
    if t["collapse"]:
        words += f"; 1/ν = {t['collapse']['inverse_nu']['value']:.2f} ± {t['collapse']['inverse_nu']['error']:.2f}"
    difference = t["hysteresis"].get("difference_K")
    if difference and difference["value"] is not None:
        words += f"; heating minus cooling {plus_minus(difference['value'], difference['error'])} K"
    if "potential_K" in t:
        more = plus_minus(t["potential_K"], t["potential_error_K"])
        words += f"; the data behind the potential leave ± {more} K more"
    return words
