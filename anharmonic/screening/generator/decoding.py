"""From an array back to a crystal, with every reason why it may be none.

Descriptors of crystals come back to rounding. What a network makes is never exact: of each site the largest number
counts, elements are those whose one-hot vectors, of the element and of its thirteen properties, make the smallest angle
with what is written, and the redundancy of the descriptor says how far it agrees with itself.
"""

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols, covalent_radii

from anharmonic.screening.generator import layout
from anharmonic.screening.generator.conditions import allowed_elements
from anharmonic.screening.generator.descriptor import element_places, reciprocal_block
from anharmonic.screening.generator.properties import property_rows, property_table, property_vectors

OCCUPIED = 0.5
"""Sum of the numbers of a site from which on an atom is there."""
SHORTEST, LONGEST = 2.0, 40.0
"""Lengths of lattice vectors, A."""
FLATTEST = 0.1
"""Least volume of a cell, of the product of its lengths."""
LEAST_VOLUME, MOST_VOLUME = 4.0, 120.0
"""A^3 per atom."""
ANGLE = 5.0
"""Largest difference (degrees) of the angles written down from those of the lattice vectors."""
OUTSIDE = 0.1
"""By which coordinates may leave 0 to 1."""
OVERLAP = 0.5
"""Least distance of two atoms, of the sum of their covalent radii."""


DIGITS = 3
"""Of lengths (A) and coordinates that tell two crystals apart."""


@dataclass(frozen=True)
class Decoded:
    """A crystal from an array.

    Attributes
    ----------
    atoms : ase.Atoms or None
        None where no cell can be made of it.
    elements : tuple of str
        On A, B and X.
    problems : tuple of str
        Why it is no valid compound; empty if it is one.
    properties : float
        Share of the vectors of properties, of 13 of each of the three elements, that are those of the elements.
    reciprocal : float
        Root mean square difference of the Fourier sums from those of the decoded crystal, against the latter; NaN
        without a crystal.
    """

    atoms: Atoms | None
    elements: tuple
    problems: tuple
    properties: float
    reciprocal: float

    @property
    def valid(self):
        return not self.problems


def decode(image, reading="structure_factor", elements=None):
    """The crystal of a descriptor.

    Parameters
    ----------
    image : ndarray, shape (60, 88, 3)
        In physical units, as `descriptor.encode` gives it.
    reading : str
        Of eq. 1, as when it was made.
    elements : dict of str to iterable of str, optional
        By site (A, B, X) the elements that are decided among; any by default.

    Returns
    -------
    Decoded

    Raises
    ------
    AnharmonicError
        If a site or an element is unknown.
    """
    allowed = allowed_elements(elements)
    array = layout.array(np.asarray(image, float))
    direct = {name: array[rows, layout.DIRECT] for name, rows in layout.ROWS.items()}
    if not np.isfinite(array).all():
        return Decoded(None, (), ("a number is not finite",), 0.0, float("nan"))
    places = nearest_elements(direct["elements"], direct["properties"], allowed)
    numbers = property_table()[0][places]
    occupied = direct["sites"].sum(axis=1) > OCCUPIED
    rank = direct["sites"].argmax(axis=1)[occupied]
    problems = [*_composition_problems(numbers, occupied, rank, direct["count"]), *_lattice_problems(direct)]
    coordinates = direct["coordinates"][occupied]
    if (abs(coordinates - 0.5) > 0.5 + OUTSIDE).any():
        problems.append("coordinates are not between 0 and 1")
    atoms, difference = None, float("nan")
    if len(rank) and np.linalg.det(direct["lattice"]) > 0:
        atoms = Atoms(numbers[rank], cell=direct["lattice"], scaled_positions=coordinates, pbc=True)
        problems.extend(_overlaps(atoms))
        difference = _reciprocal_difference(array, atoms, rank, numbers, reading)
    symbols = tuple(chemical_symbols[number] for number in numbers)
    return Decoded(atoms, symbols, tuple(problems), _agreement(direct["properties"], places), difference)


def crystal_key(decoded):
    """Something hashable that is the same for the same crystal in the same setting."""
    if decoded.atoms is None:
        return decoded.elements, decoded.problems
    parts = decoded.atoms.cell.array, decoded.atoms.get_scaled_positions(wrap=False)
    return decoded.elements, *(np.rint(part * 10**DIGITS).astype(int).tobytes() for part in parts)


