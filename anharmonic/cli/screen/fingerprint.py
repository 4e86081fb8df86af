"""``anharmonic screen fingerprint``: Hirshfeld surfaces of the atoms of a crystal."""

from pathlib import Path
from typing import Annotated

import typer

from anharmonic.cli.options import out_option, output_folder
from anharmonic.cli.screen import options as opt
from anharmonic.errors import AnharmonicError

Out = Annotated[Path, out_option("fingerprints.h5, fingerprints.csv, and a figure of each structure")]
DRAWN = 12
"""Structures up to which each gets its figure."""


def fingerprint(
    files: Annotated[list[Path], typer.Argument(metavar="FILES", help="Structures, tables, folders.")],
    preset: Annotated[
        str, typer.Option("--preset", metavar="NAME", help="Range: oxides (0.76 to 2.80 Å) or halides (to 3.40 Å).")
    ] = "oxides",
    order: Annotated[
        int, typer.Option("--order", metavar="N", help="Lebedev order of the rays: 35 is 434 of them, 77 is 2,030.")
    ] = 35,
    out: Out = Path("fingerprints"),
    quiet: opt.Quiet = False,
):  # fmt: skip
    """Draw the fingerprint of a crystal: distances inside and outside of the Hirshfeld surfaces of its atoms.

    [cyan]anharmonic screen fingerprint SrTiO3.cif[/cyan]

    [cyan]anharmonic screen fingerprint CsPbBr3.cif --preset halides --order 77[/cyan]

    The surface of an atom is where half of the density of free atoms comes from it. Every point of every surface
    counts, with its area, by its distances to the nucleus inside and to the nearest one outside.
    """
    from anharmonic.cli.terminal import counting, show, table
    from anharmonic.interfaces.screening_figures import draw_fingerprint
    from anharmonic.screening.hirshfeld.fingerprint import FingerprintSettings, fingerprints

    presets = {"oxides": FingerprintSettings, "halides": FingerprintSettings.halides}
    if preset not in presets:
        raise AnharmonicError(f"presets are {', '.join(presets)}; found {preset!r}")
    settings, folder = presets[preset](order=order), output_folder(out)
    entries, _ = opt.read(files, quiet)
    with counting("surfaces", quiet) as progress:
        found, refused = fingerprints(entries, settings, progress)
    opt.complain(refused, len(found))
    rows = [_row(entry, f) for entry, f in found]
    opt.write_csv(folder / "fingerprints.csv", rows)
    _save(folder / "fingerprints.h5", found, settings)
    drawn = found[:DRAWN]
    for entry, f in drawn:
        path = folder / f"{entry.name.replace('/', '_')}.png"
        draw_fingerprint(f.counts, settings.edges, f"{entry.formula} ({entry.name})", path)
    columns = "<structure", "<formula", "lost (%)", "open (%)", "folded (%)", "<volumes (Å³)"
    show(
        table("Fingerprints", columns, [list(row.values()) for row in rows]),
        *(["warning: surface beyond the range is lost; try --preset halides"] if _much_lost(found) else []),
        f"wrote fingerprints.csv, fingerprints.h5 and {len(drawn)} figures to {folder}",
    )


def _row(entry, found):
    """A structure in the table."""
    from ase.data import chemical_symbols

    volumes = " ".join(f"{chemical_symbols[z]} {volume:.2f}" for (_, z), volume in found.volumes.items())
    shares = {f"{name}_percent": f"{100 * getattr(found, name):.2f}" for name in ("lost", "open", "folded")}
    return {"structure": entry.name, "formula": entry.formula} | shares | {"volumes_A3": volumes}


def _much_lost(found):
    return any(f.lost > 0.01 for _, f in found)


def _save(path, found, settings):
    """All fingerprints in one file."""
    import h5py
    import numpy as np

    from anharmonic.files import replacing

    with replacing(path) as part, h5py.File(part, "w") as file:
        file.attrs["format"] = "anharmonic fingerprints"
        file.create_dataset("edges_A", data=settings.edges)
        file.create_dataset("names", data=[entry.name for entry, _ in found], dtype=h5py.string_dtype())
        file.create_dataset("counts", data=np.array([f.counts for _, f in found], np.float32), compression="gzip")
