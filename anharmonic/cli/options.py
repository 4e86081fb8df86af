"""Options that several commands share, and what their texts mean."""

from pathlib import Path
from tempfile import TemporaryFile
from typing import Annotated

import typer

from anharmonic.errors import AnharmonicError

SYSTEM, SAMPLING, ENSEMBLE, WORKERS, OUTPUT = "System", "Sampling", "Ensemble", "Workers", "Output"
"""Panels of the help."""


def example_option(text, name):
    """Type of an option ``--example`` that prints the text of a file and ends the command."""

    def show(wanted: bool):
        if wanted:
            print(text, end="")
            raise typer.Exit

    shown = typer.Option("--example", callback=show, is_eager=True, help=f"Print a {name} and stop.")
    return Annotated[bool, shown]


PotentialName = Annotated[str, typer.Argument(help="Name of a shipped potential, or the path of a potential file.")]
SupercellShape = Annotated[
    tuple[str, str, str] | None,
    typer.Option("--supercell", metavar="N N N", rich_help_panel=SYSTEM, help="Reference cells along the three axes."),
]
SupercellMatrix = Annotated[
    str | None,
    typer.Option(
        "--matrix", metavar="ROWS", rich_help_panel=SYSTEM,
        help='Instead of --supercell: any integer matrix, rows parted by ";", such as "1 -1 0; 1 1 0; 0 0 2".',
    ),
]  # fmt: skip
Equilibration = Annotated[
    int | None,
    typer.Option(
        "--equilibration", metavar="STEPS", rich_help_panel=SAMPLING, show_default="4000 (md), 800 (mc)",
        help="MD steps or MC passes at each temperature before anything counts.",
    ),
]  # fmt: skip
Production = Annotated[
    int | None,
    typer.Option(
        "--production", metavar="STEPS", rich_help_panel=SAMPLING,
        show_default="8000 (md), 1600 (mc); 20 times that with --until",
        help="MD steps or MC passes at each temperature that are averaged; with --until the most there may be.",
    ),
]  # fmt: skip
Until = Annotated[
    list[str] | None,
    typer.Option(
        "--until", metavar="NAME=ERROR", rich_help_panel=SAMPLING,
        help="End each temperature when the standard error of a mean is that small; may be repeated. "
        "energy (meV/cell); a, b, c (Å); volume (Å³/cell); tilts (°); stress (GPa, with --observe stress).",
    ),
]  # fmt: skip
Observe = Annotated[
    str | None,
    typer.Option(
        "--observe", metavar="NAMES", rich_help_panel=OUTPUT,
        help="Record also: stress (internal stress), correlation (of tilts between cells), sites (average structure "
        "and displacement parameters, for `anharmonic thermo`), mode Q (amplitudes of the displacement modes of a wave "
        "vector, such as mode M, mode M A2g or mode 1/2 1/2 0); parted by commas.",
    ),
]  # fmt: skip
MaxExtrapolation = Annotated[
    float | None,
    typer.Option(
        "--max-extrapolation", metavar="GRADE", rich_help_panel=SAMPLING, show_default="any",
        help="Stop where a site is further outside the fitted data; the data themselves reach to 1. The structures "
        "furthest outside are in extrapolating.extxyz, stopped or not.",
    ),
]  # fmt: skip
Thermostat = Annotated[
    str | None,
    typer.Option(
        "--thermostat", metavar="NAME", rich_help_panel=ENSEMBLE, show_default="langevin",
        help="MD: langevin, bussi (velocity rescaling) or nose-hoover (chain).",
    ),
]  # fmt: skip
Barostat = Annotated[
    str | None,
    typer.Option(
        "--barostat", metavar="NAME", rich_help_panel=ENSEMBLE, show_default="piston",
        help="MD with a flexible cell: piston (with inertia) or cell-rescaling (without).",
    ),
]  # fmt: skip
TrajectoryFormat = Annotated[
    str,
    typer.Option(
        "--format", metavar="NAME", rich_help_panel=OUTPUT,
        help="Of the trajectory: extxyz, traj (ASE) or h5md (for MDAnalysis).",
    ),
]  # fmt: skip
Timestep = Annotated[
    float | None,
    typer.Option("--timestep", metavar="FS", rich_help_panel=SAMPLING, show_default="5", help="MD: time step (fs)."),
]
Friction = Annotated[
    float | None,
    typer.Option(
        "--friction", metavar="RATE", rich_help_panel=SAMPLING, show_default="0.001",
        help="MD: rate of the Langevin thermostat (1/fs); the time of the others is 0.1 / RATE.",
    ),
]  # fmt: skip
Pressure = Annotated[
    float | None,
    typer.Option("--pressure", metavar="GPA", rich_help_panel=ENSEMBLE, show_default="0", help="Pressure (GPa)."),
]
Stress = Annotated[
    tuple[float, float, float, float, float, float] | None,
    typer.Option(
        "--stress", metavar="XX YY ZZ YZ XZ XY", rich_help_panel=ENSEMBLE,
        help="Applied stress (GPa) instead of a pressure, positive in tension.",
    ),
]  # fmt: skip
Cell = Annotated[
    str | None,
    typer.Option(
        "--cell", metavar="KIND", rich_help_panel=ENSEMBLE, show_default="full",
        help="How the cell may strain: full, orthorhombic (no shear), isotropic.",
    ),
]  # fmt: skip
Seed = Annotated[
    int, typer.Option("--seed", rich_help_panel=SAMPLING, help="Of all random numbers; equal seeds give equal runs.")
]
Precision = Annotated[
    str, typer.Option("--precision", metavar="NAME", rich_help_panel=SAMPLING, help="float32 or float64.")
]
GroupBy = Annotated[
    str,
    typer.Option(
        "--group-by", metavar="KEY", rich_help_panel="Data",
        help="Key of the structures' info that names groups of one energy zero; without it the supercell does.",
    ),
]  # fmt: skip
WorkerCount = Annotated[
    int | None,
    typer.Option(
        "--workers", metavar="N", min=1, rich_help_panel=WORKERS, show_default="one for each core",
        help="Processes of this machine that share the work (Dask: extra [distributed]); 1 for this process alone.",
    ),
]  # fmt: skip
Scheduler = Annotated[
    str | None,
    typer.Option(
        "--scheduler", metavar="ADDRESS", rich_help_panel=WORKERS,
        help="A running Dask scheduler, such as tcp://10.0.0.1:8786, whose workers see the same files.",
    ),
]  # fmt: skip
Quiet = Annotated[bool, typer.Option("--quiet", "-q", rich_help_panel=OUTPUT, help="Show no progress.")]


