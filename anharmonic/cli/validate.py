"""``anharmonic validate``: a potential against labelled structures, and its relaxed phases."""

from pathlib import Path
from typing import Annotated

import typer

from anharmonic.cli import options as opt


def validate(
    potential: opt.PotentialName,
    data: Annotated[
        list[Path], typer.Argument(help="Labelled structures: extxyz, vasprun.xml, OUTCAR, ASE databases, or folders.")
    ],
    group_by: opt.GroupBy = "supercell",
    phase_by: Annotated[
        str,
        typer.Option(
            "--phase-by", metavar="KEYS", rich_help_panel="Data",
            help="Keys of the structures' info; the first that is there names the phase.",
        ),
    ] = "phase,config_type,tag",
    stress_offset: Annotated[
        float | None,
        typer.Option(
            "--stress-offset", metavar="NUMBER", rich_help_panel="Data", show_default="0",
            help="Pulay stress (eV/Å³), subtracted from the diagonal.",
        ),
    ] = None,
    stress_offset_times_volume: Annotated[
        float | None,
        typer.Option(
            "--stress-offset-times-volume", metavar="NUMBER", rich_help_panel="Data", show_default="0",
            help="The same as a number times the volume (eV per reference cell).",
        ),
    ] = None,
    phases: Annotated[
        bool, typer.Option("--phases/--no-phases", help="Relax the phases of the potential and list them.")
    ] = True,
    out: Annotated[Path, opt.out_option("report.txt and the figures")] = Path("validation"),
    quiet: opt.Quiet = False,
):  # fmt: skip
    """Errors of a potential on labelled structures, by phase and energy window, and its relaxed phases.

    Energies of each group are compared after their mean difference is taken out: labels have no common zero. Errors
    are in meV/atom, meV/Å and GPa. Of the relaxed phases the energy relative to the reference crystal (meV per cell),
    the space group and the lattice parameters are listed. Of a potential that predicts its own errors it is counted how
    many of them lie within the predicted intervals.

    [cyan]anharmonic validate CsPbBr3 held-out.extxyz --out validation[/cyan]

    [cyan]anharmonic validate fit/CsPbBr3.h5 vasp-runs/ --stress-offset 0.0058[/cyan]
    """
    from anharmonic.cli.compiler import prepare_compiler
    from anharmonic.cli.terminal import messages, say, show
    from anharmonic.fitting import calibrate, calibration_table, compare, error_report, report_table
    from anharmonic.fitting.sections import DataSource
    from anharmonic.interfaces.calibration_figures import draw_calibration
    from anharmonic.interfaces.fit_figures import draw_error_by_energy, draw_parity
    from anharmonic.potential import load

    if stress_offset and stress_offset_times_volume:
        opt.refuse({"--stress-offset": stress_offset}, "--stress-offset-times-volume, another form of the same number")
    model = load(potential)
    options = {"group_by": group_by, "phase_by": opt.names_of(phase_by), "stress_offset": stress_offset or 0.0}
    source = DataSource(tuple(data), stress_offset_times_volume or 0.0, options)
    dataset = source.read(model.crystal, messages().is_terminal and not quiet)
    if not quiet:
        say(dataset.report())
    folder = opt.output_folder(out)
    prepare_compiler()
    comparison = compare(model, dataset)
    report = error_report(comparison)
    text = report_table(report, f"{model.name}")
    calibration = calibrate(model, dataset, comparison) if model.posterior is not None else None
    if calibration is not None:
        text = f"{text}\n\n{calibration_table({model.name: calibration})}"
    (folder / "report.txt").write_text(f"{dataset.report()}\n{text}\n")
    parts, names = {"data": comparison}, ["report.txt", "parity.png"]
    draw_parity(parts, folder / "parity.png")
    if report["all"]["energy_rmse"] is not None:
        names.append("error_by_energy.png")
        draw_error_by_energy(parts, folder / names[-1])
    if calibration is not None:
        names.append("calibration.png")
        draw_calibration(calibration, folder / names[-1], title="these frames")
    show(text, *([phase_table(model)] if phases else []), f"wrote {', '.join(names)} to {folder}")


def phase_table(potential):
    """Relaxed phases, lowest first."""
    from anharmonic.analysis import TiltModes, lattice_parameters
    from anharmonic.analysis.tilts import angles
    from anharmonic.cli.terminal import table
    from anharmonic.sweep.scan import distinct_phases

    modes, rows = TiltModes.of_crystal(potential.crystal), []
    for name, (state, energy, symbol) in distinct_phases(potential).items():
        row = [name, symbol, f"{1000 * energy:.2f}"]
        row += [f"{length:.4f}" for length in lattice_parameters(potential.crystal, state.deformation)]
        if modes is not None:
            tilts = abs(angles(modes.tangents(state.supercell, state.displacements)))
            row += [" ".join(f"{t:.1f}" for t in tilts[:3]), " ".join(f"{t:.1f}" for t in tilts[3:])]
        rows.append(row)
    columns = ["<phase", "<space group", "energy\nmeV/cell", "a\nÅ", "b\nÅ", "c\nÅ"]
    columns += ["in-phase\ntilts (°)", "anti-phase\ntilts (°)"] if modes is not None else []
    return table("relaxed phases in 2x2x2 cells, named by the tilts they were started from", columns, rows)
