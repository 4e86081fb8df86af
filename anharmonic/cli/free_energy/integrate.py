"""``anharmonic free-energy integrate``: absolute free energies from an Einstein or a harmonic crystal."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from anharmonic.cli import options as opt
from anharmonic.cli import simulation
from anharmonic.cli.free_energy import options as own


def integrate(
    potential: opt.PotentialName,
    temperature: own.Temperature,
    supercell: opt.SupercellShape = None,
    matrix: opt.SupercellMatrix = None,
    phase: own.Phase = None,
    structure: simulation.Structure = None,
    reference: Annotated[
        str,
        typer.Option(
            "--reference", metavar="NAME", rich_help_panel=opt.SAMPLING,
            help="einstein (springs from a first run) or harmonic (about the relaxed start, which must be stable).",
        ),
    ] = "einstein",
    windows: Annotated[
        int, typer.Option("--windows", metavar="N", rich_help_panel=opt.SAMPLING, help="Values of lambda.")
    ] = 16,
    pressure: opt.Pressure = None,
    cell: own.Cell = "full",
    equilibration: own.Equilibration = 200,
    production: own.Production = 1000,
    trajectory: own.Trajectory = 15,
    seed: opt.Seed = 0,
    precision: opt.Precision = "float32",
    out: Annotated[Path, opt.out_option("the windows, summary.json, integration.png and .pdf")] = Path("free-energy"),
    quiet: opt.Quiet = False,
):  # fmt: skip
    """Free energy of a phase, by thermodynamic integration from a crystal whose free energy is exact.

    Windows on the way from U_reference to U are sampled by Hamiltonian Monte Carlo, one after another; the flexible
    cell is part of the reference and of the way, so that the result is the Gibbs energy (Helmholtz for
    [cyan]--cell fixed[/cyan], at the cell of the start). It is classical and counts the motion of the atoms; meV per
    formula unit relative to the energy of the reference crystal at rest.

    [cyan]anharmonic free-energy integrate CsPbBr3 --supercell 4 4 4 --temperature 150 --out g150[/cyan]

    [cyan]anharmonic free-energy integrate CsPbBr3 --supercell 4 4 4 --temperature 450 --phase a0a0a0[/cyan]

    The difference to the reference follows twice from the same samples: by MBAR, and by the integral of the mean of
    U - U_reference over lambda. What was stopped goes on with the same command.
    """
    from anharmonic.cli.compiler import prepare_compiler
    from anharmonic.free_energy.integration import IntegrationOptions
    from anharmonic.free_energy.integration import integrate as run
    from anharmonic.free_energy.records import integration_record
    from anharmonic.interfaces.free_energy_figures import draw_integration
    from anharmonic.potential import load

    shared = {
        "reference": reference, "windows": windows, "pressure_GPa": pressure or 0.0, "cell": cell, "seed": seed,
        "equilibration": equilibration, "production": production, "trajectory": trajectory, "dtype": precision,
    }  # fmt: skip
    wanted = [IntegrationOptions(temperature=t, **shared) for t in opt.temperatures_of(temperature)]
    cells = opt.supercell_of(supercell, matrix, required=False)
    prepare_compiler(cells)
    model = load(potential)
    start = own.beginning(model, cells, phase, structure)
    folder = opt.output_folder(out)
    record = partial(integration_record, model, start)
    points = own.performed("integration", run, record, model, start, wanted, folder, quiet)
    draw_integration(points, folder / "integration")
    _report(model, points, folder)


def _report(model, points, folder):
    """Print the table."""
    from anharmonic.cli.terminal import show, table, with_error

    rows = [
        [
            f"{p['temperature_K']:g}", p["start"], p["reference"], f"{p['reference_meV']:.2f}",
            with_error(p["difference_meV"], p["error_meV"]),
            with_error(p["quadrature_meV"], p["quadrature_error_meV"]),
            with_error(p["free_energy_meV"], p["error_meV"]), with_error(p["enthalpy_meV"], p["enthalpy_error_meV"]),
            f"{p['entropy_kB']:.2f}", p["domains"], f"{p['domains_meV']:.2f}", f"{min(p['overlap']):.3f}",
        ]
        for p in points
    ]  # fmt: skip
    columns = ["T\nK", "<start", "<from", "reference\nmeV/f.u.", "difference\nby MBAR", "by the\nintegral"]
    columns += [
        "free energy\nmeV/f.u.",
        "enthalpy\nmeV/f.u.",
        "entropy\nk_B/f.u.",
        "domains",
        "kT log\ndomains",
        "overlap",
    ]
    title = f"{model.name}, {points[0]['n_formula_units']} formula units, {points[0]['cell']} cell"
    warnings = [f"warning: {p['temperature_K']:g} K: {text}" for p in points for text in p["warnings"]]
    files = "summary.json, integration.png and .pdf, and the run files of the windows"
    show(table(title, columns, rows), *warnings, f"wrote {files} to {folder}")
