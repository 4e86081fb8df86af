"""``anharmonic phonons``: harmonic phonons, and effective ones with spectra at temperatures."""

from pathlib import Path
from typing import Annotated

import typer

from anharmonic.cli import options as opt

MOST_BANDS = 8
"""Temperatures in the figure of bands: the first, the last, and what lies evenly between."""

Temperatures = Annotated[
    str | None,
    typer.Option(
        "--temperatures", metavar="RANGE", rich_help_panel=opt.SYSTEM, show_default="none: harmonic phonons alone",
        help="start:stop:step in K, both ends included, or a list: 150:350:50,360,370.",
    ),
]  # fmt: skip
Supercell = Annotated[
    tuple[str, str, str] | None,
    typer.Option(
        "--supercell", metavar="N N N", rich_help_panel=opt.SYSTEM, show_default="twice the range of the interactions",
        help="Reference cells along the three axes.",
    ),
]  # fmt: skip
Equilibration = Annotated[
    int,
    typer.Option(
        "--equilibration", metavar="STEPS", rich_help_panel=opt.SAMPLING,
        help="Steps before anything counts; the mean cell is that of twice as many.",
    ),
]  # fmt: skip
Production = Annotated[
    int,
    typer.Option(
        "--production", metavar="STEPS", rich_help_panel=opt.SAMPLING,
        help="Steps of undisturbed motion at each temperature, in all segments.",
    ),
]  # fmt: skip
Segments = Annotated[
    int,
    typer.Option("--segments", metavar="N", rich_help_panel=opt.SAMPLING, help="Parts of it, with new velocities."),
]
Timestep = Annotated[
    float | None,
    typer.Option(
        "--timestep", metavar="FS", rich_help_panel=opt.SAMPLING, show_default="5, or less for fast modes",
        help="Time step (fs).",
    ),
]  # fmt: skip
Pressure = Annotated[float, typer.Option("--pressure", metavar="GPA", rich_help_panel=opt.ENSEMBLE, help="GPa.")]
QuasiHarmonic = Annotated[
    float | None,
    typer.Option(
        "--quasi-harmonic", metavar="K", rich_help_panel=opt.SYSTEM, show_default="not",
        help="Also expand the lowest phase in the quasi-harmonic approximation, up to that temperature.",
    ),
]  # fmt: skip
Sampled = Annotated[
    Path | None,
    typer.Option(
        "--sampled", metavar="DIR", rich_help_panel=opt.SYSTEM,
        help="Folder of `anharmonic sweep`: its volumes are drawn beside the quasi-harmonic ones.",
    ),
]  # fmt: skip
Out = Annotated[Path, opt.out_option("phonons.json, phonons.csv, figures, and phonopy_params.yaml for phonopy")]


def phonons(
    potential: opt.PotentialName,
    temperatures: Temperatures = None,
    supercell: Supercell = None,
    matrix: opt.SupercellMatrix = None,
    equilibration: Equilibration = 4000,
    production: Production = 40000,
    segments: Segments = 8,
    timestep: Timestep = None,
    pressure: Pressure = 0.0,
    quasi_harmonic: QuasiHarmonic = None,
    sampled: Sampled = None,
    seed: opt.Seed = 0,
    precision: opt.Precision = "float32",
    out: Out = Path("phonons"),
    quiet: opt.Quiet = False,
):
    """Phonons of the reference crystal, harmonic and at temperature.

    Harmonic phonons come from the second derivatives of the potential. At each temperature the crystal moves in its
    mean cell: forces fitted in the symmetry of the reference crystal give effective force constants, velocities
    give spectra. Where the reference is a saddle point, modes that are imaginary (negative) at rest harden with
    temperature.

    [cyan]anharmonic phonons CsPbBr3 --out phonons[/cyan]

    [cyan]anharmonic phonons CsPbBr3 --temperatures 350:600:50 --supercell 4 4 4 --out phonons[/cyan]

    phonopy reads each phonopy_params.yaml (phonopy.load). A calculation that was stopped goes on with the same command;
    temperatures may be added.
    """
    from anharmonic.cli.compiler import prepare_compiler
    from anharmonic.cli.expansion import expand, read_sampled
    from anharmonic.cli.running import sampling
    from anharmonic.cli.terminal import say, show
    from anharmonic.phonons import phonons as run_phonons
    from anharmonic.phonons.files import write_files
    from anharmonic.potential import load

    model, wanted = load(potential), opt.temperatures_of(temperatures) if temperatures else []
    cells = opt.supercell_of(supercell, matrix, required=False)
    if quasi_harmonic is None:
        opt.refuse({"--sampled": sampled}, "a calculation without --quasi-harmonic, beside which it is drawn")
    volumes = None if sampled is None else read_sampled(sampled)
    folder = opt.output_folder(out)
    prepare_compiler()
    result = run_phonons(
        model, cells, wanted, folder, control=lambda where, what: sampling(where, quiet),
        report=None if quiet else say, equilibration=equilibration, production=production, segments=segments,
        timestep=timestep, pressure_GPa=pressure, seed=seed, dtype=precision,
    )  # fmt: skip
    write_files(result, folder)
    figures = draw(result, folder)
    expanded = [] if quasi_harmonic is None else [expand(model, quasi_harmonic, cells, volumes, folder, quiet)]
    figures += ["expansion.png and .pdf", "expansion.csv"] if expanded else []
    summary = result.summary
    show(
        _harmonic_table(summary),
        *([_thermal_table(summary), _fits_table(summary)] if wanted else []),
        *expanded,
        *(f"warning: {text}" for text in summary["warnings"]),
        f"wrote phonons.json, {', '.join(figures)} and phonopy_params.yaml files to {folder}",
    )


