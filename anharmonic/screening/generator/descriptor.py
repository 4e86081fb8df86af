"""The invertible descriptor: a compound ABX3 as an array that holds it twice, in direct and in reciprocal space."""

import numpy as np

from anharmonic.errors import AnharmonicError
from anharmonic.screening.generator import layout
from anharmonic.screening.generator.fourier import fourier_sums, reciprocal_lattice
from anharmonic.screening.generator.properties import property_table, property_vectors
from anharmonic.screening.generator.standard import standard_setting
from anharmonic.screening.library import Refused
from anharmonic.screening.perovskites.roles import roles


def encode(atoms, reading="structure_factor", standard=True):
    """The descriptor of a compound ABX3 (Chenebuah, Nganbe and Tchagang (2023), section 2.1 and fig. 1d).

    Parameters
    ----------
    atoms : ase.Atoms
        At most 20 atoms in the cell.
    reading : str
        Of eq. 1: one of `fourier.READINGS`.
    standard : bool
        In the setting of `standard_setting`; otherwise in the cell and orientation as they are, A first, then B,
        then X, each in the order given.

    Returns
    -------
    ndarray, shape (60, 88, 3)
        In physical units; `layout` says what stands where.

    Raises
    ------
    AnharmonicError
        If the structure is no compound ABX3 of three known elements, or has too many atoms.
    """
    own = list(roles(atoms))
    atoms = standard_setting(atoms) if standard else atoms[_by_role(atoms, own)]
    if len(atoms) not in layout.COUNTS:
        raise AnharmonicError(f"cells with 5, 10, 15 or 20 atoms can be described; this one has {len(atoms)}")
    places = element_places(own)
    rank = np.array([own.index(number) for number in atoms.numbers])
    return layout.image(_array(atoms, places, rank, reading))


def encode_all(entries, reading="structure_factor", on_entry=None):
    """Descriptors of many structures in their standard setting; those that have none are listed with the reason.

    Parameters
    ----------
    entries : sequence of Entry
    reading : str
    on_entry : callable, optional
        Called with the numbers of structures done and of all structures.

    Returns
    -------
    images : ndarray, shape (n, 60, 88, 3), float32
    entries : list of Entry
        Those that were described.
    refused : list of Refused
    """
    images, taken, refused = [], [], []
    for number, entry in enumerate(entries):
        try:
            images.append(encode(entry.atoms, reading).astype(np.float32))
        except AnharmonicError as error:
            refused.append(Refused(entry.name, str(error)))
        else:
            taken.append(entry)
        if on_entry:
            on_entry(number + 1, len(entries))
    return np.array(images, np.float32).reshape(-1, *layout.SHAPE), taken, refused


def element_places(numbers):
    """Rows (n,) of elements in the table of properties.

    Raises
    ------
    AnharmonicError
        If an element is not in it.
    """
    known = property_table()[0].tolist()
    unknown = [number for number in numbers if number not in known]
    if unknown:
        raise AnharmonicError(f"elements H to Pu without Po, At, Rn, Fr, Ra can be described; found Z = {unknown[0]}")
    return [known.index(number) for number in numbers]


def reciprocal_block(cell, coordinates, vectors, reading):
    """The reciprocal half (264, 57) of the array; `vectors` (n_atoms, 130) are the properties on the sites."""
    found, rows = np.zeros((layout.SHAPE[1] * layout.SHAPE[2], len(layout.PLANES))), layout.RECIPROCAL_ROWS
    reciprocal, lengths, distances = reciprocal_lattice(cell)
    found[rows["vectors"], :3] = reciprocal
    found[rows["lengths"]], found[rows["distances"]] = lengths, distances
    found[rows["sums"]] = fourier_sums(vectors, coordinates, reading)
    return found


def _array(atoms, places, rank, reading):
    """The array (264, 60) of sorted atoms; `places` of the three elements, `rank` (n_atoms,) 0 of A, 1 of B, 2 of X."""
    rows, coordinates = layout.ROWS, atoms.get_scaled_positions(wrap=False)
    direct = np.zeros((layout.SHAPE[1] * layout.SHAPE[2], 3))
    direct[rows["elements"]][places, range(3)] = 1.0
    direct[rows["sites"]][range(len(atoms)), rank] = 1.0
    direct[rows["lattice"]] = atoms.cell.array
    direct[rows["angles"]] = atoms.cell.angles()
    direct[rows["coordinates"]][: len(atoms)] = coordinates
    direct[rows["count"]] = [len(atoms) > least for least in layout.COUNTS[:-1]]
    direct[rows["properties"]] = property_vectors()[places].T
    vectors = property_vectors()[places][rank]
    return np.concatenate([direct, reciprocal_block(atoms.cell.array, coordinates, vectors, reading)], axis=1)


def _by_role(atoms, own):
    """Order of the atoms: A, B, X, each as given."""
    return np.argsort([own.index(number) for number in atoms.numbers], kind="stable")
