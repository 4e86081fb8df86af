"""``anharmonic scan``: the energy along paths between and around the phases."""

from pathlib import Path
from typing import Annotated

import typer

from anharmonic.cli import options as opt

ROWS_PER_PATH = 9
"""Points of each path in the printed table."""


def scan(
    potential: opt.PotentialName,
    data: Annotated[
        list[Path] | None,
        typer.Option(
            "--data", metavar="FILE", rich_help_panel="Data",
            help="Labelled structures; those near a path are drawn on it. May be given several times.",
        ),
    ] = None,
    near: Annotated[
        float,
        typer.Option("--near", metavar="DISTANCE", rich_help_panel="Data", help="How near to a path (Å per atom)."),
    ] = 0.05,
    group_by: opt.GroupBy = "supercell",
    phases: Annotated[
        str | None,
        typer.Option(
            "--phases", metavar="NAMES", rich_help_panel="Paths", show_default="the two lowest",
            help="Phases that the first path visits, by their names in `anharmonic validate`: a0a0c+,a+b-b-.",
        ),
    ] = None,
    points: Annotated[int, typer.Option("--points", rich_help_panel="Paths", help="Points on each path or leg.")] = 81,
    out: Annotated[Path, opt.out_option("scan.png and scan.csv")] = Path("scan"),
):  # fmt: skip
    """Energy along paths: phase to phase, in-phase tilt, anti-phase tilt, volume.

    The first path interpolates displacements and cell linearly from the reference crystal over the lowest relaxed
    phases; the tilts are in the undistorted cell; the volume is that of the undistorted crystal. Crystals without
    tilts get the first and the last path. Energies are in meV per formula unit relative to the reference crystal.

    [cyan]anharmonic scan CsPbBr3 --out scan[/cyan]

    [cyan]anharmonic scan CsPbBr3 --data labels.extxyz --data systematic.extxyz --out scan[/cyan]

    Labelled structures are compared with the paths by their atoms and cells, in every orientation, not by their names.
    As they are a little off the path, the energy that the potential gives to the structure itself stands beside theirs.
    """
    from anharmonic.cli.compiler import prepare_compiler
    from anharmonic.cli.terminal import show
    from anharmonic.data import Dataset
    from anharmonic.interfaces.scan_figures import draw_scan
    from anharmonic.potential import load
    from anharmonic.sweep.scan import energy_paths
    from anharmonic.sweep.scan_labels import points_near

    model = load(potential)
    dataset = Dataset.read(data, model.crystal, group_by=group_by) if data else None
    if dataset:
        dataset.require(energy=True)
    folder = opt.output_folder(out)
    prepare_compiler()
    paths = energy_paths(model, opt.names_of(phases) or None, points)
    labelled = points_near(paths, model, dataset, near) if dataset else [[] for _ in paths]
    draw_scan([path.record(points) for path, points in zip(paths, labelled, strict=True)], folder / "scan.png")
    _write_csv(folder / "scan.csv", paths, labelled)
    tables = [_table(*pair) for pair in zip(paths, labelled, strict=True)]
    show(*tables, f"wrote scan.png and scan.csv to {folder}")


def _table(path, labelled):
    """A few points of a path, and all labelled ones, by coordinate."""
    from anharmonic.cli.terminal import table

    steps = max(1, (len(path.x) - 1) // (ROWS_PER_PATH - 1))
    own = zip(path.x[::steps], path.energy[::steps], strict=True)
    rows = [(x, f"{1000 * energy:.1f}", None, None, None) for x, energy in own]
    for p in labelled:
        rows.append((p.x, f"{1000 * p.predicted:.1f}", f"{1000 * p.energy:.1f}", f"{p.distance:.3f}", p.source))
    title = path.name + "".join(f", {x:g} = {label}" for x, label in path.markers)
    columns = [path.x_label, "energy\nmeV/f.u.", "label\nmeV/f.u.", "off the path\nÅ/atom", "<structure"]
    return table(title, columns, [(f"{x:.3f}", *rest) for x, *rest in sorted(rows, key=lambda row: row[0])])


def _write_csv(file, paths, labelled):
    """All points, the labelled ones with what the potential says of the structure itself."""
    from anharmonic.files import write_csv

    rows = []
    for path, points in zip(paths, labelled, strict=True):
        for x, energy in zip(path.x, path.energy, strict=True):
            rows.append([path.name, path.x_label, f"{x:.6f}", f"{1000 * energy:.6f}", None, None, None])
        for p in points:
            numbers = [f"{v:.6f}" for v in (p.x, 1000 * p.predicted, 1000 * p.energy, p.distance)]
            rows.append([path.name, path.x_label, *numbers, p.source])
    write_csv(file, ["path", "x_label", "x", "energy_meV", "label_meV", "distance_A", "structure"], rows)
