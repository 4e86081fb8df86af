"""Front ends that compare and propose compounds: structures in, similarity, neighbours and properties out.

Independent of the engine: crystal structures only, no potential and no sampling.
"""

from anharmonic.screening.composition import Composition
from anharmonic.screening.descriptors.grid import GridSettings, grid, grid_of_distances
from anharmonic.screening.distances.emd import emd, grid_emd
from anharmonic.screening.entries import Entry, check_structure
from anharmonic.screening.library import Library, describe
from anharmonic.screening.metric import Metric
from anharmonic.screening.reading import read_entries

__all__ = [
    "Composition",
    "Entry",
    "GridSettings",
    "Library",
    "Metric",
    "check_structure",
    "describe",
    "emd",
    "grid",
    "grid_emd",
    "grid_of_distances",
    "read_entries",
]
