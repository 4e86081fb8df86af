"""``anharmonic dataset info``: what a data set holds, where it comes from, what it covers."""

from pathlib import Path
from typing import Annotated

import typer

from anharmonic.cli import options as opt
from anharmonic.cli.dataset import options as own
from anharmonic.errors import AnharmonicError
from anharmonic.files import write_csv

Out = Annotated[Path, opt.out_option("report.txt, duplicates.csv and dataset.png")]
ROWS = 12


def info(
    sets: Annotated[
        list[Path],
        typer.Argument(metavar="SETS", help="Data set files; of several, as of a split, also what they share."),
    ],
    by: Annotated[
        str | None,
        typer.Option(
            "--by", metavar="NAME", rich_help_panel=opt.OUTPUT, show_default="phase; with several sets the set",
            help="Colours of the figure: phase, group, trajectory, file, or a key of the structures' info.",
        ),
    ] = None,
    near: own.Near = 0.05,
    tolerance: own.Tolerance = 1e-3,
    energy_tolerance: own.EnergyTolerance = 1.0,
    out: Out = Path("dataset"),
):  # fmt: skip
    """Say what a data set holds: labels, files, trajectories, copies, and what it covers.

    [cyan]anharmonic dataset info set.h5 --out about[/cyan]

    [cyan]anharmonic dataset info parts/training.h5 parts/test.h5[/cyan]

    Of each trajectory the correlation of displacements from one frame to the next is given: near 0 for independent
    snapshots, near 1 for the steps of a simulation, which then must not be divided between training and test.

    Copies are frames that an operation of the space group, a translation and an exchange of atoms make equal; near
    duplicates are close in averages of pair invariants. The figure has energies by group, forces by element, strains,
    displacements by site, the two principal components of the invariants, and distances between nearest frames.
    """
    from anharmonic.cli.terminal import show
    from anharmonic.fitting.descriptors import Coverage
    from anharmonic.interfaces.dataset_figures import draw_dataset

    settings = own.checked(near, tolerance, energy_tolerance)
    parts = own.loaded(sets)
    dataset = sum(parts[1:], parts[0])
    if not len(dataset):
        raise AnharmonicError("the data set is empty")
    labels = _labels(sets, parts, dataset, by)
    folder = opt.output_folder(out)
    coverage = Coverage.of_dataset(dataset)
    found = own.found_duplicates(dataset, coverage, **settings)
    lines = [*own.duplicate_tables(dataset, found, settings), *_straddling(parts, found)]
    refused = [f"all {len(dataset.refusals)} refusals:", *map(str, dataset.refusals), ""]
    (folder / "report.txt").write_text("\n".join([dataset.report(), *refused]))
    _write_duplicates(folder / "duplicates.csv", dataset, found)
    draw_dataset(dataset, coverage, folder / "dataset.png", labels, found, near)
    show(
        dataset.report().rstrip(),
        span_table(dataset),
        *file_tables(dataset),
        *lines,
        f"wrote report.txt, duplicates.csv and dataset.png to {folder}",
    )


def span_table(dataset):
    """What the data set spans."""
    from anharmonic.cli.terminal import table
    from anharmonic.data.statistics import spans

    rows = [
        [one.name, one.unit, one.count, *(f"{x:.3f}" for x in (one.least, one.mean, one.largest, one.deviation))]
        for one in spans(dataset)
    ]
    return table("ranges", ["<quantity", "<unit", "numbers", "least", "mean", "largest", "deviation"], rows)


def file_tables(dataset):
    """Tables of the files and of the trajectories that the frames come from."""
    from anharmonic.cli.terminal import table
    from anharmonic.data.trajectories import correlation

    files, trajectories = {}, {}
    for frame in dataset.frames:
        files.setdefault((frame.file, frame.sha256), []).append(frame)
        trajectories.setdefault(frame.trajectory, []).append(frame)
    rows = [
        [file, len(frames), ", ".join(sorted({f.energy_name or "-" for f in frames})), (digest or "-")[:12]]
        for (file, digest), frames in files.items()
    ]
    yield table(f"files ({len(rows)})", ["<file", "frames", "<energy", "<sha256"], rows[:ROWS])
    yield from [f"and {len(rows) - ROWS} more files"] * (len(rows) > ROWS)
    long = sorted(
        ((name, frames) for name, frames in trajectories.items() if len(frames) > 1), key=lambda x: -len(x[1])
    )
    single = f"{len(trajectories)} trajectories, {len(trajectories) - len(long)} of one frame"
    values = [[name, len(frames), correlation(frames)] for name, frames in long[:ROWS]]
    rows = [[name, n, None if value is None else f"{value:.2f}"] for name, n, value in values]
    yield table(single, ["<trajectory", "frames", "correlation"], rows) if rows else single
    yield from [f"and {len(long) - ROWS} more trajectories"] * (len(long) > ROWS)


def _labels(sets, parts, dataset, by):
    """Names of the colours of the frames."""
    from anharmonic.data.division import names_of_clusters

    if by is None and len(parts) > 1:
        return [path.stem for path, part in zip(sets, parts, strict=True) for _ in part.frames]
    return names_of_clusters(dataset.frames, by or "phase")


def _straddling(parts, found):
    """What is in more than one of several sets."""
    if len(parts) > 1:
        copies, near = found.straddling([k for k, part in enumerate(parts) for _ in part.frames])
        yield f"in more than one of the {len(parts)} sets: {copies} structures, {near} pairs of near duplicates"


def _write_duplicates(path, dataset, found):
    """All pairs as CSV: contradictions, copies of the first of their set, near duplicates."""
    frames = dataset.frames
    pairs = [(i, k, "contradiction", 0.0) for i, k, _ in found.contradictions]
    pairs += [(members[0], k, "copy", 0.0) for members in found.copies for k in members[1:]]
    pairs += [(i, k, "near", d) for (i, k), d in zip(found.pairs.tolist(), found.distances.tolist(), strict=True)]
    rows = (
        [kind, frames[i].source, frames[k].source, f"{distance:.6f}", _energy_difference(frames[i], frames[k])]
        for i, k, kind, distance in pairs
    )
    write_csv(path, ["kind", "frame", "other", "distance", "energy_difference_meV_per_atom"], rows)


def _energy_difference(one, other):
    if one.group != other.group or one.energy is None or other.energy is None:
        return None
    return f"{1000 * (other.energy / other.n_atoms - one.energy / one.n_atoms):.4f}"