def out_option(what):
    """The option ``--out DIR`` of a command that writes `what`."""
    return typer.Option("--out", "-o", metavar="DIR", rich_help_panel=OUTPUT, help=f"Folder for {what}.")


def temperatures_of(text):
    """Temperatures (K) of ``"300"``, ``"300,350"``, ``"150:550:25"`` (both ends included), and lists of those."""
    found = []
    for part in text.split(","):
        numbers = [_number(n, part) for n in part.split(":")]
        if len(numbers) == 2 or len(numbers) > 3:
            raise AnharmonicError(f"temperatures are numbers or start:stop:step, found {part!r}")
        if len(numbers) == 1:
            found += numbers
            continue
        start, stop, step = numbers
        if step <= 0 or stop < start:
            raise AnharmonicError(
                f"a range of temperatures rises from start to stop in steps above 0, found {part!r}; "
                "the direction of a run is an option of its own"
            )
        found += [start + k * step for k in range(int((stop - start) / step + 1e-9) + 1)]
    if min(found) <= 0:
        raise AnharmonicError(f"temperatures are above 0 K, found {min(found):g} in {text!r}")
    return found


def supercell_of(shape, matrix, required=True):
    """Supercell of the options ``--supercell`` and ``--matrix``, as nested lists; None if neither is given."""
    if shape is not None and matrix is not None:
        raise AnharmonicError("--supercell and --matrix both say the supercell: give one of them")
    if shape is None and matrix is None:
        if required:
            raise AnharmonicError("the supercell is missing: give --supercell N N N, or --matrix")
        return None
    if shape is not None:
        numbers = [int(n) for n in shape if n.isdecimal() and int(n) > 0]
        if len(numbers) != 3:
            raise AnharmonicError(f"--supercell takes three integers from 1 on, as in 8 8 8; found {' '.join(shape)}")
        return numbers
    try:
        rows = [[int(n) for n in row.replace(",", " ").split()] for row in matrix.split(";")]
    except ValueError:
        rows = []
    if [len(row) for row in rows] != [3, 3, 3]:
        raise AnharmonicError(
            f'--matrix takes three rows of three integers, as in "1 -1 0; 1 1 0; 0 0 2", found {matrix!r}'
        )
    return rows


def cutoff_of(text):
    """``"7.5"`` is a cutoff (A), ``"8"`` a number of orbits."""
    if text is None:
        return None
    return int(text) if text.strip().isdigit() else _number(text, text)


def names_of(text):
    """Names in a text, parted by commas."""
    return [name.strip() for name in (text or "").split(",") if name.strip()]


def clusters_of(text):
    """A cutoff (A), or chains of bonds such as ``"Pb-Br-Pb,Br-Pb-Br"``."""
    if text is None:
        return None
    return names_of(text) if any(c.isalpha() for c in text) else _number(text, text)


def order_of(text):
    """``"4"``, or by kind: ``"pair=6,octahedron=3"``."""
    try:
        if "=" not in text:
            return int(text)
        return {kind.strip(): int(n) for kind, n in (part.split("=") for part in text.split(","))}
    except ValueError:
        raise AnharmonicError(f"--order is an integer, or kinds such as pair=6,octahedron=3; found {text!r}") from None


def precisions_of(texts):
    """Pairs of a name and a number from texts like ``"energy=0.1"``."""
    pairs = []
    for text in texts or []:
        name, equals, error = text.partition("=")
        if not equals:
            raise AnharmonicError(f"--until takes NAME=ERROR, as in energy=0.1; found {text!r}")
        pairs.append((name.strip(), _number(error, text)))
    return tuple(pairs)


def workers_of(count, scheduler):
    """The `Workers` of ``--workers`` and ``--scheduler``."""
    from anharmonic.parallel import Workers

    return Workers(count, scheduler)


def refuse(options, reason):
    """Refuse options that were given although they mean nothing here; `options` maps their names to their values."""
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise AnharmonicError(f"{', '.join(given)} {'contradict' if len(given) > 1 else 'contradicts'} {reason}")


def given(**options):
    """Those options that are not None, for defaults that the library knows."""
    return {name: value for name, value in options.items() if value is not None}


def output_folder(path):
    """The folder, made if need be; refused before anything is computed for it if no file can be made there."""
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AnharmonicError(f"cannot make the folder {path}: {error.strerror}") from error
    try:
        with TemporaryFile(dir=path):
            return path
    except OSError as error:
        raise AnharmonicError(f"cannot write to the folder {path}: {error.strerror}") from error


def output_file(path):
    """The file, its folder made if need be; refused likewise."""
    path = Path(path)
    if path.is_dir():
        raise AnharmonicError(f"cannot write the file {path}: it is a folder")
    output_folder(path.parent)
    return path


def _number(text, whole):
    try:
        return float(text)
    except ValueError:
        raise AnharmonicError(f"{text.strip()!r} in {whole!r} is no number") from None
