"""``anharmonic screen promote``: a candidate crystal, and all that a potential of it is learnt from."""

from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from anharmonic.cli.options import out_option, output_folder
from anharmonic.cli.screen import options as opt

Out = Annotated[
    Path, out_option("fit.toml, learn.toml, labels.extxyz or inputs of VASP, promotion.json, promotion.png, README.txt")
]
MODES_SHOWN = 8


def promote(
    file: Annotated[Path, typer.Argument(metavar="CIF", help="Structure of the candidate.")],
    calculator: Annotated[
        str | None,
        typer.Option(
            "--calculator", metavar="NAME", show_default="first installed universal potential, without --inputs",
            help='7net-0, mace-mp, chgnet, or "file.py:function" that returns an ASE calculator.',
        ),
    ] = None,
    inputs: Annotated[
        str | None, typer.Option("--inputs", metavar="vasp", help="VASP makes the labels: write inputs, read outputs.")
    ] = None,
    incar: Annotated[
        Path | None, typer.Option("--incar", metavar="FILE", show_default="PBEsol", help="INCAR of the labels.")
    ] = None,
    structures: Annotated[
        int, typer.Option("--structures", min=20, metavar="N", help="Structures to label, of 20 and 40 atoms.")
    ] = 120,
    preset: Annotated[
        str, typer.Option("--preset", metavar="NAME", help="Basis: fast, balanced or accurate.")
    ] = "balanced",
    seed: Annotated[int, typer.Option("--seed", metavar="N")] = 0,
    out: Out = Path("promoted"),
    quiet: opt.Quiet = False,
):  # fmt: skip
    """Take a candidate perovskite to the point where a potential is learnt.

    [cyan]anharmonic screen promote candidate.cif --calculator 7net-0 --out promoted[/cyan]

    [cyan]anharmonic screen promote candidate.cif --calculator 7net-0 --inputs vasp --out promoted[/cyan]

    The cubic reference is found and relaxed, its unstable modes with the energies of the phases that they lead to,
    and structures that show these to a fit. They are labelled by the calculator, or by you with VASP: give the same
    command again when outputs are there. It also goes on after an interruption.
    """
    from anharmonic.cli.compiler import prepare_compiler
    from anharmonic.errors import AnharmonicError
    from anharmonic.interfaces.promotion_figures import draw_promotion
    from anharmonic.promotion import promote as run
    from anharmonic.screening.relaxation.calculators import calculator_of, installed

    if inputs not in (None, "vasp"):
        raise AnharmonicError(f"inputs of labels are written for vasp; found {inputs!r}")
    if incar is not None and not (inputs and incar.is_file()):
        raise AnharmonicError(f"--incar names a file and goes with --inputs vasp; found {incar}")
    folder, (atoms, source) = output_folder(out), _read(file)
    prepare_compiler()
    name = calculator if calculator or inputs else next(iter(installed()), None)
    made = None if inputs and not calculator else calculator_of(calculator)
    labels = (str(incar) if incar else "") if inputs else None
    with _telling(quiet) as tell:
        found = run(atoms, folder, name, made, labels, structures, seed, preset, source, tell)
    if found.bands is not None:
        draw_promotion(found, folder / "promotion.png")
    _show(found, folder)


def _read(file):
    """The one structure of a file, and its name."""
    from anharmonic.errors import AnharmonicError
    from anharmonic.screening import read_entries

    entries, refused = read_entries([file])
    if len(entries) != 1:
        reason = f": {refused[0].reason}" if refused else ""
        raise AnharmonicError(f"{file} holds {len(entries)} structures{reason}; one candidate is expected")
    return entries[0].atoms, file.name


@contextmanager
def _telling(quiet):
    """A bar for each step; without a terminal a line for it."""
    from anharmonic.cli.terminal import counting, messages, say

    with counting("promoting", quiet) as progress:
        before = []

        def tell(step, done, total):
            progress(done, total)
            if step not in before and not quiet and not messages().is_terminal:
                say(f"{step} ({total})")
            before.append(step)

        yield tell


def _show(found, folder):
    """What was found, and what comes next."""
    from anharmonic.cli.terminal import show, table

    reference, unstable = found.reference, [mode for mode in found.modes if mode.unstable]
    by = "relaxed" if reference.relaxed else "by the volume of the candidate"
    rms, most = reference.residual
    lines = [
        f"{reference.crystal.formula}: cubic, a = {reference.lattice_parameter:.4f} Å ({by}); the candidate is "
        f"displaced by {rms:.2f} Å (at most {most:.2f})"
    ]
    if found.modes:
        rows = [(m.name, f"{m.frequency:.2f}", len(m.patterns), *_deepest(found.wells, m)) for m in unstable]
        columns = ("<unstable mode", "THz", "components", "depth (meV/f.u.)", "at (Å)")
        lines.append(table("Modes of the cubic crystal", columns, rows[:MODES_SHOWN]))
        rows = [(p.name, p.space_group, f"{1000 * p.energy:.1f}", "" if p.converged else "not converged")
                for p in found.phases]  # fmt: skip
        lines.append(table("Relaxed", ("<began as", "<space group", "meV/f.u.", "<"), rows))
    if not unstable and found.modes:
        lines.append("no mode of the cubic crystal is unstable: it is expected to stay cubic at all temperatures")
    left = f"; {found.missing} wait for VASP in {folder / 'label'}" if found.missing else ", all labelled"
    lines.append(f"{found.structures} structures{left}; see {folder / 'README.txt'} for what comes next")
    show(*lines)


def _deepest(wells, mode):
    """Depth (meV) and amplitude (A) of the deepest direction of a mode."""
    own = [well.lowest for well in wells if well.mode == mode.name]
    if not own:
        return None, None
    amplitude, energy = min(own, key=lambda pair: pair[1])
    return f"{-1000 * energy:.1f}", f"{amplitude:.2f}"
