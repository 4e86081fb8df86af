"""The file learn.toml: what is fitted, where it is sampled, how many structures are labelled, and by whom."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from anharmonic.errors import AnharmonicError
from anharmonic.fitting.config import FitConfig
from anharmonic.fitting.sections import check_section, load_toml
from anharmonic.learning.labellers import labeller_of

NUMBER = (int, float)
KEYS = {
    "learn": {"fit": (str,), "rounds": (int,), "seed": (int,)},
    "sample": {
        "supercells": (list,), "temperatures": (list,), "equilibration": (int,), "production": (int,),
        "timestep": NUMBER, "every": (int,), "pressure_GPa": NUMBER,
    },
    "pick": {"per_round": (int,), "above": NUMBER, "below": NUMBER, "share": NUMBER},
    "label": {
        "calculator": (str,), "command": (str,), "incar": (str,), "kspacing": NUMBER, "kpoints": (str,),
        "info": (dict,),
    },
}  # fmt: skip
"""Sections, their keys, and the types of the values."""

SECTIONS = ("sample", "pick", "label")


@dataclass(frozen=True)
class LearnPlan:
    """A checked learn.toml.

    Attributes
    ----------
    path : Path
    fit : FitConfig
        How the potential is fitted, and the labels that there are.
    rounds : int
        At most.
    seed : int
    supercells : tuple of 3x3 nested tuple
        In which molecular dynamics samples: cells that can be labelled.
    temperatures : tuple of float
        K.
    equilibration, production, every : int
        Steps of each run, and between the structures that are looked at.
    timestep, pressure_GPa : float
        fs, GPa.
    per_round : int
        Structures that are labelled in a round.
    above, below : float
        Extrapolation grades between which structures are candidates. A run stops at `below`.
    share : float
        Learning ends when no larger share of what was sampled is above `above`.
    labeller : AseLabeller, CommandLabeller or VaspLabeller
    info : dict
        Facts that new labels carry, such as the group that their energies belong to.
    """

    path: Path
    fit: FitConfig
    supercells: tuple
    temperatures: tuple
    labeller: object
    rounds: int = 10
    seed: int = 0
    equilibration: int = 400
    production: int = 4000
    every: int = 200
    timestep: float = 5.0
    pressure_GPa: float = 0.0
    per_round: int = 8
    above: float = 1.0
    below: float = 4.0
    share: float = 0.01
    info: dict = None

    def __post_init__(self):
        _positive(self, "rounds", "production", "every", "timestep", "per_round", "above")
        if self.below <= self.above:
            raise AnharmonicError(
                f"{self.path}: structures between the grades above = {self.above:g} and below = {self.below:g} are "
                "candidates: below must be the larger"
            )
        if not self.temperatures or min(self.temperatures) <= 0:
            raise AnharmonicError(f"{self.path}: temperatures are above 0 K; found {list(self.temperatures)}")

    @classmethod
    def read(cls, path):
        """Read and check a file; paths in it are relative to it.

        Raises
        ------
        AnharmonicError
            If the file cannot be read, or a section, key or value is not known or missing.
        """
        path = Path(path)
        content = load_toml(path)
        sections = {name: content.pop(name, {}) for name in SECTIONS}
        for name, table in [("learn", content), *sections.items()]:
            check_section(path, name, table, KEYS)
        for name, key in (("learn", "fit"), ("sample", "supercells"), ("sample", "temperatures")):
            if key not in (content if name == "learn" else sections[name]):
                raise AnharmonicError(f"{path}: {key} is missing; see `anharmonic learn --example`")
        sample, label = sections["sample"], dict(sections["label"])
        info = label.pop("info", {})
        return cls(
            path, FitConfig.read(path.parent / content.pop("fit")),
            tuple(_matrix(path, cell) for cell in sample.pop("supercells")),
            tuple(map(float, sample.pop("temperatures"))), labeller_of(path, label),
            info=info, **content, **sample, **sections["pick"],
        )  # fmt: skip

    def runs(self):
        """``(name, supercell, temperature)`` of the runs of a round."""
        for number, cell in enumerate(self.supercells):
            for temperature in self.temperatures:
                yield f"cell{number}-{temperature:g}K", cell, temperature


def _matrix(path, cell):
    """A supercell as nested tuples: three numbers are a diagonal."""
    matrix = np.array(cell)
    matrix = np.diag(matrix) if matrix.shape == (3,) else matrix
    if matrix.shape != (3, 3) or matrix.dtype.kind != "i" or round(np.linalg.det(matrix)) == 0:
        raise AnharmonicError(f"{path}: a supercell is [n, n, n] or three rows of three integers; found {cell!r}")
    return tuple(map(tuple, matrix.tolist()))


def _positive(plan, *names):
    for name in names:
        if getattr(plan, name) <= 0:
            raise AnharmonicError(f"{plan.path}: {name} is above 0; found {getattr(plan, name):g}")
