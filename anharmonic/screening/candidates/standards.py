"""Perovskites that candidates are compared with.

Three are those of the paper (Chenebuah, Nganbe and Tchagang, Proc. Can. Conf. AI (2023), section 3.4): trigonal NdAlO3
(ICSD 10333), tetragonal NaNbO3 (ICSD 23563), tetragonal CaTiO3 (ICSD 162919). Their cells and free parameters here are
those of the same phases in the Materials Project (CC-BY-4.0, relaxed with PBE), as the ICSD is not open: volumes do not
count, and what is left are c/a and the angle of one tilt. Three more are ours, since most known perovskites have them:
the cubic aristotype, and GdFeO3's tilts (Pnma), small as in CaTiO3 and large as in GdFeO3.
"""

from dataclasses import dataclass
from functools import cache

from ase.spacegroup import crystal


@dataclass(frozen=True)
class Standard:
    """A structure by its space group, in the standard setting with the second origin.

    Attributes
    ----------
    compound : str
    symbol : str
        Of the space group.
    number : int
    tilts : str
        In Glazer's notation.
    elements : tuple of str
        Of the sites: A first, then B, then X.
    sites : tuple of (float, float, float)
        Fractional coordinates.
    cell : tuple of float
        Lengths (A) and angles (degrees).
    source : str
    paper : bool
        Whether it is one of the three of the paper.
    """

    compound: str
    symbol: str
    number: int
    tilts: str
    elements: tuple
    sites: tuple
    cell: tuple
    source: str
    paper: bool = False

    @property
    def name(self):
        return f"{self.compound} ({self.symbol})"

    @property
    def atoms(self):
        """The conventional cell, as ase.Atoms."""
        return crystal(list(self.elements), list(self.sites), spacegroup=self.number, cellpar=list(self.cell))


@cache
def standards():
    """All of them, those of the paper first."""
    quarter, half = 0.25, 0.5
    return (
        Standard(
            "NdAlO3", "R-3c", 167, "a- a- a-", ("Nd", "Al", "O"),
            ((0, 0, quarter), (0, 0, 0), (0.5534, 0, quarter)), (5.3813, 5.3813, 13.0054, 90, 90, 120),
            "Materials Project mp-5899; in the paper ICSD 10333", True,
        ),
        Standard(
            "NaNbO3", "P4/mbm", 127, "a0 a0 c+", ("Na", "Nb", "O", "O"),
            ((0, half, half), (0, 0, 0), (0, 0, half), (0.3011, 0.8011, 0)), (5.5735, 5.5735, 4.0180, 90, 90, 90),
            "Materials Project mp-4419; in the paper ICSD 23563", True,
        ),
        Standard(
            "CaTiO3", "I4/mcm", 140, "a0 a0 c-", ("Ca", "Ti", "O", "O"),
            ((0, half, quarter), (0, 0, 0), (0, 0, quarter), (0.3089, 0.8089, 0)),
            (5.4172, 5.4172, 7.8403, 90, 90, 90), "Materials Project mp-3442; in the paper ICSD 162919", True,
        ),
        Standard(
            "SrTiO3", "Pm-3m", 221, "a0 a0 a0", ("Sr", "Ti", "O"),
            ((half, half, half), (0, 0, 0), (half, 0, 0)), (3.905, 3.905, 3.905, 90, 90, 90),
            "the aristotype, without a free parameter",
        ),
        Standard(
            "CaTiO3", "Pnma", 62, "a- b+ a-", ("Ca", "Ti", "O", "O"),
            ((0.0350, quarter, 0.9935), (0, 0, half), (0.4838, quarter, 0.0714), (0.2888, 0.0371, 0.7108)),
            (5.4423, 7.6401, 5.3796, 90, 90, 90), "Sasaki, Prewitt, Bass and Schulze, Acta Cryst. C 43, 1668 (1987)",
        ),
        Standard(
            "GdFeO3", "Pnma", 62, "a- b+ a-", ("Gd", "Fe", "O", "O"),
            ((0.0626, quarter, 0.9840), (0, 0, half), (0.4669, quarter, 0.1009), (0.3016, 0.0504, 0.6955)),
            (5.611, 7.669, 5.349, 90, 90, 90), "Marezio, Remeika and Dernier, Acta Cryst. B 26, 2008 (1970)",
        ),
    )  # fmt: skip
