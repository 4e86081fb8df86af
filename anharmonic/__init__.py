"""Finite-temperature physics of crystals that harmonic models cannot describe.

Public names are imported when they are first used: ``anharmonic --help`` need not wait for JAX.
"""

import sys
from importlib import import_module
from types import ModuleType

__version__ = "0.1.0"

_HOMES = {
    "AnharmonicError": "errors",
    "Calculator": "interfaces.calculator",
    "ClusterBasis": "clusters",
    "Configuration": "crystal",
    "Crystal": "crystal",
    "Dataset": "data",
    "Potential": "potential",
    "Schedule": "fitting",
    "Supercell": "crystal",
    "Weights": "fitting",
    "fit": "fitting",
    "load": "potential",
    "map_atoms": "crystal",
    "relax": "potential",
    "shipped": "potential",
    "sweep": "sweep",
}
_FOLDERS = ("analysis", "clusters", "crystal", "data", "fitting", "interfaces", "potential", "sampling")

__all__ = sorted(_HOMES)


def __getattr__(name):
    if name in _FOLDERS:
        return import_module(f"{__name__}.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted([*globals(), *__all__, *_FOLDERS])


class _Package(ModuleType):
    """This package; its `sweep` is the function, also once Python has bound the name to the folder."""

    @property
    def sweep(self):
        return import_module(f"{__name__}.sweep.sweep").sweep

    @sweep.setter
    def sweep(self, folder):
        pass


sys.modules[__name__].__class__ = _Package
