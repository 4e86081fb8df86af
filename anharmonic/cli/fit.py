"""``anharmonic fit``: a potential from labelled structures."""

from pathlib import Path
from typing import Annotated

import typer

from anharmonic.cli import options as opt

EXAMPLE = """\
# anharmonic fit fit.toml        paths are relative to this file; eV, A, eV/A^3

[crystal]
file = "cubic.cif"               # or a data set file, or cell = [...], species = [...], positions = [...]
primitive = true                 # false: keep the conventional cell

[basis]                          # see `anharmonic basis --help`
# preset = "balanced"            # or "accurate", "fast", "paper"; what follows then replaces parts of it
pairs = 7.0                      # cutoff; an integer is a number of orbits
triplets = ["Pb-Br-Pb"]          # chains of bonds, or a cutoff
polyhedra = ["octahedron"]
order = { pair = 6, triplet = 3, octahedron = 3 }
metric = "inverse"
reduce = false                   # true: 3n-6 deformations of large clusters
# quadruplets = 5.0              # cutoff

# [electrostatics]               # dipole-dipole interaction of displaced ions
# file = "vasprun.xml"           # of VASP with LEPSILON, or a BORN file of phonopy
# charges = "fitted"             # or of every site a number or a 3x3 tensor (e), with dielectric = 4.8 or a 3x3 tensor

[data]                           # or several [[data]], each with its own options
paths = ["labels.extxyz"]        # extxyz, vasprun.xml, OUTCAR, ASE databases, folders of these, data set files (.h5)
group_by = "supercell"           # key of the structures' info; each group has its own energy zero
phase_by = ["phase", "tag"]      # the first that is there names the phase in reports
# trajectory_by = "tag"          # key that names the trajectory; default: "trajectory", else the file
stress_offset_times_volume = 0.0 # Pulay stress times volume (eV per reference cell); or stress_offset (eV/A^3)
energy = "free_energy"           # or "energy": of structures that have both, the one that forces belong to
max_strain = 0.25                # structures beyond are refused and counted
# max_displacement = 1.5

[fit]
model = "polynomial"             # or "cluster", "site": nets
test = 0.2                       # share held out to the end, or files
validation = 0.1                 # share that decides ridge and early stopping
# folds = 5                      # report errors of a cross-validation too (polynomials); validation is then 0
split_by = "frame"               # what is never divided: frame, trajectory, group, phase, file, or a key of info
seed = 0
wall = 300.0                     # stiffness (eV) of the walls around what the data cover
# start = "cheap.h5"             # instead of [basis]: a potential of many cheap labels, to be tuned by these
# name = "CsPbBr3"               # default: the formula
# ridge = 1.0                    # default: the best of a few
# hidden = [8]                   # widths of the layers of nets

[fit.weights]                    # 0 leaves a kind out; residuals are divided by the tolerances
energy = 1.0
forces = 1.0
stress = 1.0
energy_tolerance = 0.002         # eV per atom
force_tolerance = 0.05
stress_tolerance = 0.001
# groups = { c20 = 1.0, 7net = 0.1 }

[fit.schedule]                   # training of nets
steps = 2000
learning_rate = 5e-3
patience = 20
check_every = 20
weight_decay = 1e-4
"""


def fit(
    config: Annotated[Path, typer.Argument(help="fit.toml; `anharmonic fit --example` prints one with all keys.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="DIR", rich_help_panel=opt.OUTPUT, show_default="the folder of fit.toml",
            help="Folder for NAME.h5, report.txt and the figures.",
        ),
    ] = None,
    quiet: opt.Quiet = False,
    example: opt.example_option(EXAMPLE, "fit.toml") = False,
):  # fmt: skip
    """Fit a potential to energies, forces and stresses.

    Linear expansions are solved directly; nets start from there and are trained with early stopping. Written are the
    potential NAME.h5, report.txt (errors by phase and energy window, and how many of them lie within the predicted
    intervals), parity.png, error_by_energy.png, calibration.png, and for nets learning.png. Errors of the test part
    count: nothing was chosen on it.

    [cyan]anharmonic fit --example > fit.toml[/cyan]

    [cyan]anharmonic fit fit.toml --out fit[/cyan]

    Units in fit.toml and in data: eV, Å, eV/Å³ with stress positive in tension. In reports: meV/atom, meV/Å, GPa.
    """
    from anharmonic.cli.compiler import prepare_compiler
    from anharmonic.cli.terminal import messages, say, show
    from anharmonic.fitting.config import FitConfig
    from anharmonic.interfaces.calibration_figures import draw_calibration
    from anharmonic.interfaces.fit_figures import draw_error_by_energy, draw_learning_curve, draw_parity

    settings = FitConfig.read(config)
    folder = opt.output_folder(out or config.parent)
    watched = messages().is_terminal and not quiet
    prepare_compiler()
    dataset = settings.dataset(settings.reference(), watched, workers=None)
    if not quiet:
        say(dataset.report())
    result = settings.run(dataset, watched)
    names = [f"{result.potential.name}.h5", "report.txt", "parity.png"]
    result.potential.save(folder / names[0])
    text = result.table()
    (folder / "report.txt").write_text(f"{dataset.report()}\n{text}\n")
    draw_parity(result.comparisons, folder / "parity.png")
    if any(part["all"]["energy_rmse"] is not None for part in result.report.values()):
        names.append("error_by_energy.png")
        draw_error_by_energy(result.comparisons, folder / names[-1])
    if result.calibrations:
        names.append("calibration.png")
        draw_calibration(list(result.calibrations.values())[-1], folder / names[-1])
    if len(result.curve):
        names.append("learning.png")
        draw_learning_curve(result.curve, folder / names[-1])
    show(text, f"\nwrote {', '.join(names)} to {folder}")
