"""``anharmonic info``: what a file is and what it says."""

import json
from pathlib import Path
from typing import Annotated

import typer

from anharmonic.errors import AnharmonicError


def info(
    name: Annotated[
        str,
        typer.Argument(
            metavar="FILE", help="Potential (name or file), run file, data set file, labelled structures, or a crystal."
        ),
    ],
    potential: Annotated[
        str | None,
        typer.Option(
            "--potential", metavar="POTENTIAL", help="For structures: map them to the crystal of this potential."
        ),
    ] = None,
):
    """Say what a file is: a potential, a run, a data set, labelled structures, or a crystal.

    [cyan]anharmonic info CsPbBr3[/cyan]

    [cyan]anharmonic info sweep/run.h5[/cyan]

    [cyan]anharmonic info labels.extxyz --potential CsPbBr3[/cyan]

    Of a potential: reference crystal, model, clusters, data and errors. Of a run: options and how far it is. Of
    structures: labels and phases. Of a crystal: space group and sites.
    """
    from anharmonic.cli.terminal import show
    from anharmonic.data.files import kind_of
    from anharmonic.potential.library import library_folder, shipped

    path = Path(name)
    if not path.exists() and name not in shipped():
        raise AnharmonicError(f"no file {name!r}, and the shipped potentials are {', '.join(shipped()) or 'none'}")
    if not path.exists():
        show(*_potential(name), f"files: {library_folder() / name}")
    elif path.is_dir():
        show(*_data(path, potential))
    elif _is_hdf5(path) and kind_of(path) is None:
        show(*HDF5.get(_hdf5_format(path), _potential)(path))
    elif path.suffix == ".json" and (summary := _summary(path)):
        show(*summary)
    elif kind_of(path) and (lines := _data(path, potential, insist=False)):
        show(*lines)
    else:
        show(*_crystal(path))


def _is_hdf5(path):
    with open(path, "rb") as file:
        return file.read(8) == b"\x89HDF\r\n\x1a\n"


def _hdf5_format(path):
    import h5py

    try:
        with h5py.File(path, "r") as file:
            return file.attrs.get("format")
    except OSError as error:
        raise AnharmonicError(f"{path} is damaged: {error}") from error


def _dataset(path):
    """A data set file."""
    from anharmonic.cli.basis import crystal_lines
    from anharmonic.data import Dataset

    found = Dataset.load(path)
    return [*crystal_lines(found.crystal), found.report().rstrip(), f"more of it: anharmonic dataset info {path}"]


def _potential(name):
    """A potential."""
    from anharmonic.cli.basis import crystal_lines, orbit_rows
    from anharmonic.cli.terminal import table
    from anharmonic.potential import load

    found = load(name)
    basis, facts = found.basis, found.metadata
    yield f"potential {found.name}: {_model_words(facts)}, {basis.metric} metric, {basis.n_invariants} invariants"
    yield from crystal_lines(found.crystal)
    if isinstance(facts.get("n_frames"), dict):
        yield "fitted to " + ", ".join(f"{n} {part} frames" for part, n in facts["n_frames"].items())
    if found.born is not None:
        from anharmonic.fitting.charges import charges_table

        yield charges_table(found)
    columns = ["", "<orbit", "per cell", "<point group", "<deformations", "<invariants by degree"]
    yield table("clusters", columns, orbit_rows(basis))
    errors = facts.get("errors")
    if errors:
        kinds = [(kind, what) for kind in ("energy", "forces", "stress") for what in ("rmse", "mae")]
        rows = [[part, *(_digits(row.get(f"{kind}_{what}")) for kind, what in kinds)] for part, row in errors.items()]
        head = ["E rmse\nmeV/atom", "E mae", "F rmse\nmeV/Å", "F mae", "S rmse\nGPa", "S mae"]
        yield table("errors", ["<part", *head], rows)
    for part, kinds in facts.get("calibration", {}).items():
        for kind, row in kinds.items():
            pairs = zip(row["nominal"], row["found"], strict=True)
            shares = ", ".join(f"{100 * found:.0f} % ({100 * nominal:.0f} %)" for nominal, found in pairs)
            yield f"errors of {kind} within predicted intervals, {part}: {shares}"
    told = ("name", "model", "hidden", "errors", "n_frames", "config", "calibration")
    rest = {k: v for k, v in facts.items() if k not in told}
    yield from (f"{key}: {json.dumps(value)}" for key, value in rest.items())


