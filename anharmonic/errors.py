"""The errors a user can cause; the command line turns each into one message and exit code 2."""


class AnharmonicError(ValueError):
    """Base of all errors about input: files, options, structures."""


class MappingError(AnharmonicError):
    """A structure is no distorted supercell of the reference crystal."""


class FileFormatError(AnharmonicError):
    """A file is damaged, truncated, edited, or of an unknown version."""


class DatasetError(AnharmonicError):
    """A data set lacks what is asked of it."""


class RunFileError(AnharmonicError):
    """A run file belongs to another run or cannot be continued."""


class ExtrapolationError(AnharmonicError):
    """A configuration lies outside the range that a potential was fitted to."""
