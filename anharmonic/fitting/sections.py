"""Sections of TOML files about crystals, bases, data and fits: what they may hold, checked with helpful refusals."""

import difflib
import tomllib
from dataclasses import dataclass, field, fields, replace

from anharmonic.data import Dataset
from anharmonic.data.frames import without_stress_offset
from anharmonic.data.storage import is_dataset_file
from anharmonic.errors import AnharmonicError
from anharmonic.fitting.prediction import Weights
from anharmonic.fitting.training import Schedule

NUMBER, TEXT, LIST, TABLE = (int, float), (str,), (list,), (dict,)
TEXTS = (str, list)
KEYS = {
    "crystal": {
        "file": TEXT, "primitive": (bool,), "symprec": NUMBER, "cell": LIST, "species": LIST, "positions": LIST,
    },
    "basis": {
        "preset": TEXT, "pairs": NUMBER, "triplets": (*NUMBER, list), "quadruplets": NUMBER, "polyhedra": LIST,
        "order": (int, dict), "metric": TEXT, "reduce": (bool,),
    },
    "data": {
        "paths": TEXTS, "group_by": TEXT, "phase_by": TEXTS, "stress_offset": NUMBER,
        "stress_offset_times_volume": NUMBER, "energy": TEXT, "max_strain": NUMBER, "max_displacement": NUMBER,
        "trajectory_by": TEXT,
    },
    "electrostatics": {"file": TEXT, "charges": (str, list), "dielectric": (*NUMBER, list)},
    "fit": {
        "model": TEXT, "hidden": LIST, "weights": TABLE, "schedule": TABLE, "ridge": NUMBER, "wall": NUMBER,
        "validation": NUMBER, "test": (*NUMBER, str, list), "split_by": TEXT, "folds": (int,),
        "seed": (int,), "name": TEXT, "start": TEXT,
    },
}  # fmt: skip
"""Sections, their keys, and the types of the values."""

MAPPING = ("group_by", "phase_by", "trajectory_by", "max_strain", "max_displacement")
"""Options of ``data`` that were decided when a data set file was made."""


@dataclass(frozen=True)
class DataSource:
    """Files of labelled structures that are read alike.

    Attributes
    ----------
    paths : tuple of Path
    stress_offset_times_volume : float
        Pulay stress times volume (eV per reference cell): subtracted from the diagonal
        of the stress as this number over the volume per reference cell.
    options : dict
        Of `Dataset.read`.
    """

    paths: tuple
    stress_offset_times_volume: float = 0.0
    options: dict = field(default_factory=dict)

    def __post_init__(self):
        if self.stress_offset_times_volume and self.options.get("stress_offset"):
            raise AnharmonicError("stress_offset and stress_offset_times_volume are two forms of one number: give one")

    def read(self, crystal, progress=False, workers=1):
        """The `Dataset`, its stress corrected; see `Dataset.read`."""
        dataset = Dataset.read(self.paths, crystal, progress=progress, workers=workers, **self.options)
        if not self.stress_offset_times_volume:
            return dataset
        frames = [_without_pulay(frame, self.stress_offset_times_volume) for frame in dataset.frames]
        return replace(dataset, frames=frames)


def load_toml(path):
    """Content of a TOML file."""
    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise AnharmonicError(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise AnharmonicError(f"{path} is no TOML file: {error}") from error


def read_sections(path, keys, needed):
    """Content of a TOML file about a crystal and data, and its data sources; everything is checked against `keys`.

    Parameters
    ----------
    path : Path
        Paths in it are relative to it.
    keys : dict
        Sections, their keys, and the types of the values.
    needed : iterable of str
        Sections that must be there.

    Raises
    ------
    AnharmonicError
        If the file cannot be read, or a section, key or value is not known or missing.
    """
    content = load_toml(path)
    check_keys(content, keys, path, "sections")
    for name in needed:
        if name not in content:
            raise AnharmonicError(f"{path} has no section [{name}]; it takes {', '.join(keys)}")
    tables = content["data"] if isinstance(content["data"], list) else [content["data"]]
    single = [name for name in keys if name in content and name != "data"]
    for name, table in [*((n, content[n]) for n in single), *(("data", table) for table in tables)]:
        check_section(path, name, table, keys)
    crystal = dict(content["crystal"])
    if "file" in crystal:
        crystal["file"] = path.parent / crystal["file"]
    return content | {"crystal": crystal}, tuple(data_source(path, table) for table in tables)


def check_keys(table, known, path, what):
    """Refuse unknown names, with the known ones and the most similar of them."""
    for name in table:
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise AnharmonicError(f"{path}: {name!r} is unknown{hint} Known {what} are {', '.join(known)}")


def check_section(path, name, table, keys=KEYS):
    """Refuse what is no table, unknown keys, and values of other types than `keys` says."""
    if not isinstance(table, dict):
        raise AnharmonicError(f"{path}: {name} is a section [{name}], found {table!r}")
    check_keys(table, keys[name], path, f"keys of [{name}]")
    for key, value in table.items():
        types = keys[name][key]
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            wanted = " or ".join(dict.fromkeys("number" if t in NUMBER else t.__name__ for t in types))
            raise AnharmonicError(f"{path}: {key} of [{name}] is of type {wanted}, found {value!r}")


def data_source(path, table):
    """A `DataSource` of one section ``data``."""
    if "paths" not in table:
        raise AnharmonicError(f"{path}: a section [data] takes paths")
    special = ("paths", "stress_offset_times_volume")
    options = {key: value for key, value in table.items() if key not in special}
    paths, decided = paths_of(path, table["paths"]), [name for name in MAPPING if name in options]
    stored = [p.name for p in paths if is_dataset_file(p)]
    if stored and decided:
        raise AnharmonicError(
            f"{path}: {', '.join(decided)} of [data] was decided when the data set {stored[0]} was made: leave it out, "
            "or give other files a section [[data]] of their own"
        )
    return DataSource(paths, table.get("stress_offset_times_volume", 0.0), options)


def paths_of(path, names):
    """Paths relative to the file that names them."""
    names = [names] if isinstance(names, str) else names
    if not names or not all(isinstance(name, str) for name in names):
        raise AnharmonicError(f"{path}: paths are a text or a list of texts, found {names!r}")
    return tuple(path.parent / name for name in names)


def fit_record(path, name, value, section="fit"):
    """Weights and schedule as records, everything else as it is."""
    records = {"weights": Weights, "schedule": Schedule}
    if name not in records:
        return value
    known = {item.name: item.type for item in fields(records[name])}
    check_keys(value, known, path, f"keys of [{section}.{name}]")
    for key, item in value.items():
        if key != "groups" and (not isinstance(item, NUMBER) or isinstance(item, bool) or item < 0):
            raise AnharmonicError(f"{path}: {key} of [{section}.{name}] is a number from 0 on, found {item!r}")
    return records[name](**value)


def _without_pulay(frame, pressure_times_volume):
    """A frame whose stress has lost P / V on the diagonal; refuses to take it off twice."""
    return without_stress_offset(frame, float(pressure_times_volume * frame.n_cells / frame.configuration.volume))
