"""Tolerance and octahedral factors, and the region of them where rigid spheres can form a perovskite.

After Goldschmidt, Naturwissenschaften 14, 477 (1926), and the limits of Filip and Giustino, Proc. Natl. Acad. Sci. 115,
5397 (2018), as Williams, Mukherjee and Rajan give them. All limits of t are functions of mu:

- OL: the anions of an octahedron touch each other, mu = sqrt(2) - 1;
- SL: A touches all twelve anions of the cubic structure, t = 1;
- TL1, TL2: octahedra are tilted until anions of different ones touch, t = (1.366 + 0.422 mu) / (sqrt(2) (mu + 1)) and
  t = (1.125 + 0.732 mu) / (sqrt(2) (mu + 1));
- CL1, CL2: no cation is larger, and no anion smaller, than those considered,
  t = (r_A / r_X + 1) / (sqrt(2) (mu + 1)) and mu = r_B / r_X.

The paper prints the denominator of TL1 and TL2 as (sqrt(2) mu + 1). But sqrt(2) (mu + 1) t is r_A / r_X + 1, and
rigid octahedra tilted about two axes (a+ b- b-) until anions touch leave A a hole of r_A / r_X + 1 = 1.55, 1.64, 1.73
and 1.85 at least at mu = 0.41, 0.6, 0.8 and 1, within about 1 % of the numerator, as a test shows; with the printed one
CaTiO3 would be below the limit. The two meet at mu = 0.777, not at 0.8 as printed, where they are 0.4 % apart: here
the higher one counts everywhere.
"""

from dataclasses import dataclass

import numpy as np

from anharmonic.errors import AnharmonicError
from anharmonic.screening.perovskites.radii import radius

OCTAHEDRAL = np.sqrt(2) - 1
STRETCH = 1.0
TURN = 0.241 / 0.31
"""Octahedral factor where TL1 and TL2 meet."""
TILT = (1.366, 0.422), (1.125, 0.732)
NAMES = ("OL", "SL", "TL", "CL1", "CL2")
LARGEST = 55, 1
"""Atomic number and charge of the largest cation, caesium."""


def tolerance_factor(r_a, r_b, r_x):
    """t = (r_A + r_X) / (sqrt(2) (r_B + r_X)) of radii (A, numbers or arrays)."""
    return (r_a + r_x) / (np.sqrt(2) * (r_b + r_x))


def octahedral_factor(r_b, r_x):
    """mu = r_B / r_X of radii (A, numbers or arrays)."""
    return r_b / r_x


def tilt_limits(mu):
    """Least tolerance factors by TL1 and TL2, each of the shape of `mu`; the higher one counts."""
    return tuple((c + m * mu) / (np.sqrt(2) * (mu + 1)) for c, m in TILT)


@dataclass(frozen=True)
class Limits:
    """The region where a perovskite of certain elements can be.

    Attributes
    ----------
    r_a, r_b : float
        Radii (A) of the largest cations on A and on B.
    r_x : float
        Radius (A) of the smallest anion.

    Raises
    ------
    AnharmonicError
        If a radius is not positive.
    """

    r_a: float
    r_b: float
    r_x: float

    def __post_init__(self):
        if not min(self.r_a, self.r_b, self.r_x) > 0:
            raise AnharmonicError(f"limits need positive radii; found {self.r_a:g}, {self.r_b:g} and {self.r_x:g} A")

    @classmethod
    def of_anion(cls, r_x, coordination=6, kind="crystal"):
        """Limits with caesium as the largest cation: in this coordination on A, sixfold on B."""
        return cls(radius(*LARGEST, coordination, kind).value, radius(*LARGEST, 6, kind).value, r_x)

    @property
    def largest_octahedral(self):
        """CL2."""
        return octahedral_factor(self.r_b, self.r_x)

    def chemical(self, mu):
        """CL1: greatest tolerance factor with the largest A and the smallest X."""
        return (self.r_a / self.r_x + 1) / (np.sqrt(2) * (np.asarray(mu) + 1))

    def bounds(self, mu):
        """Least (the higher TL) and greatest (the lower of SL and CL1) tolerance factor at octahedral factors (n,)."""
        return np.maximum(*tilt_limits(np.asarray(mu))), np.minimum(STRETCH, self.chemical(mu))

    def curves(self, least, greatest):
        """Lines to draw: by name octahedral and tolerance factors, on a plane from `least` to `greatest` (mu, t)."""
        mu, up = np.linspace(least[0], greatest[0], 500), np.array([least[1], greatest[1]])
        low, high = mu[mu < TURN], mu[mu >= TURN]
        return {
            "OL": (np.full(2, OCTAHEDRAL), up),
            "SL": (mu[[0, -1]], np.full(2, STRETCH)),
            "TL1": (low, tilt_limits(low)[0]),
            "TL2": (high, tilt_limits(high)[1]),
            "CL1": (mu, self.chemical(mu)),
            "CL2": (np.full(2, self.largest_octahedral), up),
        }

    def region(self):
        """Octahedral factors (n,) from OL to CL2, and the least and greatest tolerance factor at each."""
        mu = np.linspace(OCTAHEDRAL, max(OCTAHEDRAL, self.largest_octahedral), 300)
        return mu, *self.bounds(mu)

    def broken(self, mu, t):
        """Masks of the shape of `mu` and `t` by name of the limit (`NAMES`): True beyond it, False on it.

        CL1 and CL2 have a margin of 1e-9: the compound of the largest cation itself is on them.
        """
        mu, t = np.asarray(mu, float), np.asarray(t, float)
        return {
            "OL": mu < OCTAHEDRAL,
            "SL": t > STRETCH,
            "TL": t < np.maximum(*tilt_limits(mu)),
            "CL1": t > self.chemical(mu) + 1e-9,
            "CL2": mu > self.largest_octahedral + 1e-9,
        }

    def inside(self, mu, t):
        """Mask of the shape of `mu` and `t`: True where no limit is broken."""
        return ~np.any(list(self.broken(mu, t).values()), axis=0)
