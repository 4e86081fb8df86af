"""``anharmonic modes``: a distorted structure, or the mean structures of a run, mode by mode."""

from pathlib import Path
from typing import Annotated

import typer

from anharmonic.cli import options as opt
from anharmonic.errors import AnharmonicError

MOST_COLUMNS = 14
"""Structures side by side on the screen; the file has all."""


def modes(
    structure: Annotated[
        Path, typer.Argument(metavar="STRUCTURE", help="Any structure file that ASE reads, or the folder of a run.")
    ],
    reference: Annotated[
        str | None,
        typer.Option(
            "--reference", metavar="CRYSTAL",
            help="Potential (name or file) or structure file of the reference crystal; a run has its own.",
        ),
    ] = None,
    wave_vectors: Annotated[
        str | None,
        typer.Option(
            "--wave-vectors", metavar="NAMES", show_default="all that the supercell holds",
            help='Labels or fractions, parted by commas: "M,R" or "1/2 1/2 0".',
        ),
    ] = None,
    least: Annotated[float, typer.Option("--least", metavar="A", help="Smallest amplitude (Å) that is shown.")] = 0.005,
    out: Annotated[Path, opt.out_option("modes.csv")] = Path("."),
    quiet: opt.Quiet = False,
):  # fmt: skip
    """Symmetry-adapted displacement modes, strains and tilts of a structure.

    The displacements from the reference crystal are taken apart by wave vector, irreducible representation and the
    sites that move. Amplitudes are in Å per cell of the reference: their squares add up to the squared displacements of
    the atoms of one cell. Of a run the mean structure of each temperature is taken, in one domain.

    [cyan]anharmonic modes POSCAR --reference CsPbBr3[/cyan]

    [cyan]anharmonic modes sweep --out modes[/cyan]

    To record amplitudes during a run, for [bold]anharmonic transitions[/bold]: --observe "mode M".
    """  # fmt: skip
    from anharmonic.cli.terminal import show
    from anharmonic.sweep.distortions import write_distortions

    if not structure.exists():
        raise AnharmonicError(f"no structure file and no run at {structure}")
    wanted, folder = opt.names_of(wave_vectors), opt.output_folder(out)
    is_run = structure.is_dir() or structure.suffix == ".h5"
    found = _of_run(structure, wanted, quiet) if is_run else _of_file(structure, reference, wanted, quiet)
    write_distortions(found, folder / "modes.csv")
    shown = found[:: -(-len(found) // MOST_COLUMNS)]
    show(*_tables(shown, least), f"wrote modes.csv to {folder}")


def _of_run(path, wanted, quiet):
    from anharmonic.cli.terminal import counting
    from anharmonic.sweep.distortions import distortions_of_run
    from anharmonic.sweep.recorded import open_run

    with counting("temperatures", quiet) as count:
        return distortions_of_run(open_run(path), wanted, count)


def _of_file(path, reference, wanted, quiet):
    """Every structure of a file."""
    from ase.io import read

    from anharmonic.cli.terminal import counting
    from anharmonic.crystal import map_atoms
    from anharmonic.sweep.distortions import distortion

    if reference is None:
        raise AnharmonicError("a structure needs the crystal that it is a distortion of: --reference CsPbBr3, say")
    crystal = _crystal(reference)
    try:
        frames = read(path, index=":")
    except Exception as error:
        raise AnharmonicError(f"ASE reads no structure from {path}: {error}") from error
    names = [path.name if len(frames) == 1 else f"{path.name} {k}" for k in range(len(frames))]
    found = []
    with counting("structures", quiet) as count:
        for name, atoms in zip(names, frames, strict=True):
            count(len(found), len(frames))
            found.append(distortion(map_atoms(crystal, atoms), name, wanted))
    return found


def _crystal(name):
    from anharmonic.crystal import Crystal
    from anharmonic.potential.library import load, shipped

    if name in shipped() or Path(name).suffix == ".h5":
        return load(name).crystal
    return Crystal.from_file(name)


def _tables(found, least):
    """Modes by wave vector, and strains and tilts."""
    from anharmonic.analysis.wave_vectors import fractions
    from anharmonic.cli.terminal import table
    from anharmonic.sweep.distortions import SIGMAS

    rows, by_name = [], [{a.mode.name: a for a in f.modes} for f in found]
    for name in dict.fromkeys(name for names in by_name for name in names):
        group = [names.get(name) for names in by_name]
        if not any(a and a.length > max(least, SIGMAS * a.error) for a in group):
            continue
        mode = next(a.mode for a in group if a)
        row = [mode.star.label, mode.irrep, mode.sites, *(_length(a) for a in group)]
        if len(found) == 1:
            arms = zip(mode.star.arms, group[0].values, strict=True)
            row.append("; ".join(f"({fractions(q)}) {_numbers(x)}" for q, x in arms if abs(x).max() > least))
        rows.append(row)
    columns = ["<wave vector", "<irrep", "<what moves", *(f.name for f in found)]
    columns += ["<by arm of the star"] if len(found) == 1 else []
    yield table("displacement modes: amplitudes (Å per cell of the reference)", columns, rows)
    yield table("strains and tilts", ["<", *(f.name for f in found)], list(_other_rows(found)))


def _other_rows(found):
    """Volume, strains and tilts, a line for each component."""
    yield ["volume / reference", *(f"{f.volume:.5f}" for f in found)]
    for label, values in found[0].strains.items():
        for k in range(len(values)):
            yield [f"strain {label} {k + 1}", *(_numbers([f.strains[label][k]]) for f in found)]
    if found[0].tilts is not None:
        for k, kind in enumerate(("in-phase", "anti-phase")):
            for axis, letter in enumerate("xyz"):
                yield [f"{kind} tilt about {letter} (°)", *(_numbers([f.tilts[k, axis]], 2) for f in found)]


def _numbers(values, digits=4):
    """Numbers parted by spaces; a dash for one that is not known."""
    return " ".join("-" if x != x else f"{round(x, digits) + 0.0:.{digits}f}" for x in map(float, values))


def _length(amplitudes):
    """Length of an amplitude vector; nothing where the supercell holds no such wave."""
    from anharmonic.cli.terminal import with_error

    if amplitudes is None:
        return None
    return with_error(amplitudes.length, amplitudes.error) if amplitudes.error else f"{amplitudes.length:.4f}"
