"""``anharmonic screen candidates``: which of many proposed compounds ABX3 are worth more work?"""

from pathlib import Path
from typing import Annotated

import typer

from anharmonic.cli.options import out_option, output_folder
from anharmonic.cli.screen import options as opt

Out = Annotated[Path, out_option("candidates.csv, candidates.json, candidates.png and passed/, CIF files")]
SHOWN = 30
"""Rows of the table on the screen."""
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

    The screens: structure, contacts, volume, charges, electronegativity, factors, coordination, similarity, novelty,
    energy, duplicate. Every candidate is in the table with all its numbers and every reason against it. Those that pass
    are written as CIF files, the best first: nearest to the target energy, or lowest.
    """
    from anharmonic.cli.terminal import counting, show
    from anharmonic.screening.candidates.funnel import funnel
    from anharmonic.screening.candidates.screen import screen
    from anharmonic.screening.candidates.settings import ScreenSettings
    from anharmonic.screening.reading import read_entries

    settings = ScreenSettings(
        target_energy=target, energy_window=window, most_energy=most, most_distance=distance, rescale=rescale,
        warn=("factors",) if warn is None else tuple(warn), complete=complete,
    )  # fmt: skip
    with counting("reading", quiet) as progress:
        entries, unread = read_entries(files, progress)
    opt.complain(unread, len(entries))
    compounds = _known(known, quiet)
    folder = output_folder(out)
    with stages(quiet) as progress:
        found = screen(entries, compounds, settings, progress)
    counts = funnel(found)
    write(found, counts, folder)
    passed = [one for one in found if one.passed]
    show(
        *_tables(found, passed, counts),
        f"wrote candidates.csv, .json and .png and {len(passed)} CIF files in passed/ to {folder}",
    )


def stages(quiet=False):
    """A context with a function of the name of a stage and the numbers done and of all: a bar for each stage."""
    from contextlib import ExitStack, contextmanager

    from anharmonic.cli.terminal import counting

    @contextmanager
    def bars():
        with ExitStack() as stack:
            now = {"stage": None, "bar": None}

            def tell(stage, done, total):
                if stage != now["stage"]:
                    stack.close()
                    now.update(stage=stage, bar=stack.enter_context(counting(stage, quiet)))
                now["bar"](done, total)

            yield tell

    return bars()


def write(found, counts, folder):
    """Tables, figure and CIF files of `Screened` candidates.

    Parameters
    ----------
    found : sequence of Screened
    counts : dict of str to int
        Of `funnel`.
    folder : path
        CIF files of an earlier call in its folder ``passed`` are removed.
    """
    from anharmonic.interfaces.candidate_figures import draw_candidates

    opt.write_csv(folder / "candidates.csv", [_row(number, one) for number, one in enumerate(found)])
    opt.write_json(folder / "candidates.json", {"funnel": counts, "candidates": [_record(one) for one in found]})
    passed = [one for one in found if one.passed and one.prediction]
    _write_structures(passed, folder / "passed")
    draw_candidates(
        counts, [f"{one.compound} ({one.name})" for one in passed], [one.prediction.value for one in passed],
        [one.prediction.deviation for one in passed], [bool(one.verdicts["energy"].warning) for one in passed],
        folder / "candidates.png", next((one.settings.target_energy for one in found), None),
    )  # fmt: skip


def _known(paths, quiet):
    """The known compounds, or None."""
    import h5py

    from anharmonic.cli.terminal import counting
    from anharmonic.screening import Library
    from anharmonic.screening.candidates.novelty import Known
    from anharmonic.screening.reading import read_entries

    if not paths:
        return None
    described = [path for path in paths if path.is_file() and h5py.is_hdf5(path)]
    entries, unread = [], []
    if len(described) < len(paths):
        with counting("known", quiet) as progress:
            entries, unread = read_entries([path for path in paths if path not in described], progress)
        opt.complain(unread, len(entries))
    return Known(tuple(entries), tuple(Library.load(path) for path in described))


def _write_structures(passed, folder):
    """Files in the order of the ranking; those of an earlier call are removed."""
    import re

    import ase.io

    folder.mkdir(exist_ok=True)
    for old in folder.glob("[0-9][0-9][0-9][0-9]_*.cif"):
        old.unlink()
    for number, one in enumerate(passed):
        name = re.sub(r"[^A-Za-z0-9.-]+", "-", one.name).strip("-.")[:60]
        ase.io.write(folder / f"{number + 1:04d}_{one.compound}_{name}.cif", one.atoms, format="cif")


def _row(number, one):
    """A row of the file."""
    energy = one.prediction
    head = {
        "rank": number + 1 if one.passed else "", "name": one.name, "formula": one.formula,
        "passed": "yes" if one.passed else "no", "reasons": "; ".join(one.reasons),
        "warnings": "; ".join(one.warnings), "a": "", "b": "", "x": "",
    } | dict(zip("abx", one.symbols, strict=False))  # fmt: skip
    found = {
        "space_group": one.space_group, "atoms": len(one.atoms),
        "energy_eV_atom": f"{energy.value:.4f}" if energy else "",
        "deviation_eV_atom": f"{energy.deviation:.4f}" if energy else "",
    }  # fmt: skip
    for name, verdict in one.verdicts.items():
        found[f"{name}_value"] = "" if verdict.value is None else f"{verdict.value:.5g}"
        found[name] = verdict.words
    return head | found


def _record(one):
    """A candidate as plain data."""
    from dataclasses import asdict

    return {
        "name": one.name, "formula": one.formula, "passed": one.passed, "sites": list(one.symbols),
        "space_group": one.space_group, "reasons": list(one.reasons), "warnings": list(one.warnings),
        "verdicts": {name: asdict(verdict) for name, verdict in one.verdicts.items()},
        "prediction": asdict(one.prediction) if one.prediction else None,
    }  # fmt: skip


def _tables(found, passed, counts):
    """What is shown: the funnel, what fails, the best."""
    from anharmonic.cli.terminal import table
    from anharmonic.screening.candidates.funnel import failures_by_screen

    failed = failures_by_screen(found)
    yield table("Left after each stage", ("<stage", "candidates"), counts.items())
    if failed:
        yield "failed: " + ", ".join(f"{name} {number}" for name, number in failed.items())
    columns = (
        "rank",
        "<name",
        "<compound",
        "<space group",
        "energy (eV/atom)",
        "distance",
        "<novelty",
        "<warnings",
    )
    if passed:
        yield table("Candidates that pass", columns, [_shown(k, one) for k, one in enumerate(passed[:SHOWN])])
    for one in [one for one in found if not one.passed][: SHOWN if len(found) <= SHOWN else 3]:
        yield f"{one.name} ({one.compound}) fails: {'; '.join(one.reasons)}"


def _shown(number, one):
    """A row on the screen; of warnings the screens that give them."""
    energy = one.prediction
    return (
        number + 1, one.name, one.compound, one.space_group,
        f"{energy.value:.3f} ± {energy.deviation:.3f}", f"{one.verdicts['similarity'].value:.3f}",
        one.verdicts["novelty"].words, ", ".join(dict.fromkeys(text.split(":")[0] for text in one.warnings)),
    )  # fmt: skip
