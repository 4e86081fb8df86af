"""The potential file: one HDF5 file with everything that is needed to evaluate."""

import json
from pathlib import Path

import h5py

from anharmonic.clusters.basis import ClusterBasis
from anharmonic.clusters.ccd import CCD
from anharmonic.clusters.invariants import Invariants
from anharmonic.clusters.orbit import Orbit
from anharmonic.crystal import Crystal
from anharmonic.crystal.symmetry import SpaceGroup
from anharmonic.electrostatics import BornCharges
from anharmonic.errors import FileFormatError
from anharmonic.files import replacing
from anharmonic.potential.domain import Domain
from anharmonic.potential.models import ClusterModel, Expansion, Network, SiteModel
from anharmonic.potential.posterior import Posterior
from anharmonic.potential.potential import Potential
from anharmonic.potential.walls import EllipsoidWall, Wall, WalledTerm
from anharmonic.records import DAMAGE, digest, read_record, write_record

FORMAT, VERSION = "anharmonic potential", 4
CLASSES = {
    cls.__name__: cls
    for cls in (
        Crystal,
        SpaceGroup,
        Orbit,
        CCD,
        Invariants,
        ClusterModel,
        SiteModel,
        Expansion,
        Network,
        Wall,
        EllipsoidWall,
        WalledTerm,
        Posterior,
        Domain,
        BornCharges,
    )
}
PARTS = ("crystal", "orbits", "ccds", "invariants", "model", "ranges", "posterior", "domain", "born")
SINCE = {"posterior": 2, "domain": 2, "born": 3}
"""Versions since which files have some parts: older potentials have no uncertainty, no extrapolation grade."""


def save(potential, path):
    """Write a potential to `path`, aside and renamed.

    The file holds the crystal with its space group, orbits, U matrices, invariant
    polynomials, standardisation, weights with their posterior, fitted ranges and domain,
    provenance, and a checksum.
    """
    basis = potential.basis
    values = (basis.crystal, basis.orbits, basis.ccds, basis.invariants, potential.model, tuple(potential.ranges))
    values += (potential.posterior, potential.domain, potential.born)
    with replacing(path) as part, h5py.File(part, "w") as file:
        file.attrs.update(format=FORMAT, version=VERSION)
        for name, value in zip(PARTS, values, strict=True):
            write_record(file, name, value)
        write_record(file, "basis", json.dumps({"metric": basis.metric, "reduce": basis.reduce}))
        write_record(file, "metadata", json.dumps(potential.metadata))
        file.attrs["sha256"] = digest(file)


def load_file(path):
    """Read a potential file.

    Raises
    ------
    FileFormatError
        If the file is no potential, of an unknown version, truncated, or edited.
    """
    path = Path(path)
    try:
        with h5py.File(path, "r") as file:
            version = _check(file, path)
            names = [name for name in PARTS if version >= SINCE.get(name, 1)]
            parts = {name: read_record(file[name], CLASSES) for name in names}
            options, metadata = (json.loads(read_record(file[name], CLASSES)) for name in ("basis", "metadata"))
    except FileFormatError:
        raise
    except OSError as error:
        raise FileFormatError(f"{path} is no readable HDF5 file (truncated or damaged?): {error}") from error
    except DAMAGE as error:
        raise FileFormatError(f"{path} lacks part of a potential: {error}") from error
    model, ranges = parts.pop("model"), parts.pop("ranges")
    known = [parts.pop(name, None) for name in SINCE]
    return Potential(ClusterBasis.from_parts(**parts, **options), model, tuple(ranges), metadata, *known)


def _check(file, path):
    """The version; other formats, unknown versions, and changed contents are refused."""
    found, version = file.attrs.get("format"), file.attrs.get("version")
    if found != FORMAT:
        raise FileFormatError(f"{path} is no potential file: its format is {found!r}, expected {FORMAT!r}")
    if version not in range(1, VERSION + 1):
        raise FileFormatError(f"{path} is of format version {version}; anharmonic reads 1 to {VERSION} here")
    if file.attrs.get("sha256") != digest(file):
        raise FileFormatError(f"{path} was edited or damaged: its contents do not match its checksum")
    return version
