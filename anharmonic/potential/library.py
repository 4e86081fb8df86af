"""Potentials by name: those that ship with the package, or any path."""

from functools import lru_cache
from pathlib import Path

from anharmonic.errors import AnharmonicError
from anharmonic.files import shipped_folder
from anharmonic.potential.potential import Potential
from anharmonic.potential.storage import load_file

SUFFIX = ".h5"


def library_folder():
    """Folder of the shipped potentials, each in one of its own with its data and the files that made it."""
    return shipped_folder("potentials")


def shipped():
    """Names of the shipped potentials."""
    return sorted(path.parent.name for path in library_folder().glob(f"*/*{SUFFIX}") if path.stem == path.parent.name)


def load(name_or_path):
    """Load a potential by the name of a shipped one or by path.

    Raises
    ------
    AnharmonicError
        If there is no such potential; the message lists the shipped ones.
    FileFormatError
        If the file is damaged.
    """
    if isinstance(name_or_path, Potential):
        return name_or_path
    path = Path(name_or_path)
    if not path.is_file():
        path = library_folder() / str(name_or_path) / f"{name_or_path}{SUFFIX}"
    if not path.is_file():
        raise AnharmonicError(
            f"no potential {str(name_or_path)!r}: no such file, and the shipped ones are "
            f"{', '.join(shipped()) or 'none'}"
        )
    status = path.stat()
    return _loaded(path.resolve(), status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=4)
def _loaded(path, changed, size):
    """The potential of a file as it is now: the same one for all that load it, so that what it needs compiles once."""
    return load_file(path)
