"""One structure as a file that other programs start from."""

from anharmonic.errors import AnharmonicError
from anharmonic.files import replacing
from anharmonic.interfaces.structures.gpumd import write_gpumd
from anharmonic.interfaces.structures.lammps import write_lammps
from anharmonic.interfaces.structures.vasp import write_vasp

WRITERS = {"lammps": write_lammps, "gpumd": write_gpumd, "vasp": write_vasp}
"""Functions ``(path, atoms, title)`` by format."""

FILE_NAMES = {"lammps": "structure.data", "gpumd": "model.xyz", "vasp": "POSCAR"}
"""The names under which these programs look for such files."""


def write_structure(path, atoms, format, title=""):
    """Write one periodic structure, aside and renamed.

    Parameters
    ----------
    path : path
    atoms : ase.Atoms
        Velocities are written if it has momenta.
    format : str
        One of `WRITERS`.
    title : str
        Of the file, where the format has room for one; no line breaks.

    Raises
    ------
    AnharmonicError
        If there is no such format, or the structure is not periodic in all three directions.
    """
    if format not in WRITERS:
        raise AnharmonicError(f"the formats of single structures are {', '.join(WRITERS)}; found {format!r}")
    if not atoms.pbc.all() or abs(atoms.cell.volume) < 1e-9:
        raise AnharmonicError(f"a {format} file is written of crystals, periodic in three directions; found {atoms}")
    with replacing(path) as part:
        WRITERS[format](part, atoms, title)


__all__ = ["FILE_NAMES", "WRITERS", "write_structure"]
