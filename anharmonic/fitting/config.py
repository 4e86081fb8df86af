"""The file fit.toml: a crystal, a basis, data and how to fit, checked before anything is computed."""

import difflib
import tomllib
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import numpy as np

from anharmonic.clusters import ClusterBasis
from anharmonic.crystal import Crystal
from anharmonic.data import Dataset
from anharmonic.data.frames import without_stress_offset
from anharmonic.data.provenance import file_digest
from anharmonic.data.storage import is_dataset_file, load_crystal
from anharmonic.errors import AnharmonicError
from anharmonic.fitting.fit import fit
from anharmonic.fitting.prediction import Weights
from anharmonic.fitting.training import Schedule
from anharmonic.potential.models import MODELS

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
    "fit": {
        "model": TEXT, "hidden": LIST, "weights": TABLE, "schedule": TABLE, "ridge": NUMBER, "wall": NUMBER,
        "validation": NUMBER, "test": (*NUMBER, str, list), "split_by": TEXT, "folds": (int,),
        "seed": (int,), "name": TEXT,
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


@dataclass(frozen=True)
class FitConfig:
    """A checked fit.toml.

    Attributes
    ----------
    path : Path
    crystal, basis, fit : dict
        The sections, without files that belong to data.
    sources : tuple of DataSource
        Of the section or sections ``data``, joined for the fit.
    test : float or DataSource
    """

    path: Path
    crystal: dict
    basis: dict
    fit: dict
    sources: tuple
    test: float | DataSource

    @classmethod
    def read(cls, path):
        """Read and check a file; paths in it are relative to it.

        Raises
        ------
        AnharmonicError
            If the file cannot be read, or a section, key or value is not known or missing.
        """
        path = Path(path)
        content, sources = read_sections(path, KEYS, KEYS)
        settings = dict(content["fit"])
        if settings.get("model", MODELS[0]) not in MODELS:
            raise AnharmonicError(f"{path}: model of [fit] is one of {', '.join(MODELS)}; found {settings['model']!r}")
        test = settings.pop("test", 0.2)
        if isinstance(test, str | list):
            test = replace(sources[0], paths=_paths(path, test))
        settings = {name: fit_record(path, name, value) for name, value in settings.items()}
        return cls(path, content["crystal"], content["basis"], settings, sources, test)

    def reference(self):
        """The reference crystal."""
        sites = {key: self.crystal[key] for key in ("cell", "species", "positions") if key in self.crystal}
        if "file" in self.crystal:
            if sites:
                raise AnharmonicError(f"[crystal] of {self.path} names a file and also {', '.join(sites)}: give one")
            if is_dataset_file(self.crystal["file"]):
                return load_crystal(self.crystal["file"])
            return Crystal.from_file(**{"path" if k == "file" else k: v for k, v in self.crystal.items()})
        if len(sites) < 3:
            raise AnharmonicError(f"[crystal] of {self.path} takes file, or all of cell, species and positions")
        return _crystal_of_sites(self.path, **sites)

    def cluster_basis(self, crystal):
        """The basis on the reference crystal."""
        options = dict(self.basis)
        if "preset" in options:
            return ClusterBasis.from_preset(crystal, options.pop("preset"), **options)
        return ClusterBasis(crystal, **options)

    def dataset(self, crystal, progress=False, workers=1):
        """All frames of the sections ``data``."""
        parts = [source.read(crystal, progress, workers) for source in self.sources]
        return sum(parts[1:], parts[0])

    def run(self, dataset=None, progress=False):
        """Fit; returns a `FitResult`."""
        crystal = dataset.crystal if dataset else self.reference()
        basis = self.cluster_basis(crystal)
        dataset = dataset or self.dataset(crystal, progress)
        test = self.test.read(crystal, progress) if isinstance(self.test, DataSource) else self.test
        return fit(basis, dataset, test=test, metadata=self.provenance(dataset), progress=progress, **self.fit)

    def parts(self, dataset):
        """``(known, test)``: what is not held out, and the test part as `fit` takes it."""
        if isinstance(self.test, DataSource):
            return dataset, self.test.read(dataset.crystal)
        if not self.test:
            return dataset, 0.0
        return dataset.split(1 - self.test, self.fit.get("seed", 0), self.fit.get("split_by", "frame"))

    def provenance(self, dataset):
        """What the potential file says about its data."""
        files = [path for source in self.sources for path in source.paths]
        return {
            "config": self.path.read_text(),
            "data": [{"path": path.name, "sha256": file_digest(path)} for path in files],
            "n_refused": len(dataset.refusals),
        }


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
    paths, decided = _paths(path, table["paths"]), [name for name in MAPPING if name in options]
    stored = [p.name for p in paths if is_dataset_file(p)]
    if stored and decided:
        raise AnharmonicError(
            f"{path}: {', '.join(decided)} of [data] was decided when the data set {stored[0]} was made: leave it out, "
            "or give other files a section [[data]] of their own"
        )
    return DataSource(paths, table.get("stress_offset_times_volume", 0.0), options)


def _paths(path, names):
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


def _crystal_of_sites(path, cell, species, positions):
    """A crystal from lists: its cell is taken as it stands."""
    try:
        cell, positions = np.array(cell, float), np.array(positions, float)
    except (TypeError, ValueError):
        cell = positions = np.zeros(0)
    if cell.shape == (3,):
        cell = np.diag(cell)
    if cell.shape != (3, 3) or positions.shape != (len(species), 3):
        raise AnharmonicError(
            f"[crystal] of {path}: cell is three rows of three lengths (A), positions a row of three fractions for "
            f"each of the {len(species)} species"
        )
    return Crystal.from_sites(cell, positions, species)


def _without_pulay(frame, pressure_times_volume):
    """A frame whose stress has lost P / V on the diagonal; refuses to take it off twice."""
    return without_stress_offset(frame, float(pressure_times_volume * frame.n_cells / frame.configuration.volume))