def nearest_elements(elements, properties, allowed=True):
    """Elements whose one-hot vectors, of the element and its properties as one, make the smallest angle with these.

    The angle, not the distance: elements with a gap in the table have shorter vectors, and would be nearest to whatever
    is not sure.

    Parameters
    ----------
    elements : ndarray, shape (..., 89, 3)
    properties : ndarray, shape (..., 130, 3)
    allowed : ndarray, shape (89, 3), bool
        Which elements are decided among on each site: `conditions.allowed_elements`.

    Returns
    -------
    ndarray, shape (..., 3), int
        Rows of `properties.property_table` of A, B and X.
    """
    return np.where(allowed, likenesses(elements, properties), -np.inf).argmax(axis=-2)


def likenesses(elements, properties):
    """Length of what is written, times the cosine of its angle with the vectors of every element.

    Parameters and shapes are those of `nearest_elements`; arrays of jax are as good.

    Returns
    -------
    array, shape (..., 89, 3)
    """
    vectors = property_vectors()
    lengths = np.sqrt(1 + vectors.sum(axis=1))
    return (elements + vectors @ properties) / lengths[:, None]


def _composition_problems(numbers, occupied, rank, count):
    """What is wrong with elements, sites and the number of atoms."""
    if len(set(numbers.tolist())) < 3:
        yield "A, B and X are not three elements"
    n_atoms, said = int(occupied.sum()), layout.COUNTS[int((count.mean(axis=0) > 0.5).sum())]
    if n_atoms != said:
        yield f"{n_atoms} sites are occupied where {said} atoms are said to be"
    if occupied[n_atoms:].any():
        yield "an empty site lies between occupied ones"
    of_each = np.bincount(rank, minlength=3)
    if not n_atoms or [5 * k for k in of_each] != [n_atoms, n_atoms, 3 * n_atoms]:
        yield "the sites of A, B, X are {} : {} : {}, not 1 : 1 : 3".format(*of_each)


def _lattice_problems(direct):
    """What is wrong with the lattice."""
    cell, angles = direct["lattice"], direct["angles"][0]
    lengths, volume = np.linalg.norm(cell, axis=1), np.linalg.det(cell)
    if lengths.min() < SHORTEST or lengths.max() > LONGEST:
        yield f"lattice vectors have lengths of {lengths.min():.2f} to {lengths.max():.2f} A"
    if volume < FLATTEST * np.prod(lengths):
        yield "the cell is flat or left-handed"
        return
    per_atom = volume / max(int((direct["sites"].sum(axis=1) > OCCUPIED).sum()), 1)
    if not LEAST_VOLUME < per_atom < MOST_VOLUME:
        yield f"the cell has {per_atom:.2f} A^3 per atom"
    worst = abs(Atoms(cell=cell).cell.angles() - angles).max()
    if worst > ANGLE:
        yield f"an angle differs by {worst:.1f} degrees from that of the lattice vectors"


def _overlaps(atoms):
    """Whether two atoms are too near each other; with their own images, the lengths of the lattice decide."""
    if len(atoms) < 2 or np.linalg.det(atoms.cell.array) < FLATTEST * np.prod(atoms.cell.lengths()):
        return
    radii = covalent_radii[atoms.numbers]
    ratios = atoms.get_all_distances(mic=True) / (radii[:, None] + radii)
    np.fill_diagonal(ratios, np.inf)
    one, other = np.unravel_index(ratios.argmin(), ratios.shape)
    if ratios[one, other] < OVERLAP:
        pair = f"{chemical_symbols[atoms.numbers[one]]} and {chemical_symbols[atoms.numbers[other]]}"
        yield f"{pair} are {ratios[one, other] * (radii[one] + radii[other]):.2f} A apart"


def _agreement(properties, places):
    """Share of the vectors of properties, of those that have a bin, that name the bin of their element."""
    expected, right = property_vectors()[places].T, []
    for rows in property_rows().values():
        known = expected[rows].any(axis=0)
        right.extend((properties[rows].argmax(axis=0) == expected[rows].argmax(axis=0))[known])
    return float(np.mean(right))


def _reciprocal_difference(array, atoms, rank, numbers, reading):
    """Of the Fourier sums that are written down, against those of the crystal."""
    vectors = property_vectors()[element_places(numbers.tolist())][rank]
    own = reciprocal_block(atoms.cell.array, atoms.get_scaled_positions(wrap=False), vectors, reading)
    rows = layout.RECIPROCAL_ROWS["sums"]
    written, own = array[rows, layout.RECIPROCAL], own[rows]
    return float(np.sqrt(((written - own) ** 2).mean() / (own**2).mean()))
