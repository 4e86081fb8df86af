"""The file of a campaign."""

import tomllib
from pathlib import Path

from anharmonic.cli import options as opt
from anharmonic.errors import AnharmonicError, FileFormatError

EXAMPLE = """\
# Runs that share workers. What stands before the first table is for all runs.
potential = "CsPbBr3"
temperatures = "220:380:10"     # start:stop:step in K, or a list of numbers
thermostat = "bussi"
production = 100_000            # options are those of `anharmonic sweep --help`, with _ for -

[cluster]
workers = 4                     # processes of this machine; by default one for each core
# scheduler = "tcp://10.0.0.1:8786"       # or a running Dask scheduler
# [cluster.slurm]                         # or jobs of SLURM: options of dask_jobqueue.SLURMCluster
# jobs = 16
# queue = "standard"
# cores = 1
# memory = "4GB"
# walltime = "12:00:00"

[[sweep]]                       # a series of supercells
out = "4"
supercell = [4, 4, 4]
repeat = 4                      # four replicas with other seeds: 4-1, 4-2, 4-3, 4-4

[[sweep]]
out = "6"
supercell = [6, 6, 6]
direction = "both"

[[sweep]]
out = "8"
supercell = [8, 8, 8]
independent = true              # temperatures do not wait for each other: each is a task of its own

[[exchange]]
out = "exchange"
supercell = [4, 4, 4]
temperatures = "220:380:10"
swap_stride = 10
"""
NAMES = {"pressure": "pressure_GPa", "stress": "stress_GPa", "precision": "dtype", "pressures": "pressures_GPa"}
"""Options of the command line that plans know by another name."""
OWN = "potential", "supercell", "temperatures", "out", "independent", "repeat"


def read_campaign(file, folder, only=None):
    """``(members, workers)`` of a TOML file.

    Parameters
    ----------
    file : Path
    folder : Path
        For the folders of the runs.
    only : sequence of str, optional
        Names of the runs that are wanted.

    Raises
    ------
    FileFormatError
        If it is no TOML file.
    AnharmonicError
        If a run lacks something, has options that it does not know, or nothing is asked for.
    """
    from anharmonic.campaign.tasks import KINDS
    from anharmonic.parallel import Workers

    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise AnharmonicError(f"cannot read the campaign {file}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FileFormatError(f"{file} is no TOML file: {error}") from None
    workers = Workers.of_table(table.pop("cluster", {}))
    runs = {kind: table.pop(kind, []) for kind in KINDS}
    wrong = sorted(name for name, value in table.items() if isinstance(value, dict))
    wrong += [kind for kind, tables in runs.items() if not isinstance(tables, list)]
    if wrong:
        raise AnharmonicError(f"{file}: tables are [cluster], [[sweep]] and [[exchange]]; found [{wrong[0]}]")
    members = [m for kind, tables in runs.items() for run in tables for m in _members(kind, table | run, folder)]
    names = [Path(member.folder).relative_to(folder).as_posix() for member in members]
    unknown = sorted(set(only or ()) - set(names))
    if unknown or not members:
        raise AnharmonicError(f"{file} has the runs {', '.join(names) or '(none)'}; found --only {', '.join(unknown)}")
    return [m for m, name in zip(members, names, strict=True) if not only or name in only], workers


def _members(kind, run, folder):
    """The runs of a table: one, or replicas."""
    from anharmonic.campaign import Member

    missing = [name for name in ("out", "potential", "supercell", "temperatures") if name not in run]
    if missing:
        raise AnharmonicError(f"a run [[{kind}]] lacks {', '.join(missing)}")
    options = {NAMES.get(name, name): _frozen(value) for name, value in run.items() if name not in OWN}
    if "until" in options:
        options["until"] = opt.precisions_of(options["until"])
    temperatures = run["temperatures"]
    found = opt.temperatures_of(temperatures) if isinstance(temperatures, str) else temperatures
    repeat = run.get("repeat", 1)
    if not isinstance(repeat, int) or repeat < 1:
        raise AnharmonicError(f"{run['out']}: repeat is a number of replicas from 1 on; found {repeat!r}")
    names = [run["out"]] if repeat == 1 else [f"{run['out']}-{k + 1}" for k in range(repeat)]
    for k, name in enumerate(names):
        seeded = options | {"seed": options.get("seed", 0) + k}
        place = opt.output_folder(folder / name)
        yield Member(
            kind, run["potential"], run["supercell"], tuple(found), place, run.get("independent", False), seeded
        )


def _frozen(value):
    """Lists as tuples."""
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
