"""``anharmonic screen candidates``: which of many proposed compounds ABX3 are worth more work?"""

from pathlib import Path
from typing import Annotated

import typer

from anharmonic.cli.options import out_option, output_folder
from anharmonic.cli.screen import options as opt

Out = Annotated[Path, out_option("candidates.csv, .json and .png; passed.jsonl and passed/ (CIF files)")]
LIMITS = "Limits"
"""Panel of the help."""


def candidates(
    files: Annotated[list[Path], typer.Argument(metavar="FILES", help="Structures, tables, folders.")],
    known: Annotated[
        list[Path] | None,
        typer.Option(
            "--known", metavar="FILE", help="Known compounds: structures, tables, folders, or a library made by "
            "`anharmonic screen grid`. May be given several times.",
        ),
    ] = None,
    target: Annotated[
        float | None,
        typer.Option("--target-energy", metavar="EV", show_default="the lowest",
                     help="Formation energy (eV/atom) that is looked for."),
    ] = None,
    window: Annotated[
        float | None, typer.Option("--window", metavar="EV", help="Largest difference from it.", rich_help_panel=LIMITS)
    ] = None,
    most: Annotated[
        float, typer.Option("--most-energy", metavar="EV", help="Highest formation energy.", rich_help_panel=LIMITS)
    ] = 0.0,
    distance: Annotated[
        float,
        typer.Option("--most-distance", metavar="SHARE", rich_help_panel=LIMITS,
                     help="From the nearest standard perovskite, in lattice constants."),
    ] = 0.05,
    rescale: Annotated[
        bool, typer.Option("--rescale", help="Give structures the volume expected of their elements where theirs is "
                           "doubtful, as that of what a generator makes is.")
    ] = False,
    warn: Annotated[
        list[str] | None,
        typer.Option("--warn", metavar="SCREEN", show_default="factors", rich_help_panel=LIMITS,
                     help="A screen that only warns, such as charges or novelty. May be given several times."),
    ] = None,
    complete: Annotated[
        bool, typer.Option("--complete", help="Novelty, energy and duplicates also of what has failed before.")
    ] = False,
    out: Out = Path("candidates"),
    quiet: opt.Quiet = False,
):  # fmt: skip
    """Screen proposed compounds ABX3: charges, distances, perovskite or not, known or not, formation energy.

    [cyan]anharmonic screen candidates proposals/ --known oqmd.jsonl --target-energy -2.0[/cyan]

    [cyan]anharmonic screen candidates mine.cif --complete --warn factors --warn charges[/cyan]

    The screens: structure, contacts, volume, charges, electronegativity, factors, tolerance, coordination, similarity,
    novelty, energy, duplicate. Every candidate is in the table with all its numbers and every reason against it. Those
    that pass are written as CIF files, the best first: nearest to the target energy, or lowest.
    """
    from anharmonic.cli.screen.results import known_compounds, stages, tables, write
    from anharmonic.cli.terminal import show
    from anharmonic.screening.candidates.funnel import funnel
    from anharmonic.screening.candidates.screen import screen
    from anharmonic.screening.candidates.settings import ScreenSettings

    settings = ScreenSettings(
        target_energy=target, energy_window=window, most_energy=most, most_distance=distance, rescale=rescale,
        warn=("factors",) if warn is None else tuple(warn), complete=complete,
    )  # fmt: skip
    entries, _ = opt.read(files, quiet)
    compounds = known_compounds(known, quiet)
    folder = output_folder(out)
    with stages(quiet) as progress:
        found = screen(entries, compounds, settings, progress)
    counts = funnel(found)
    write(found, counts, folder)
    passed = sum(one.passed for one in found)
    show(*tables(found, counts), f"wrote candidates.csv, .json and .png and {passed} CIF files in passed/ to {folder}")
