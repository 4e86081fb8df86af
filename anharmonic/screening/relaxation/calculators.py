"""ASE calculators by name: universal potentials that are installed, and functions of Python files."""

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from anharmonic.errors import AnharmonicError
from anharmonic.files import function_of
from anharmonic.screening.extras import extra


@dataclass(frozen=True)
class Universal:
    """A universal potential: the package it comes in, where its class or function is, and how that is called."""

    package: str
    module: str
    factory: str
    options: dict


UNIVERSAL = {
    "7net-0": Universal("sevenn", "sevenn.calculator", "SevenNetCalculator", {"model": "7net-0", "device": "cpu"}),
    "mace-mp": Universal(
        "mace", "mace.calculators", "mace_mp", {"model": "medium", "device": "cpu", "default_dtype": "float64"}
    ),
    "chgnet": Universal("chgnet", "chgnet.model.dynamics", "CHGNetCalculator", {"use_device": "cpu"}),
}
"""By name, in the order in which the first installed one is taken; all learnt PBE (7net-0, mace-mp and chgnet the
relaxations of the Materials Project, with its Hubbard U for some oxides and fluorides)."""


def installed():
    """Names of the universal potentials whose packages are installed; nothing is imported."""
    return [name for name, known in UNIVERSAL.items() if find_spec(known.package)]


def found_anywhere(name):
    """The name of a calculator that processes in other folders find: files by their whole path."""
    file, _, function = (name or "").rpartition(":")
    return f"{Path(file).resolve()}:{function}" if file else name


@cache
def calculator_of(name=None):
    """An ASE calculator; the same one whenever it is asked for by the same name.

    Parameters
    ----------
    name : str, optional
        Of `UNIVERSAL`, or ``"file.py:function"``, a function without arguments; by default the first that is installed.

    Raises
    ------
    AnharmonicError
        If none is installed, or this one is not, or the name is unknown.
    """
    name = name or next(iter(installed()), None)
    if name is None:
        raise AnharmonicError(
            f"no universal potential is installed (known are {', '.join(UNIVERSAL)}); install one, name a calculator "
            'as "file.py:function", or have inputs written instead'
        )
    file, _, function = name.rpartition(":")
    if file:
        return function_of(Path(file), function)()
    if name not in UNIVERSAL:
        raise AnharmonicError(f'calculators are {", ".join(UNIVERSAL)} or "file.py:function"; found {name!r}')
    known = UNIVERSAL[name]
    if not find_spec(known.package):
        raise AnharmonicError(f"{name} needs the package {known.package}, which is not installed")
    return getattr(extra(known.module), known.factory)(**known.options)
