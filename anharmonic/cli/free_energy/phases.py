"""``anharmonic free-energy phases``: energies of the phases at 0 K."""

from pathlib import Path
from typing import Annotated

from anharmonic.cli import options as opt


def phases(potential: opt.PotentialName, out: Annotated[Path, opt.out_option("phases.csv")] = Path("phases")):
    """Energies of the relaxed phases at 0 K, with space groups, lattices and numbers of domains.

    Displacements and cell are relaxed in 2x2x2 cells from every tilt system, for crystals without tilts from random
    displacements. Energies are in meV per formula unit relative to the reference crystal. A phase has as many domains
    as symmetric images: operations and translations of the reference crystal that change it.

    [cyan]anharmonic free-energy phases CsPbBr3[/cyan]
    """
    from anharmonic.cli.compiler import prepare_compiler
    from anharmonic.cli.terminal import show, table
    from anharmonic.files import write_csv
    from anharmonic.free_energy.phases import phase_records
    from anharmonic.potential import load

    model = load(potential)
    folder = opt.output_folder(out)
    prepare_compiler()
    records = phase_records(model)
    units = {"a": "_A", "b": "_A", "c": "_A", "volume": "_A3"}
    header = [name + units.get(name, "") for name in records[0]]
    write_csv(folder / "phases.csv", header, [list(record.values()) for record in records])
    rows = [
        [r["name"], r["space_group"], f"{r['energy_meV']:.2f}", f"{r['above_lowest_meV']:.2f}"]
        + [f"{r[k]:.4f}" for k in "abc"] + [f"{r['volume']:.2f}", r["domains"]]
        for r in records
    ]  # fmt: skip
    columns = ["<phase", "<space group", "energy\nmeV/f.u.", "above lowest\nmeV/f.u.", "a\nÅ", "b\nÅ", "c\nÅ"]
    title = f"{model.name}, relaxed phases at 0 K"
    show(table(title, [*columns, "volume\nÅ³/f.u.", "domains"], rows), f"wrote phases.csv to {folder}")
