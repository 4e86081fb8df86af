"""``anharmonic screen relax``: candidates relaxed by a calculator, and what it says of their energies."""

from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from anharmonic.cli.options import Scheduler, WorkerCount, out_option, output_folder, workers_of
from anharmonic.cli.screen import options as opt

Out = Annotated[Path, out_option("relaxed.jsonl, relax.csv, relax.json, structures/*.cif, relax.png")]
Calculator = Annotated[
    str | None,
    typer.Option(
        "--calculator", metavar="NAME", show_default="first installed universal potential",
        help='7net-0, mace-mp, chgnet, or "file.py:function" that returns an ASE calculator.',
    ),
]  # fmt: skip
COLUMNS = (
    "name", "formula", "energy", "formation", "aligned", "predicted", "error", "above_competing", "phases",
    "perovskite_before", "perovskite_after", "volume_change", "displacement", "steps", "converged", "fmax", "reason",
    "file",
)  # fmt: skip
"""Of the table in CSV."""


def relax(
    files: Annotated[list[Path], typer.Argument(metavar="FILES", help="Structures, tables, folders.")],
    calculator: Calculator = None,
    fmax: Annotated[float, typer.Option("--fmax", min=1e-6, metavar="F", help="Largest force left, eV/Å.")] = 0.02,
    steps: Annotated[int, typer.Option("--steps", min=1, metavar="N", help="At most, of each structure.")] = 300,
    pressure: Annotated[float, typer.Option("--pressure", metavar="P", help="GPa.")] = 0.0,
    rattle: Annotated[
        float, typer.Option("--rattle", min=0, metavar="D", help="Random displacements at the start, Å.")
    ] = 0.02,
    formation: Annotated[
        bool, typer.Option("--formation/--no-formation", help="Energies of formation: relax the elements, too.")
    ] = True,
    references: Annotated[
        list[Path] | None, typer.Option("--reference", metavar="FILE", help="Crystals of elements; may be repeated.")
    ] = None,
    competing: Annotated[
        Path | None,
        typer.Option("--competing", metavar="FILE", help="CSV of known compounds: formula, eV/atom of formation."),
    ] = None,
    predicted: Annotated[
        str | None, typer.Option("--predicted", metavar="NAME", help="Property with predicted energies of formation.")
    ] = None,
    properties: Annotated[
        Path | None, typer.Option("--properties", metavar="FILE", help="CSV with properties by name of the structure.")
    ] = None,
    align: Annotated[
        list[Path] | None,
        typer.Option(
            "--align", metavar="FILES", help="Known compounds with the property of --predicted: relaxed too, they say "
            "how its energies of elements differ, anion by anion.",
        ),
    ] = None,
    inputs: Annotated[
        str | None, typer.Option("--inputs", metavar="CODE", help="Relax nothing: write inputs of qe, gpaw or vasp.")
    ] = None,
    workers: WorkerCount = None,
    scheduler: Scheduler = None,
    out: Out = Path("relaxed"),
    quiet: opt.Quiet = False,
):  # fmt: skip
    """Relax structures with a universal potential or any ASE calculator.

    [cyan]anharmonic screen relax candidates/ --calculator 7net-0 --out relaxed[/cyan]

    Positions and cell are relaxed, and it is said whether a perovskite came out, how far it moved, and its energy of
    formation by the calculator's own elements (elements.json: made once). The same command goes on where an
    interrupted one stopped. Every worker has a calculator of its own.
    """
    from anharmonic.cli.running import helped
    from anharmonic.screening.relaxation.calculators import calculator_of, found_anywhere, installed
    from anharmonic.screening.relaxation.formation_energies import References, read_competing
    from anharmonic.screening.relaxation.many import with_formation

    folder = output_folder(out)
    entries, _ = opt.read(files, quiet, properties)
    if inputs:
        return _write_inputs(entries, inputs, folder)
    rivals = read_competing(competing) if competing else []
    guesses = {e.name: e.properties.get(predicted) for e in entries} if predicted else None
    known = _known(align, predicted, quiet) if formation else []
    name, made = calculator or next(iter(installed()), "none"), partial(calculator_of, found_anywhere(calculator))
    made()  # what cannot be had is refused here, not by every worker
    settings = {"fmax": fmax, "steps": steps, "pressure": pressure, "rattle": rattle}
    shared = workers_of(workers, scheduler), max(len(entries), len(known)), f"; what is done is in {folder}", quiet
    with helped(*shared) as (crew, stop):
        relaxed = partial(_relaxed, made, name, settings, crew, stop, quiet)
        records = relaxed(entries, folder)
        standards = relaxed(known, folder / "aligned") if known else []
    if formation:
        elements = References(folder / "elements.json", name, made(), _elements(references, quiet))
        standards, lacking = with_formation(standards, elements)
        shifts = _shifts(known, predicted, standards)
        records, refused = with_formation(records, elements, rivals, guesses, shifts)
        opt.complain((*lacking, *refused), len(records))
    _tell(records, folder, name)


