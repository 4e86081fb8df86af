"""``anharmonic dataset split``: parts that know nothing of each other."""

from pathlib import Path
from typing import Annotated

import typer

from anharmonic.cli import options as opt
from anharmonic.cli.dataset import options as own

SPLIT = "Split"


def split(
    file: Annotated[Path, typer.Argument(metavar="SET", help="Data set file.")],
    out: Annotated[Path, opt.out_option("the parts and split.png")],
    test: Annotated[
        float | None,
        typer.Option(
            "--test", metavar="SHARE", rich_help_panel=SPLIT, show_default="0.2", help="Share of the test part."
        ),
    ] = None,
    validation: Annotated[
        float | None,
        typer.Option(
            "--validation", metavar="SHARE", rich_help_panel=SPLIT, show_default="none",
            help="Share of a validation part, of what the test part leaves.",
        ),
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option(
            "--folds", metavar="K", rich_help_panel=SPLIT,
            help="Instead: K pairs of a training and a test part, every frame in one test part.",
        ),
    ] = None,
    by: Annotated[
        str,
        typer.Option(
            "--by", metavar="NAME", rich_help_panel=SPLIT,
            help="What is never divided: trajectory, frame, group, phase, file, or a key of the structures' info.",
        ),
    ] = "trajectory",
    seed: Annotated[int, typer.Option("--seed", rich_help_panel=SPLIT, help="Equal seeds give equal parts.")] = 0,
):  # fmt: skip
    """Divide a data set into training and test, or into folds, without cutting a trajectory.

    [cyan]anharmonic dataset split set.h5 --test 0.2 --by trajectory --out parts[/cyan]

    [cyan]anharmonic dataset split set.h5 --folds 5 --by config_type --out folds[/cyan]

    Frames of one simulation or relaxation are alike: a test on some after training on others says nothing. Groups and
    phases are kept in proportion, as well as whole trajectories allow. Where correlated frames are in several parts
    after all, as with [cyan]--by frame[/cyan], a warning names their trajectory.

    Written are training.h5, test.h5 and validation.h5, or fold-1-training.h5 and so on, for the keys paths and test of
    fit.toml; and split.png, where the parts lie.
    """
    from anharmonic.cli.terminal import say, show
    from anharmonic.data.trajectories import leaks

    if folds is not None:
        opt.refuse({"--test": test, "--validation": validation}, "--folds")
    (dataset,) = own.loaded([file])
    parts = _folds(dataset, folds, seed, by) if folds is not None else _parts(dataset, test, validation, seed, by)
    folder = opt.output_folder(out)
    for name, part in parts.items():
        part.save(folder / f"{name}.h5")
    names = [f"{name}.h5" for name in parts]
    shown = {name: part for name, part in parts.items() if folds is None or name.endswith("test")}
    show(own.parts_table(f"{file.name} split by {by}", shown))
    for text in leaks(shown):
        say(f"warning: {text}")
    _draw(shown, folder / "split.png")
    show(f"wrote {', '.join(names)} and split.png to {folder}")


def _parts(dataset, test, validation, seed, by):
    """Parts by name, the test part first cut off."""
    rest, held_out = dataset.split(1 - (0.2 if test is None else test), seed, by)
    parts = {"test": held_out}
    if validation is not None:
        rest, parts["validation"] = rest.split(1 - validation, seed + 1, by)
    return {"training": rest} | parts


def _folds(dataset, k, seed, by):
    """Training and test parts of all folds by name."""
    found = {}
    for number, (train, held_out) in enumerate(dataset.folds(k, seed, by), start=1):
        found |= {f"fold-{number}-training": train, f"fold-{number}-test": held_out}
    return found


def _draw(parts, path):
    """Where the parts lie, and how many copies are in two of them."""
    from anharmonic.cli.terminal import say
    from anharmonic.fitting.descriptors import Coverage
    from anharmonic.interfaces.dataset_figures import draw_dataset

    together = sum(list(parts.values())[1:], list(parts.values())[0])
    labels = [name for name, part in parts.items() for _ in part.frames]
    coverage = Coverage.of_dataset(together)
    found = own.found_duplicates(together, coverage)
    copies, near = found.straddling(labels)
    if copies:
        say(f"warning: {copies} structures are in more than one part; dataset info names the copies")
    if near:
        say(f"{near} pairs of near duplicates are in two parts; dataset info names them")
    draw_dataset(together, coverage, path, labels, found)
