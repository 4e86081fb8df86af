"""``anharmonic free-energy temperatures``: G along temperature from the samples of a run."""

from pathlib import Path
from typing import Annotated

import typer

from anharmonic.cli import options as opt


def temperatures(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder or run file of exchange, sweep, md or mc.")],
    anchors: Annotated[
        list[Path] | None,
        typer.Option(
            "--anchor", metavar="FOLDER", rich_help_panel="Compare",
            help="Result of free-energy integrate at one of the temperatures; may be given several times.",
        ),
    ] = None,
    out: Annotated[Path, opt.out_option("tables, summary.json, free_energy.png and .pdf")] = Path("temperatures"),
):  # fmt: skip
    """Free energies along temperature from a run at several: d(G/T) / d(1/T) = H.

    By MBAR where neighbouring temperatures overlap, else by the integral of the enthalpy. Without an anchor G/kT is
    relative to the lowest temperature; an anchor makes it absolute, and every further one is a second route to the same
    number. A run through transitions visits all domains of a phase, an integration one: kT log(domains) of the anchor
    is taken off.

    [cyan]anharmonic free-energy temperatures exchange --anchor g150 --anchor g450 --out line[/cyan]
    """
    from anharmonic.cli.compiler import prepare_compiler
    from anharmonic.free_energy.line_records import line_record, read_anchors, write_line
    from anharmonic.free_energy.temperatures import along_temperature, samples_of_run
    from anharmonic.interfaces.free_energy_figures import draw_line

    samples = samples_of_run(run)
    found = read_anchors(anchors or [], samples)
    folder = opt.output_folder(out)
    prepare_compiler()
    line = along_temperature(samples["temperatures"], samples["series"], samples["structure"].n_atoms)
    record = line_record(line, samples, found)
    write_line(record, folder)
    draw_line(record, folder / "free_energy")
    _report(record, folder)


def _report(record, folder):
    """Print the tables."""
    from anharmonic.cli.terminal import show, table, with_error

    rows = [
        [
            f"{p['temperature_K']:g}", with_error(p["enthalpy_meV"], p["enthalpy_error_meV"]),
            f"{p['reduced']:.4f}", f"{p['reduced_by_integral']:.4f}", f"{p['reduced_error']:.4f}",
            with_error(p["free_energy_meV"], p["free_energy_error_meV"]),
            None if p["entropy_kB"] is None else f"{p['entropy_kB']:.3f}", "MBAR" if p["overlaps_next"] else "integral",
        ]
        for p in record["points"]
    ]  # fmt: skip
    rows[-1][-1] = None
    columns = ["T\nK", "enthalpy\nmeV/f.u.", "G/kT\nper f.u.", "by the\nintegral", "error", "G\nmeV/f.u."]
    columns += ["entropy\nk_B/f.u.", "<to the\nnext by"]
    title = f"{record['potential']}, {record['n_formula_units']} formula units, all domains"
    items = [table(title, columns, rows)]
    if record["routes"]:
        routes = [
            [
                f"{r['from_K']:g} - {r['to_K']:g}", with_error(r["by_integration_meV"], r["by_integration_error_meV"]),
                with_error(r["along_temperature_meV"], r["along_temperature_error_meV"]),
                with_error(r["by_enthalpy_integral_meV"], r["by_enthalpy_integral_error_meV"]),
                f"{r['difference_meV']:+.3f} ± {r['difference_error_meV']:.3f}",
            ]
            for r in record["routes"]
        ]  # fmt: skip
        columns = ["<route (K)", "G at its end by\nintegration (meV/f.u.)", "along temperature\nby MBAR"]
        columns += ["by the\nenthalpy", "MBAR minus\nintegration"]
        items.append(table("two routes to one number", columns, routes))
    warnings = [f"warning: {text}" for text in record["warnings"]]
    show(*items, *warnings, f"wrote temperatures.csv, summary.json, free_energy.png and .pdf to {folder}")
