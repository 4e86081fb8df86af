"""``anharmonic screen formation-energy``: is a compound ABX3 worth making?"""

from pathlib import Path
from typing import Annotated

import typer

from anharmonic.cli.options import out_option, output_folder
from anharmonic.cli.screen import options as opt

Out = Annotated[Path, out_option("formation-energy.csv, formation-energy.json and formation-energy.png")]
SHOWN = 100
"""Rows of the table on the screen."""


def formation_energy(
    files: Annotated[list[Path], typer.Argument(metavar="FILES", help="Structures, tables, folders.")],
    predictor: Annotated[
        Path | None,
        typer.Option("--predictor", metavar="FILE", show_default="the shipped one", help="Of your own data."),
    ] = None,
    neighbours: Annotated[
        int, typer.Option("--neighbours", "-k", min=1, metavar="N", help="Similar known compounds to name.")
    ] = 3,
    out: Out = Path("formation-energy"),
    quiet: opt.Quiet = False,
):  # fmt: skip
    """Predict the formation energy of compounds ABX3 from their elements and Hirshfeld surfaces.

    [cyan]anharmonic screen formation-energy SrTiO3.cif[/cyan]

    [cyan]anharmonic screen formation-energy candidates/ --out ranked[/cyan]

    Energies are those of the Open Quantum Materials Database (PBE, and PBE + U; eV per atom, relative to the
    elements), +- one standard deviation. The first value takes the structure for relaxed: a strained one is not
    higher in energy as it should be, but marked. `elements` is for the elements on A, B and X alone, whatever the
    lattice. Compounds unlike all known ones are marked.
    """
    from anharmonic.cli.terminal import counting, show, table
    from anharmonic.interfaces.screening_figures import draw_energies
    from anharmonic.screening.formation.compounds import compounds
    from anharmonic.screening.formation.predictor import FormationPredictor, shipped

    folder = output_folder(out)
    model = FormationPredictor.load(predictor) if predictor else shipped()
    entries, _ = opt.read(files, quiet)
    with counting("surfaces", quiet) as progress:
        described, _, refused = compounds(entries, on_batch=progress)
    opt.complain(refused, len(described))
    with counting("energies", quiet) as progress:
        found = model.predict(described, neighbours, progress)
    opt.write_csv(folder / "formation-energy.csv", [_row(f) for f in found])
    opt.write_json(folder / "formation-energy.json", {"predictor": model.origin, "predictions": _records(found)})
    draw_energies(
        [f"{f.formula} ({f.structure})" for f in found], [f.value for f in found], [f.deviation for f in found],
        [bool(f.doubts) for f in found], folder / "formation-energy.png",
    )  # fmt: skip
    columns = "<structure", "<formula", "<A B X", "energy (eV/atom)", "elements", "<most similar known", "<doubts"
    show(
        table("Formation energies", columns, [_shown(f) for f in found[:SHOWN]]),
        *([f"and {len(found) - SHOWN} more in formation-energy.csv"] if len(found) > SHOWN else []),
        f"wrote formation-energy.csv, .json and .png to {folder}",
    )


def _shown(found):
    """A row on the screen."""
    near = found.similar[0]
    return (
        found.structure, found.formula, " ".join(found.sites), f"{found.value:.3f} ± {found.deviation:.3f}",
        f"{found.elements_value:.3f} ± {found.elements_deviation:.3f}",
        f"{near.formula} ({near.name}), {near.correlation:.2f}", "; ".join(found.doubts),
    )  # fmt: skip


def _row(found):
    """A row of the file."""
    sites = dict(zip("ABX", found.sites, strict=True))
    energies = {
        f"{name}_eV_atom": f"{getattr(found, name):.4f}"
        for name in ("value", "deviation", "elements_value", "elements_deviation")
    }
    near = " ".join(f"{s.formula}:{s.name}:{s.correlation:.3f}" for s in found.similar)
    names = {"structure": found.structure, "formula": found.formula}
    rest = {"strain_percent": f"{100 * found.strain:.2f}", "doubts": "; ".join(found.doubts), "similar": near}
    return names | sites | energies | rest


def _records(found):
    from dataclasses import asdict

    return [asdict(f) for f in found]
