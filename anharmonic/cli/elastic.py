"""``anharmonic elastic``: elastic constants of the relaxed phases of a potential."""

from pathlib import Path
from typing import Annotated

from anharmonic.cli import options as opt

SHOWN = ("11", "22", "33", "12", "13", "23", "44", "55", "66")


def elastic(
    potential: opt.PotentialName,
    out: Annotated[Path, opt.out_option("elastic.json and elastic.csv")] = Path("elastic"),
    quiet: opt.Quiet = False,
):
    """Elastic constants at 0 K of the relaxed phases of a potential.

    Second derivatives of the energy by strain, with the atoms relaxed at every strain, in the axes of the reference
    crystal. Phases that are no minimum have none. At temperatures above 0 K see [bold]anharmonic thermo[/bold].

    [cyan]anharmonic elastic CsPbBr3 --out elastic[/cyan]
    """
    from anharmonic.cli.compiler import prepare_compiler
    from anharmonic.cli.terminal import counting, show, table
    from anharmonic.files import write_json
    from anharmonic.potential import load
    from anharmonic.sweep.elasticity import elastic_phases

    model = load(potential)
    folder = opt.output_folder(out)
    prepare_compiler()
    with counting("phases", quiet) as progress:
        found = elastic_phases(model, progress)
    write_json(folder / "elastic.json", {"potential": model.name, "phases": found})
    _write_csv(folder / "elastic.csv", found)
    columns = ["<from", "<space group", "energy\nmeV/cell", *(f"C{n}" for n in SHOWN), "bulk\nmodulus", "<stable"]
    show(
        table(f"{model.name}: elastic constants at 0 K (GPa)", columns, [_row(p) for p in found]),
        *(f"{p['space_group']} from {p['start']}: {p['doubt']}" for p in found if "doubt" in p),
        f"wrote elastic.json and elastic.csv to {folder}",
    )


def _row(p):
    head = [p["start"], p["space_group"], f"{p['energy_meV_per_cell']:.2f}"]
    if "doubt" in p:
        return [*head, *[None] * len(SHOWN), None, "no minimum"]
    values = [f"{p['elastic_constants_GPa'][int(n[0]) - 1][int(n[1]) - 1]:.2f}" for n in SHOWN]
    return [*head, *values, f"{p['bulk_modulus_GPa']:.2f}", "yes" if p["born_stable"] else "no"]


def _write_csv(file, found):
    """A line for each phase, all 21 constants."""
    from anharmonic.files import write_csv

    upper = [(i, j) for i in range(6) for j in range(i, 6)]
    names = [f"C{i + 1}{j + 1}_GPa" for i, j in upper]
    header, rows = ["start", "space_group", "energy_meV_per_cell", *names, "born_stable", "bulk_modulus_GPa"], []
    for p in found:
        head = [p["start"], p["space_group"], f"{p['energy_meV_per_cell']:.6f}"]
        constants = p.get("elastic_constants_GPa")
        values = [None] * len(upper) if constants is None else [f"{constants[i][j]:.4f}" for i, j in upper]
        rows.append([*head, *values, p.get("born_stable"), p.get("bulk_modulus_GPa")])
    write_csv(file, header, rows)
