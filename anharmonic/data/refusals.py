"""What was not taken, of which kind, and why."""

from dataclasses import dataclass

from anharmonic.errors import FileFormatError

KINDS = {
    "unconverged": "the electrons did not converge",
    "not self-consistent": "the density was kept fixed",
    "force field": "made by VASP's machine-learned force field, not by DFT",
    "truncated": "the file ends in the middle",
    "crashed": "the run ended before it was done",
    "damaged": "what is there cannot be read, or cannot be true",
    "no forces": "the file holds no forces at all",
    "composition": "another composition than the reference crystal",
    "mapping": "no distorted supercell of the reference crystal",
    "duplicate run": "another file of the same run was read",
    "duplicate": "the same structure was taken from elsewhere",
    "unknown format": "the name tells no known kind of file",
}
"""The kinds of refusals. A missing energy or stress, or missing forces of single structures, is no reason to refuse."""


@dataclass(frozen=True)
class Refusal:
    """A structure, or a file, that was not taken, and why.

    Attributes
    ----------
    source : str
        "file:frame", or the file.
    reason : str
    kind : str
        One of `KINDS`.
    """

    source: str
    reason: str
    kind: str = "damaged"

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f"{self.kind!r} is no kind of refusal; known are {', '.join(KINDS)}")

    def __str__(self):
        return f"{self.source}: {self.reason}"


class Refused(FileFormatError):
    """Raised by readers where one structure, or a file, is not to be taken."""

    def __init__(self, kind, reason):
        super().__init__(reason)
        self.kind = kind


def refusal_of(source, error, said="{}"):
    """The `Refusal` that an error becomes.

    Parameters
    ----------
    source : str
    error : Exception
        Errors of this package speak for themselves; of others the name is told too.
    said : str
        What is put around the text of the errors of others.
    """
    if isinstance(error, FileFormatError):
        return Refusal(source, str(error), getattr(error, "kind", "damaged"))
    return Refusal(source, said.format(f"{type(error).__name__}: {error}"))


def file_of(source):
    """The file of a source "file:frame"; a source that names no frame is the file."""
    path, _, frame = source.rpartition(":")
    return path if path and frame.isdigit() else source
