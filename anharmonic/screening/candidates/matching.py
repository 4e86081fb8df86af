"""Whether two crystals of one formula are the same: GRID first, and pymatgen's StructureMatcher where that is near.

StructureMatcher alone would be asked about every pair. Distances by GRID grow in proportion to lengths; before they are
compared, crystals are scaled to the same volume, as StructureMatcher does: a candidate may be swollen and still be the
same.
"""

from functools import cache

import numpy as np

from anharmonic.screening.distances.emd import quantile_emd
from anharmonic.screening.extras import extra

NEAR = 0.25
"""A: beyond it StructureMatcher is not asked; of 1,946 pairs that it takes for the same the farthest has 0.234."""
SAME = 0.04
"""A: up to it two crystals count as the same where StructureMatcher cannot be asked (docs/candidates.md)."""


def shape_distances(library, number, other, numbers):
    """Earth mover's distances of GRID at one volume.

    Parameters
    ----------
    library : Library
    number : int
        Of the crystal whose volume counts.
    other : Library
    numbers : ndarray, shape (n,), int

    Returns
    -------
    ndarray, shape (n,)
        A.
    """
    scales = np.cbrt(library.volumes[number] / other.volumes[numbers])
    return quantile_emd(other.quantiles[numbers] * scales[:, None, None], library.quantiles[number])


@cache
def _matcher():
    """With its usual tolerances: 0.2 of lengths, 0.3 (volume / atom)^(1/3) for sites, 5 degrees."""
    return extra("pymatgen.analysis.structure_matcher").StructureMatcher()


def same_crystal(one, other):
    """Whether pymatgen's StructureMatcher takes two structures (ase.Atoms) for the same, whatever their volumes."""
    return bool(_matcher().fit(_structure(one), _structure(other)))


def _structure(atoms):
    make = extra("pymatgen.core").Structure
    return make(atoms.cell.array, list(atoms.symbols), atoms.get_scaled_positions(wrap=True))
