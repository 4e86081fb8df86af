"""``anharmonic screen perovskite``: what sizes and coordination say of compounds ABX3."""

from pathlib import Path
from typing import Annotated

import typer

from anharmonic.cli.options import out_option, output_folder
from anharmonic.cli.screen import options as opt
from anharmonic.errors import AnharmonicError

Out = Annotated[Path, out_option("perovskite.csv, perovskite.json and perovskite.png")]
SHOWN = 60
"""Rows of the table on the screen."""


def perovskite(
    files: Annotated[list[Path], typer.Argument(metavar="FILES", help="Structures, tables, folders.")],
    kind: Annotated[
        str, typer.Option("--radii", metavar="KIND", help="Shannon's crystal or ionic radii (O2- has 1.26 or 1.40 Å).")
    ] = "crystal",
    coordination: Annotated[
        int, typer.Option("--coordination", metavar="N", min=1, help="In which the radius of A is taken: 6 or 12.")
    ] = 6,
    colour: Annotated[
        str | None,
        typer.Option(
            "--colour", metavar="NAME", show_default="the first named after formation, if any",
            help="Property of the structures that colours the points.",
        ),
    ] = None,
    out: Out = Path("perovskite"),
    quiet: opt.Quiet = False,
):  # fmt: skip
    """Tell perovskites by coordination, and whether their ions fit, by tolerance and octahedral factors.

    [cyan]anharmonic screen perovskite CaTiO3.cif CsPbBr3.cif[/cyan]

    [cyan]anharmonic screen perovskite oqmd.jsonl --colour e_form_eV_atom[/cyan]

    A perovskite has 8 to 12 anions around one cation and 6 around the other. Limits are broken where rigid ions are too
    small or too large for the structure; CL1 and CL2 hold for caesium and the smallest anion of all structures.
    """
    from anharmonic.cli.terminal import counting, show, table
    from anharmonic.screening.perovskites.geometry import geometries
    from anharmonic.screening.perovskites.radii import KINDS

    if kind not in KINDS:
        raise AnharmonicError(f"radii are {' or '.join(KINDS)}; found {kind!r}")
    folder = output_folder(out)
    entries, _ = opt.read(files, quiet)
    with counting("geometry", quiet) as progress:
        found, refused = geometries(entries, coordination, kind, progress)
    opt.complain(refused, len(found))
    limits = _limits(found, coordination, kind)
    colour = _colour(found, colour)
    records = [_record(entry, g, limits, colour) for entry, g in found]
    opt.write_json(folder / "perovskite.json", records)
    opt.write_csv(folder / "perovskite.csv", [_flat(record) for record in records])
    files = ["perovskite.csv", "perovskite.json"]
    if limits:
        _draw(found, limits, colour, folder / "perovskite.png")
        files.append("perovskite.png")
    columns = "<structure", "<formula", "<A B X", "<charges", "μ", "t", "<beyond", "A", "B", "<share", "<perovskite"
    show(
        table("Perovskites", columns, [_row(record) for record in records[:SHOWN]]),
        *([f"and {len(records) - SHOWN} more rows in perovskite.csv"] if len(records) > SHOWN else []),
        *_remarks(found),
        f"wrote {', '.join(files)} to {folder}",
    )


def _limits(found, coordination, kind):
    """With the smallest anion of the structures; None if none has factors."""
    from anharmonic.screening.perovskites.factors import Limits

    anions = [g.factors.radii[2] for _, g in found if g.factors]
    return Limits.of_anion(min(anions), coordination, kind) if anions else None


def _colour(found, wanted):
    """Name of the property that colours the points, or None."""
    names = list(dict.fromkeys(name for entry, _ in found for name in entry.properties))
    if wanted and wanted not in names:
        raise AnharmonicError(f"no structure has the property {wanted!r}; known are {', '.join(names) or 'none'}")
    return wanted or next((name for name in names if "form" in name.lower()), None)


def _record(entry, geometry, limits, colour):
    """A structure as plain data; what is not known is None."""
    factors, around = geometry.factors, geometry.coordination
    known = factors is not None
    broken = limits.broken(factors.octahedral, factors.tolerance) if known else {}
    return {
        "structure": entry.name, "formula": entry.formula, "a": geometry.symbols[0], "b": geometry.symbols[1],
        "x": geometry.symbols[2], "charges": list(factors.charges) if known else None,
        "radii_A": list(factors.radii) if known else None, "radii_exact": factors.exact if known else None,
        "octahedral_factor": factors.octahedral if known else None,
        "tolerance_factor": factors.tolerance if known else None,
        "beyond": [name for name, mask in broken.items() if mask] if known else None,
        "bonds_a": list(around.a), "bonds_b": list(around.b), "econ_a": around.econ_a, "econ_b": around.econ_b,
        "sharing": around.sharing, "perovskite": around.perovskite, "reason": geometry.reason,
    } | ({colour: entry.properties.get(colour)} if colour else {})  # fmt: skip


def _flat(record):
    """A record in one row: lists joined, numbers short, what is not known empty."""
    return {name: "" if value is None else " ".join(_text(v) for v in value) if isinstance(value, list)
            else _text(value) for name, value in record.items()}  # fmt: skip


def _text(value):
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _row(record):
    """A record on the screen."""
    ions = " ".join(record[site] for site in "abx")
    if record["charges"]:
        charges = " ".join(f"{q:+d}" for q in record["charges"]) + ("" if record["radii_exact"] else " ~")
        sizes = charges, f"{record['octahedral_factor']:.3f}", f"{record['tolerance_factor']:.3f}"
        sizes = *sizes, " ".join(record["beyond"]) or "none"
    else:
        sizes = "unknown", "", "", ""
    bonds = ("–".join(map(str, sorted(set(record[name])))) for name in ("bonds_a", "bonds_b"))
    return (record["structure"], record["formula"], ions, *sizes, *bonds, record["sharing"],
            "yes" if record["perovskite"] else "no")  # fmt: skip


def _remarks(found):
    """Lines about what the table cannot say."""
    counts = {
        "meet the coordination, yet their octahedra share edges or faces: no perovskites": sum(
            g.coordination.perovskite and not g.coordination.corners for _, g in found
        ),
        "have no charges that make them neutral, and no factors (reasons in perovskite.csv)": sum(
            g.factors is None for _, g in found
        ),
        "have a radius that is not in Shannon's table but estimated (~)": sum(
            g.factors is not None and not g.factors.exact for _, g in found
        ),
    }
    return [f"warning: {count} of {len(found)} {text}" for text, count in counts.items() if count]


def _draw(found, limits, colour, path):
    """Perovskites and the others that have factors."""
    import numpy as np

    from anharmonic.interfaces.perovskite_figures import draw_factors

    panels = {}
    for title, wanted in (("Perovskite", True), ("Not perovskite", False)):
        part = [(e, g.factors) for e, g in found if g.factors and g.coordination.perovskite is wanted]
        values = [(f.octahedral, f.tolerance, e.properties.get(colour, np.nan)) for e, f in part]
        panels[title] = np.array(values, float).reshape(-1, 3).T
    draw_factors(panels, limits, path, colour or "")
