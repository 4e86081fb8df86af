"""``anharmonic dataset import``: files of labelled structures, mapped and checked, as one data set file."""

from pathlib import Path
from typing import Annotated

import typer

from anharmonic.cli import options as opt
from anharmonic.cli.basis import Conventional, Symprec
from anharmonic.cli.dataset import options as own
from anharmonic.errors import AnharmonicError

Reference = Annotated[
    str,
    typer.Option(
        "--reference", "-r", metavar="CRYSTAL",
        help="Reference crystal: a structure file that ASE reads, a fit.toml, a data set file, or a potential.",
    ),
]  # fmt: skip
PhaseBy = Annotated[
    str,
    typer.Option(
        "--phase-by", metavar="KEYS", rich_help_panel=own.DATA,
        help="Keys of the structures' info; the first that is there names the phase.",
    ),
]  # fmt: skip
TrajectoryBy = Annotated[
    str,
    typer.Option(
        "--trajectory-by", metavar="KEY", rich_help_panel=own.DATA,
        help="Key of the structures' info that names the trajectory; frames without it belong to that of their file. "
        '"file": every file is one.',
    ),
]  # fmt: skip
StressOffset = Annotated[
    float,
    typer.Option(
        "--stress-offset", metavar="NUMBER", rich_help_panel=own.DATA,
        help="Pulay stress (eV/Å³), subtracted from the diagonal. The data set remembers it.",
    ),
]  # fmt: skip
StressOffsetTimesVolume = Annotated[
    float,
    typer.Option(
        "--stress-offset-times-volume", metavar="NUMBER", rich_help_panel=own.DATA,
        help="The same as a number times the volume (eV per reference cell).",
    ),
]  # fmt: skip
Energy = Annotated[
    str,
    typer.Option(
        "--energy", metavar="NAME", rich_help_panel=own.DATA,
        help="free_energy or energy: which to take of structures that have both. Forces should be its gradient.",
    ),
]  # fmt: skip
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers", metavar="N", min=1, rich_help_panel=own.DATA, show_default="the number of cores",
        help="Processes that read files.",
    ),
]  # fmt: skip
Table = Annotated[
    Path | None,
    typer.Option(
        "--table", metavar="FILE", rich_help_panel=opt.OUTPUT,
        help="Also write what came of each file, one line a file (CSV).",
    ),
]  # fmt: skip
MaxStrain = Annotated[
    float,
    typer.Option(
        "--max-strain", metavar="NUMBER", rich_help_panel=own.DATA,
        help="Structures with a larger strain relative to the reference are refused.",
    ),
]  # fmt: skip
MaxDisplacement = Annotated[
    float | None,
    typer.Option(
        "--max-displacement", metavar="LENGTH", rich_help_panel=own.DATA,
        show_default="half the shortest distance of like sites",
        help="Structures with an atom farther from its site (Å) are refused.",
    ),
]  # fmt: skip


def import_files(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILES",
            help="vasprun.xml, OUTCAR, vaspout.h5, ML_AB, extxyz, ASE databases and trajectories, files of phonopy and "
            "DeePMD-kit, folders of all these, data set files.",
        ),
    ],
    reference: Reference,
    out: own.OutFile,
    conventional: Conventional = False,
    symprec: Symprec = 1e-3,
    group_by: opt.GroupBy = "supercell",
    phase_by: PhaseBy = "phase,config_type,tag",
    trajectory_by: TrajectoryBy = "trajectory",
    stress_offset: StressOffset = 0.0,
    stress_offset_times_volume: StressOffsetTimesVolume = 0.0,
    energy: Energy = "free_energy",
    max_strain: MaxStrain = 0.25,
    max_displacement: MaxDisplacement = None,
    near: own.Near = 0.05,
    tolerance: own.Tolerance = 1e-3,
    energy_tolerance: own.EnergyTolerance = 1.0,
    remove_duplicates: own.RemoveDuplicates = False,
    workers: Workers = None,
    table: Table = None,
    quiet: own.Quiet = False,
):
    """Read labelled structures, map them to a reference crystal, and keep them in one file.

    [cyan]anharmonic dataset import runs/ --reference cubic.cif --out set.h5[/cyan]

    [cyan]anharmonic dataset import train.xyz -r cubic.cif --trajectory-by config_type --out set.h5[/cyan]

    Every frame keeps its file, its number in it, the file's SHA-256, what the file calls its energy, its energy group,
    phase and trajectory; structures that do not fit are refused, counted, and kept by name. A fit.toml takes the file
    as \\[data] paths and as the file of \\[crystal], and reads thousands of frames in a second.

    A data set file among FILES is mapped anew if the reference is another one; its groups, phases and trajectories
    stay.
    """
    from anharmonic.cli.terminal import messages
    from anharmonic.data.remapping import remapped
    from anharmonic.data.storage import is_dataset_file
    from anharmonic.data.table import file_table, write_table
    from anharmonic.fitting.sections import DataSource

    own.writable(out)
    settings = own.checked(near, tolerance, energy_tolerance)
    crystal = crystal_of(reference, not conventional, symprec)
    limits = {"max_strain": max_strain, "max_displacement": max_displacement}
    stored = [path for path in files if is_dataset_file(path)]
    parts = [remapped(dataset, crystal, **limits) for dataset in own.loaded(stored)]
    others = tuple(path for path in files if path not in stored)
    offsets = {"stress_offset": stress_offset, **limits}
    names = {"energy": energy, "group_by": group_by, "phase_by": opt.names_of(phase_by), "trajectory_by": trajectory_by}
    source = DataSource(others, stress_offset_times_volume, names | offsets)
    if others:
        parts.append(source.read(crystal, messages().is_terminal and not quiet, workers))
        if table is not None:
            write_table(table, file_table(parts[-1].frames, parts[-1].refusals, others))
    if stored and (stress_offset or stress_offset_times_volume):
        raise AnharmonicError("a stress offset is for files of structures: give it where a data set is made or fitted")
    own.write_set(sum(parts[1:], parts[0]), out, remove_duplicates, settings, quiet)


def crystal_of(text, primitive=True, symprec=1e-3):
    """The reference crystal that a text names: a structure file, fit.toml, data set file or potential.

    Raises
    ------
    AnharmonicError
        If there is no such thing.
    """
    from anharmonic.crystal import Crystal
    from anharmonic.data.storage import is_dataset_file, load_crystal
    from anharmonic.fitting.config import FitConfig
    from anharmonic.potential import load, shipped

    path = Path(text)
    if text in shipped() and not path.is_file():
        return load(text).crystal
    if path.suffix == ".toml":
        return FitConfig.read(path).reference()
    if is_dataset_file(path):
        return load_crystal(path)
    if path.suffix == ".h5":
        return load(text).crystal
    return Crystal.from_file(path, primitive, symprec)
