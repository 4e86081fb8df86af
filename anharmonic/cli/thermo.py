"""``anharmonic thermo``: thermodynamics and structures of a run."""

from pathlib import Path
from typing import Annotated

import typer

from anharmonic.cli import options as opt


def thermo(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder (or run file) of a sweep, an exchange, md or mc.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FOLDER", show_default="the folder of the run", help="Folder of the files."),
    ] = None,
    quiet: opt.Quiet = False,
):
    """Heat capacity, thermal expansion, elastic constants, structures of a run, with errors.

    Heat capacity and expansion come from fluctuations at each temperature and from the slope of the means between
    them; elastic constants from the fluctuations of the strain. Runs with [bold]--observe sites[/bold] also have
    average structures (space group with a tolerance from the error bars, CIF), displacement parameters and layers of
    octahedra; runs with [bold]--snapshots[/bold] pair distributions.

    [cyan]anharmonic sweep CsPbBr3 --supercell 4 4 4 --temperatures 100:540:40 --observe sites --snapshots 2000 --out
    sweep[/cyan]

    [cyan]anharmonic thermo sweep[/cyan]
    """
    from anharmonic.cli.terminal import show
    from anharmonic.sweep.analysis_files import analyse, write_analysis
    from anharmonic.sweep.recorded import open_run

    recorded = open_run(run)
    folder = opt.output_folder(recorded.folder if out is None else out)
    found = analyse(recorded, counted(quiet))
    written = write_analysis(found, folder)
    show(
        *tables(found.record),
        *(f"{text}" for text in doubts(found.record)),
        *(f"warning: {text}" for text in found.record["warnings"]),
        f"wrote {', '.join(written)} to {folder}",
    )


def counted(quiet):
    """What `analyse` takes: one bar after the other, each gone when it is full."""
    from contextlib import ExitStack

    from anharmonic.cli.terminal import counting

    def begin(text):
        stack = ExitStack()
        update = stack.enter_context(counting(text, quiet))

        def advance(done, total):
            update(done, total)
            if done == total:
                stack.close()

        return advance

    return begin


def tables(record):
    """Tables of responses, of elastic constants, and of structures."""
    from anharmonic.cli.terminal import table

    points = record["points"]
    title = f"{record['potential']}, {record['n_atoms']} atoms: heat capacity C, linear and volume expansion"
    columns = [
        "T\nK",
        "<direction",
        "<phase",
        "<tilts",
        "C\nk_B/atom",
        *(f"alpha {x}\n1e-6/K" for x in ("xx", "yy", "zz")),
    ]
    yield table(title, [*columns, "volume\n1e-6/K", "independent\nsamples"], [_responses(p) for p in points])
    if any(p.get("elastic_constants_GPa") for p in points):
        names = ("11", "22", "33", "12", "13", "23", "44", "55", "66")
        columns = ["T\nK", "<direction", *(f"C{name}" for name in names), "bulk\nmodulus", "<stable"]
        yield table("isothermal elastic constants (GPa)", columns, [_elastic(p, names) for p in points])
    if names := [key for key in points[0] if key.startswith("mode ") and "_error" not in key]:
        columns = ["T\nK", "<direction", *(name.removeprefix("mode ").removesuffix("_A_per_cell") for name in names)]
        rows = [[f"{p['temperature_K']:g}", p["direction"], *(_mode(p, name) for name in names)] for p in points]
        yield table("mean amplitudes of displacement modes (Å per cell of the reference)", columns, rows)
    if record["structures"]:
        columns = ["T\nK", "<direction", "<space group", "tolerance\nÅ", "<same from - to\nÅ", "<U_iso (Å²)"]
        columns.append("<off the centre of the neighbours (Å)")
        yield table("average structures", columns, [_structure(s) for s in record["structures"]])


def doubts(record):
    """A line for each temperature with doubts."""
    for kind in ("points", "structures"):
        for p in record[kind]:
            for text in p["doubts"]:
                where = f"{p['temperature_K']:g} K {p['direction']}".rstrip()
                yield f"doubt at {where}: {text}"


def _value(point, key, error, index=None, digits=2):
    from anharmonic.cli.terminal import with_error

    if point.get(key) is None:
        return None
    value, uncertain = point[key], point[error]
    return with_error(*((value, uncertain) if index is None else (value[index], uncertain[index])), digits)


def _responses(p):
    alpha = "thermal_expansion_1e-6_per_K", "thermal_expansion_error_1e-6_per_K"
    return [
        f"{p['temperature_K']:g}", p["direction"], p["phase"], p["glazer"],
        _value(p, "heat_capacity_kB_per_atom", "heat_capacity_error_kB_per_atom"),
        *(_value(p, *alpha, k) for k in range(3)),
        _value(p, "volume_expansion_1e-6_per_K", "volume_expansion_error_1e-6_per_K"),
        f"{p['n_independent']:.0f}",
    ]  # fmt: skip


def _elastic(p, names):
    from anharmonic.cli.terminal import with_error

    if p.get("elastic_constants_GPa") is None:
        return [f"{p['temperature_K']:g}", p["direction"], *[None] * len(names), None, None]
    pairs = [(int(name[0]) - 1, int(name[1]) - 1) for name in names]
    values = [with_error(p["elastic_constants_GPa"][i][j], p["elastic_constants_error_GPa"][i][j]) for i, j in pairs]
    bulk = _value(p, "bulk_modulus_GPa", "bulk_modulus_error_GPa")
    return [f"{p['temperature_K']:g}", p["direction"], *values, bulk, "yes" if p["born_stable"] else "no"]


def _mode(point, name):
    return _value(point, name, name.replace("_A_per_cell", "_error_A_per_cell"))


def _structure(s):
    from anharmonic.cli.terminal import with_error

    if "space_group" not in s:
        return [f"{s['temperature_K']:g}", s["direction"], None, None, None, None, None]
    atoms = ", ".join(
        f"{a['species']} {a['wyckoff']} {with_error(a['U_iso_A2'], a['U_iso_error_A2'])}" for a in s["atoms"]
    )
    between = f"{s['same_group_from_A']:.3f} - {s['same_group_to_A']:.3f}"
    away = ", ".join(
        f"{a['species']} {with_error(a['off_centre_A'], a['off_centre_error_A'])}" for a in s["off_centre"]
    )
    head = [f"{s['temperature_K']:g}", s["direction"], s["space_group"], f"{s['tolerance_A']:.3f}"]
    return [*head, between, atoms, away]
