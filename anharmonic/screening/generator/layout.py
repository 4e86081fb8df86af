"""Where what stands in the descriptor: an array of 264 rows and 60 columns, as an image of 60 x 88 x 3.

Chenebuah, Nganbe and Tchagang (2023), section 2.1 and fig. 1d, give the parts and the size of the image; how many rows
each part has they do not say. The rows here add up to theirs: 89 elements, 20 sites, 3 lattice vectors, their angles,
20 coordinates, the number of atoms and 130 bins of properties are 264 = 3 x 88; 3 columns of direct space and 57 planes
are 60. Three rows that follow each other are the three channels of a pixel; columns are the height of the image.

| rows | columns 0 - 2 (direct space) | columns 3 - 59 (reciprocal space) |
| --- | --- | --- |
| 0 - 88 | elements of A, B, X, one-hot | 0 |
| 89 - 108 | sites: whether A, B or X is there; 0 where no atom is | 0 |
| 109 - 111 | lattice vectors, A | reciprocal vectors, 1/A, in the first three columns |
| 112 | angles, degrees | length of G of each plane, 1/A |
| 113 - 132 | fractional coordinates | 0 |
| 133 | number of atoms: more than 5, 10, 15 | distance of each plane, A; 0 of (000) |
| 134 - 263 | properties of A, B, X, one-hot | Fourier sums of the properties |
"""

from itertools import product

import numpy as np

SHAPE = 60, 88, 3
SITES = 20
"""Most atoms of a cell."""
COUNTS = 5, 10, 15, 20
"""Numbers of atoms that cells may have."""
DIRECT, RECIPROCAL = slice(0, 3), slice(3, 60)
"""Columns of the two blocks."""
_SIZES = {
    "elements": 89, "sites": SITES, "lattice": 3, "angles": 1, "coordinates": SITES, "count": 1, "properties": 130,
}  # fmt: skip
_ENDS = np.cumsum([0, *_SIZES.values()]).tolist()
ROWS = {name: slice(end - size, end) for (name, size), end in zip(_SIZES.items(), _ENDS[1:], strict=True)}
"""Rows of the parts of direct space."""
RECIPROCAL_ROWS = {
    "vectors": ROWS["lattice"], "lengths": ROWS["angles"], "distances": ROWS["count"], "sums": ROWS["properties"],
}  # fmt: skip
"""Rows of the parts of reciprocal space, beside what they belong to."""
LARGEST_INDEX, LARGEST_SUM = 2, 3

PLANES = np.array(
    sorted(
        (p for p in product(range(-LARGEST_INDEX, LARGEST_INDEX + 1), repeat=3) if np.abs(p).sum() <= LARGEST_SUM),
        key=lambda p: (np.abs(p).sum(), p),
    )
)
"""Miller indices (57, 3) with |h| + |k| + |l| <= 3, none beyond 2, (000) first."""


def image(array):
    """Images (..., 60, 88, 3) of arrays (..., 264, 60)."""
    return np.swapaxes(array, -1, -2).reshape(*array.shape[:-2], *SHAPE)


def array(image):
    """Arrays (..., 264, 60) of images (..., 60, 88, 3)."""
    return np.swapaxes(np.reshape(image, (*np.shape(image)[:-3], SHAPE[0], SHAPE[1] * SHAPE[2])), -1, -2)


def part_masks():
    """By part, which entries (264, 60) of the array it has; what belongs to none is always 0.

    The parts are those of direct space, `vectors`, `lengths`, `distances` and `sums`.
    """
    found = {}
    for rows, columns in ((ROWS, DIRECT), (RECIPROCAL_ROWS, RECIPROCAL)):
        for name, own in rows.items():
            found[name] = np.zeros((SHAPE[1] * SHAPE[2], SHAPE[0]), bool)
            found[name][own, slice(3, 6) if name == "vectors" else columns] = True
    return found