def _relaxed(calculator, name, settings, crew, stop, quiet, entries, folder):
    """Records of structures; says which were refused."""
    from anharmonic.screening.relaxation.many import relax_all

    with _relaxing(quiet) as progress:
        records, refused = relax_all(entries, calculator, name, folder, settings, progress, crew, stop)
    opt.complain(refused, len(records))
    return records


def _known(files, prop, quiet):
    """Known compounds to align energies with."""
    from anharmonic.cli.terminal import say
    from anharmonic.errors import AnharmonicError

    entries = opt.read(files, quiet, text="known")[0] if files else []
    known = [entry for entry in entries if prop in entry.properties]
    if entries and not known:
        raise AnharmonicError("--align takes compounds that have the property of --predicted; none has it")
    if others := len(entries) - len(known):
        say(f"{others} of {len(entries)} structures are not aligned with: they have no {prop}")
    return known


def _shifts(known, prop, records):
    """Shifts by anion, from what known compounds relaxed to."""
    from anharmonic.cli.terminal import say
    from anharmonic.screening.relaxation.many import anion_shifts

    shifts = anion_shifts(records, {e.name: e.properties[prop] for e in known})
    for anion, (shift, count) in shifts.items():
        say(f"energies of {anion} differ by {shift:+.3f} eV for each atom (median of {count} compounds)")
    return shifts


@contextmanager
def _relaxing(quiet):
    """A bar with rate and time left; without a terminal, a line for every structure."""
    from anharmonic.cli.terminal import counting, messages, say

    with counting("relaxing", quiet) as progress:

        def tell(done, total, record):
            progress(done, total)
            if record and not quiet and not messages().is_terminal:
                what = record["reason"] or f"{record['energy']:.4f} eV/atom after {record['steps']} steps"
                say(f"{done} of {total}, {record['name']}: {what}")

        yield tell


def _elements(files, quiet):
    """Given crystals of elements, by symbol."""
    from anharmonic.errors import AnharmonicError

    found = {}
    for entry in opt.read(files, quiet, text="elements")[0] if files else ():
        symbols = set(entry.atoms.get_chemical_symbols())
        if len(symbols) > 1:
            raise AnharmonicError(f"a reference is a crystal of one element; {entry.name} is {entry.formula}")
        found[symbols.pop()] = entry.atoms
    return found


def _write_inputs(entries, code, folder):
    from anharmonic.cli.terminal import show
    from anharmonic.screening.relaxation.inputs import write_inputs

    for entry in entries:
        write_inputs(entry.atoms, code, folder, entry.name.replace("/", "_").replace(" ", "_"))
    show(f"wrote inputs of {code} for {len(entries)} structures to {folder}; pseudopotentials are yours to add")


def _tell(records, folder, name):
    """Files, figure and table."""
    from anharmonic import files
    from anharmonic.cli.terminal import show, table
    from anharmonic.interfaces.relaxation_figures import draw_relaxed
    from anharmonic.screening.relaxation.many import WITHIN, confirmed

    files.write_csv(folder / "relax.csv", [c for c in COLUMNS if any(c in r for r in records)], records)
    count = {
        "structures": len(records), "converged": sum(r["converged"] for r in records),
        "perovskites before": sum(bool(r["perovskite_before"]) for r in records),
        "perovskites after": sum(bool(r["perovskite_after"]) for r in records),
        "confirmed": sum(map(confirmed, records)),
    }  # fmt: skip
    opt.write_json(folder / "relax.json", {"calculator": name, **count})
    draw_relaxed(records, folder / "relax.png")
    rows = [_row(r) for r in sorted(records, key=lambda r: (r.get("formation") is None, r.get("formation") or 0))]
    columns = (
        "<name",
        "formation (eV/atom)",
        "aligned",
        "predicted",
        "perovskite",
        "volume (%)",
        "moved (Å)",
        "steps",
        "<",
    )
    counts = ", ".join(f"{value} {key}" for key, value in count.items())
    within = f"confirmed: relaxed to a perovskite, predicted energy (where given) within {WITHIN:g} eV/atom"
    show(table(f"Relaxed by {name}", columns, rows), counts, within, f"wrote {folder}")


def _row(r):
    """A line of the table."""
    numbers = [r.get(key) for key in ("formation", "aligned", "predicted")]
    numbers = [None if value is None else f"{value:.3f}" for value in numbers]
    before, after = ({True: "yes", False: "no", None: "?"}[r[key]] for key in ("perovskite_before", "perovskite_after"))
    kept = before if before == after else f"{before} to {after}"
    moved = None if r["displacement"] is None else f"{r['displacement']:.2f}"
    return (r["name"], *numbers, kept, f"{100 * r['volume_change']:+.1f}", moved, r["steps"], r["reason"])
