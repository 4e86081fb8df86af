"""The file fit.toml: a crystal, a basis, data and how to fit, checked before anything is computed."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from anharmonic.clusters import ClusterBasis
from anharmonic.crystal import Crystal, same_crystal
from anharmonic.data.provenance import file_digest
from anharmonic.data.storage import is_dataset_file, load_crystal
from anharmonic.electrostatics import BornCharges
from anharmonic.errors import AnharmonicError
from anharmonic.fitting.fit import fit
from anharmonic.fitting.problem import FITTED
from anharmonic.fitting.sections import KEYS, DataSource, fit_record, paths_of, read_sections
from anharmonic.potential import load
from anharmonic.potential.models import MODELS

NEEDED = ("crystal", "data", "fit")
"""Sections that must be there, beside a basis or a potential to start from."""


@dataclass(frozen=True)
class FitConfig:
    """A checked fit.toml.

    Attributes
    ----------
    path : Path
    crystal, basis, fit, electrostatics : dict
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
    electrostatics: dict | None = None

    @classmethod
    def read(cls, path):
        """Read and check a file; paths in it are relative to it.

        Raises
        ------
        AnharmonicError
            If the file cannot be read, or a section, key or value is not known or missing.
        """
        path = Path(path)
        content, sources = read_sections(path, KEYS, NEEDED)
        settings = dict(content["fit"])
        if ("basis" in content) == ("start" in settings):
            raise AnharmonicError(f"{path} takes a section [basis], or start in [fit], a potential whose basis is kept")
        if settings.get("model", MODELS[0]) not in MODELS:
            raise AnharmonicError(f"{path}: model of [fit] is one of {', '.join(MODELS)}; found {settings['model']!r}")
        test = settings.pop("test", 0.2)
        if isinstance(test, str | list):
            test = replace(sources[0], paths=paths_of(path, test))
        settings = {name: fit_record(path, name, value) for name, value in settings.items()}
        electrostatics = content.get("electrostatics")
        return cls(path, content["crystal"], content.get("basis", {}), settings, sources, test, electrostatics)

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
        dataset = dataset or self.dataset(crystal, progress)
        basis, options = self.prepared(crystal)
        test = self.test.read(crystal, progress) if isinstance(self.test, DataSource) else self.test
        return fit(basis, dataset, test=test, metadata=self.provenance(dataset), progress=progress, **options)

    def prepared(self, crystal):
        """The basis, and options of `fit` with what other files hold."""
        options = self.fit | {"born": self.born(crystal)}
        if "start" not in options:
            return self.cluster_basis(crystal), options
        start = load(self._start())
        options |= {"start": start, "model": options.get("model", start.metadata.get("model"))}
        if "hidden" in options:
            raise AnharmonicError(f"{self.path}: hidden of [fit] is decided by start; leave it out")
        if not same_crystal(start.crystal, crystal):
            raise AnharmonicError(f"[crystal] of {self.path} is not the reference crystal of start, {start.name}")
        return start.basis, options

    def _start(self):
        """Path of the start, or the name of a shipped potential."""
        beside = self.path.parent / self.fit["start"]
        return beside if beside.is_file() else self.fit["start"]

    def born(self, crystal):
        """`BornCharges` of the section ``electrostatics``, "fitted", or None.

        Raises
        ------
        AnharmonicError
            If the section says too little or too much, or its numbers are no charges of the crystal.
        """
        if self.electrostatics is None:
            return None
        given = set(self.electrostatics)
        if given == {"file"}:
            return BornCharges.from_file(crystal, self.path.parent / self.electrostatics["file"])
        if self.electrostatics.get("charges") == FITTED and given == {"charges"}:
            return FITTED
        if given == {"charges", "dielectric"} and not isinstance(self.electrostatics["charges"], str):
            return BornCharges.of_crystal(crystal, **self.electrostatics)
        raise AnharmonicError(
            f"[electrostatics] of {self.path} takes file alone, charges (of every site) with dielectric, or charges = "
            f'"{FITTED}"; found {self.electrostatics}'
        )

    def parts(self, dataset):
        """``(known, test)``: what is not held out, and the test part as `fit` takes it."""
        if isinstance(self.test, DataSource):
            return dataset, self.test.read(dataset.crystal)
        if not self.test:
            return dataset, 0.0
        return dataset.split(1 - self.test, self.fit.get("seed", 0), self.fit.get("split_by", "frame"))

    def other_files(self):
        """Files beside fit.toml and its data that decide a fit."""
        born = (self.electrostatics or {}).get("file")
        found = [self.path.parent / born] if born else []
        start = Path(self._start()) if "start" in self.fit else None
        return [*found, start] if start and start.is_file() else found

    def provenance(self, dataset):
        """What the potential file says about its data."""
        files = [path for source in self.sources for path in source.paths]
        return {
            "config": self.path.read_text(),
            "data": [{"path": path.name, "sha256": file_digest(path)} for path in (*files, *self.other_files())],
            "n_refused": len(dataset.refusals),
        }


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