def _model_words(facts):
    hidden = f" with hidden layers of {', '.join(map(str, facts['hidden']))}" if facts.get("hidden") else ""
    return f"{facts.get('model', 'unknown')} model{hidden}"


def _digits(value):
    return None if value is None else f"{value:.3g}"


def _run(path):
    """A run file."""
    import h5py

    from anharmonic.sampling.runfile import read_samples

    try:
        options, samples = read_samples(path)
        with h5py.File(path, "r") as file:
            step, finished = int(file.attrs["step"]), bool(file.attrs["finished"])
    except (OSError, KeyError) as error:
        raise AnharmonicError(f"{path} is damaged: {error}") from error
    kind = "sweep" if "direction" in options else f"simulation ({options.get('ensemble', '?')})"
    most = " at most" if options["until"] else ""
    left = ", finished" if finished else f" of {_total_steps(options)}{most}, to be continued with the same command"
    yield f"run file of a {kind} of potential {options.get('potential', '?')}: step {step}{left}"
    yield from (f"  {key}: {json.dumps(value)}" for key, value in options.items() if key != "potential")
    shapes = ", ".join(f"{name} {'x'.join(map(str, values.shape[1:])) or '1'}" for name, values in samples.items())
    yield f"{len(next(iter(samples.values())))} samples of {shapes}"


HDF5 = {"anharmonic run": _run, "anharmonic dataset": _dataset}
"""By the format that a file names; any other is taken for a potential."""


def _total_steps(options):
    both = 2 if options.get("direction") == "both" else 1
    return both * len(options["temperatures"]) * (options["equilibration"] + options["production"])


def _summary(path):
    """A summary.json; None if it is another file."""
    from anharmonic.cli.reports import points_table, transitions_table

    try:
        summary = json.loads(path.read_text())
    except ValueError:
        return None
    if not isinstance(summary, dict) or "points" not in summary:
        return None
    is_sweep = "transitions" in summary
    title = f"summary: {summary['potential']}, {summary['n_atoms']} atoms, {summary['method']}"
    tables = [points_table(title, summary["points"], with_direction=is_sweep)]
    return tables + ([transitions_table(summary["transitions"])] if is_sweep else [])


def _data(path, potential, insist=True):
    """Labelled structures, by themselves or mapped to a crystal; None if there is no label and none is insisted on."""
    from anharmonic.cli.terminal import table
    from anharmonic.data import Dataset, read_structures
    from anharmonic.potential import load

    if potential is not None:
        return [Dataset.read(path, load(potential).crystal).report().rstrip()]
    structures, refusals = read_structures(path)
    if not insist and not any(s.energy is not None or s.forces is not None for s in structures):
        return None
    if not structures:
        raise AnharmonicError(f"{path} gives no structure: {'; '.join(map(str, refusals[:3]))}")
    groups = {}
    for s in structures:
        groups.setdefault((s.atoms.get_chemical_formula(mode="metal"), _tag(s)), []).append(s)
    rows = []
    for (formula, tag), members in sorted(groups.items()):
        counts = [sum(getattr(s, kind) is not None for s in members) for kind in ("energy", "forces", "stress")]
        rows.append([formula, tag, len(members), *counts])
    title = f"{len(structures)} structures, {len(refusals)} refused"
    found = [table(title, ["<formula", "<phase or tag", "frames", "energy", "forces", "stress"], rows)]
    return found + [f"refused: {refusal}" for refusal in refusals[:5]]


def _tag(structure):
    return str(next((structure.info[k] for k in ("phase", "config_type", "tag") if k in structure.info), "-"))


def _crystal(path):
    """A crystal, as the reference that it would be."""
    from anharmonic.analysis import TiltModes
    from anharmonic.cli.basis import crystal_lines
    from anharmonic.cli.terminal import table
    from anharmonic.crystal import Crystal

    crystal = Crystal.from_file(path)
    tilts = "has octahedral tilts" if TiltModes.of_crystal(crystal) is not None else "is no cubic perovskite: no tilts"
    places = zip(crystal.species, crystal.positions, strict=True)
    sites = [[k, s, *(f"{x:.5f}" for x in p)] for k, (s, p) in enumerate(places)]
    volume = f"volume {crystal.volume:.3f} Å³, shortest distance {crystal.nearest_distance():.3f} Å; {tilts}"
    return [*crystal_lines(crystal), volume, table("sites (fractional)", ["", "<", "x", "y", "z"], sites)]
