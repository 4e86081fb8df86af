"""Packages that only screening needs."""

from importlib import import_module

from anharmonic.errors import AnharmonicError


def extra(name):
    """Import a module of an optional package.

    Raises
    ------
    AnharmonicError
        If the package is not installed.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise AnharmonicError(
            f"screening needs the package {error.name}; install it with: pip install 'anharmonic[screening]'"
        ) from None