def draw(result, folder):
    """Draw all figures of a `PhononResult`; returns their names."""
    from anharmonic.interfaces.phonon_figures import draw_bands, draw_soft_modes, draw_spectra
    from anharmonic.interfaces.style import evenly
    from anharmonic.phonons.points import bands

    rising = sorted(result.thermal, key=lambda t: t.record["temperature_K"])
    thermal = [(t.record["temperature_K"], bands(t.fit.phonon)) for t in evenly(rising, MOST_BANDS)]
    draw_bands(bands(result.harmonic), thermal, folder / "bands")
    if not result.thermal or not result.points[0]["soft_modes"]:
        return ["bands.png and .pdf"]
    draw_soft_modes(result.summary, folder / "soft_modes")
    draw_spectra(_spectra(result), folder / "spectra")
    return [f"{name}.png and .pdf" for name in ("bands", "soft_modes", "spectra")]


def _spectra(result):
    """Spectra of the soft modes by special point."""
    found = {}
    for thermal in result.thermal:
        for label, mode in thermal.record["soft_modes"].items():
            own = thermal.spectra[label]
            curve = {"temperature_K": thermal.record["temperature_K"], "peak_THz": mode["peak_THz"]}
            curve |= {"frequency": own["frequency"], "density": own["density"][:, mode["set"]]}
            found.setdefault(label, []).append(curve)
    return found


def _harmonic_table(summary):
    """Frequencies at rest at the special points."""
    from anharmonic.cli.terminal import table

    title = f"{summary['potential']}, harmonic, supercell of {summary['n_atoms']} atoms; THz, imaginary as negative"
    rows = [
        (label, " ".join(f"{q:.3g}" for q in point["q"]), " ".join(f"{f + 0:.2f}" for f in point["frequency_THz"]))
        for label, point in summary["harmonic"].items()
    ]
    return table(title, ["<point", "<q", "<frequencies"], rows)


def _thermal_table(summary):
    """The softest mode of each special point over temperature."""
    from anharmonic.cli.terminal import table, with_error

    rows, named = [], {"frequency": "", "peak": "peak_", "linewidth": "linewidth_"}
    for point in summary["points"]:
        for label, mode in point["soft_modes"].items():
            rows.append((
                f"{point['temperature_K']:g}", label, f"{mode['harmonic_THz']:.3f}",
                *(with_error(mode[f"{name}_THz"], mode[f"{error}error_THz"]) for name, error in named.items()),
                f"{100 * mode['frozen_share']:.0f}",
            ))  # fmt: skip
    columns = ["T\nK", "<point", "at rest\nTHz", "effective\nTHz", "peak\nTHz", "linewidth\nTHz", "frozen in\n%"]
    return table("softest mode of each special point", columns, rows)


def _fits_table(summary):
    """How harmonic the crystal is."""
    from anharmonic.cli.terminal import table

    rows = [
        [
            f"{p['temperature_K']:g}", *(f"{p[k]:.4f}" for k in "abc"), p["n_samples"],
            *(f"{1000 * p[k]:.0f}" for k in ("force_rms_eV_per_A", "residual_eV_per_A")),
            *(f"{100 * p[k]:.1f}" for k in ("explained", "harmonic_explained")), "yes" if p["distorted"] else "",
        ]
        for p in summary["points"]
    ]  # fmt: skip
    columns = ["T\nK", "a\nÅ", "b\nÅ", "c\nÅ", "samples", "forces\nmeV/Å", "residual\nmeV/Å"]
    columns += ["explained\n%", "by harmonic\n%", "distorted"]
    return table("effective force constants", columns, rows)
