"""``anharmonic examples``: the examples that came with the package."""

import ast
from pathlib import Path
from typing import Annotated

import typer

from anharmonic.cli import options as opt


def examples(
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FOLDER", rich_help_panel=opt.OUTPUT, help="Copy them to this folder."),
    ] = None,
):
    """List the examples that came with the package, or copy them.

    [cyan]anharmonic examples[/cyan]

    [cyan]anharmonic examples --out examples && python examples/02_ase_calculator.py[/cyan]

    Each is a script of less than 80 lines; with --short it takes a minute or less. Also says where the shipped
    potentials are, with their data and the files that made them.
    """
    from anharmonic.cli.terminal import show, table
    from anharmonic.files import shipped_folder

    source, potentials = shipped_folder("examples"), shipped_folder("potentials")
    files = sorted(path for path in source.glob("*") if path.suffix in (".py", ".xml"))
    if out is None:
        rows = [[path.name, _purpose(path)] for path in files if path.suffix == ".py"]
        show(
            table("examples", ["<file", "<what it does"], rows), f"in {source}", f"potentials and data in {potentials}"
        )
    else:
        _copy(files, opt.output_folder(out))
        show(f"copied {len(files)} files to {out}", f"potentials and data are in {potentials}")


def _purpose(path):
    """First line of the docstring of a script."""
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))).splitlines()[0]


def _copy(files, folder):
    """Copy files; what the user has changed is not overwritten."""
    from anharmonic.errors import AnharmonicError

    changed = [f.name for f in files if (folder / f.name).exists() and (folder / f.name).read_bytes() != f.read_bytes()]
    if changed:
        raise AnharmonicError(f"{folder} has other files named {', '.join(changed)}: give another --out, or move them")
    for file in files:
        (folder / file.name).write_bytes(file.read_bytes())
