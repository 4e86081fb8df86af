"""Average structures as CIF, with displacement parameters, in the standard setting of their space group."""

from fractions import Fraction

import numpy as np
import spglib
from ase.data import chemical_symbols

from anharmonic.files import replacing

DECIMALS = 5


def write_cif(average, path, title):
    """Write an average structure.

    Cell and positions are idealised by spglib at the tolerance of the structure; U are those of CIF, referred to the
    reciprocal axes (Grosse-Kunstleve and Adams, J. Appl. Cryst. 35, 477 (2002), eq. 4a).

    Parameters
    ----------
    average : AverageStructure
    path : path
    title : str
        Name of the data block; spaces become underscores.
    """
    with replacing(path) as part:
        part.write_text("\n".join(_lines(average, title)) + "\n", encoding="utf-8")


def _lines(average, title):
    symmetry = average.symmetry
    yield f"data_{title.replace(' ', '_')}"
    yield f"# mean structure; space group at a tolerance of {average.tolerance:.4f} A"
    for name, value in zip(("a", "b", "c"), _lengths(symmetry.std_lattice), strict=True):
        yield f"_cell_length_{name} {value:.{DECIMALS}f}"
    for name, value in zip(("alpha", "beta", "gamma"), _angles(symmetry.std_lattice), strict=True):
        yield f"_cell_angle_{name} {value:.4f}"
    yield f"_space_group_name_H-M_alt '{symmetry.international}'"
    yield f"_space_group_IT_number {symmetry.number}"
    yield "loop_\n_space_group_symop_operation_xyz"
    operations = spglib.get_symmetry_from_database(symmetry.hall_number)
    yield from (f"'{_xyz(w, t)}'" for w, t in zip(operations["rotations"], operations["translations"], strict=True))
    names = "label", "type_symbol", "fract_x", "fract_y", "fract_z", "U_iso_or_equiv", "adp_type"
    yield "loop_\n" + "\n".join(f"_atom_site_{name}" for name in names)
    atoms = list(_atoms(average, operations))
    for label, symbol, position, tensor in atoms:
        places = " ".join(f"{x:.{DECIMALS}f}" for x in position)
        yield f"{label} {symbol} {places} {np.trace(tensor) / 3:.{DECIMALS}f} Uani"
    yield "loop_\n_atom_site_aniso_label\n" + "\n".join(
        f"_atom_site_aniso_U_{k}" for k in ("11", "22", "33", "23", "13", "12")
    )
    for label, _, _, tensor in atoms:
        u = _referred_to_axes(tensor, symmetry.std_lattice)
        yield f"{label} " + " ".join(
            f"{u[i, j]:.{DECIMALS}f}" for i, j in ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
        )


def _atoms(average, operations):
    """``(label, symbol, position, U)`` of the atoms of the asymmetric unit in the standard cell."""
    symmetry, counts = average.symmetry, {}
    parameters = {atom: estimate.mean for atom, estimate in average.displacement_parameters()}
    seen = []
    for position, number, primitive in zip(
        symmetry.std_positions, symmetry.std_types, symmetry.std_mapping_to_primitive, strict=True
    ):
        if any(n == number and _is_image(position, other, operations) for n, other in seen):
            continue
        seen.append((number, position))
        atom = int(np.flatnonzero(symmetry.mapping_to_primitive == primitive)[0])
        tensor = _tensor_of(average, atom, parameters)
        turn = symmetry.std_rotation_matrix
        symbol = chemical_symbols[number]
        counts[symbol] = counts.get(symbol, 0) + 1
        yield f"{symbol}{counts[symbol]}", symbol, position % 1, turn @ tensor @ turn.T


def _tensor_of(average, atom, parameters):
    """U of an atom from that of the one that represents its kind: turned by an operation between both."""
    lattice, positions, _ = average.spglib_cell
    first = int(average.symmetry.equivalent_atoms[atom])
    best, turned = np.inf, parameters[first]
    for rotation, translation in zip(average.symmetry.rotations, average.symmetry.translations, strict=True):
        away = rotation @ positions[first] + translation - positions[atom]
        distance = np.linalg.norm((away - away.round()) @ lattice)
        if distance < best:
            cartesian = lattice.T @ rotation @ np.linalg.inv(lattice.T)
            best, turned = distance, cartesian @ parameters[first] @ cartesian.T
    return turned


def _is_image(position, other, operations):
    moved = operations["rotations"] @ other + operations["translations"] - position
    return abs(moved - moved.round()).max(axis=1).min() < 1e-3


def _referred_to_axes(tensor, lattice):
    """U of CIF from a Cartesian one."""
    reciprocal = np.linalg.inv(lattice)  # columns: reciprocal vectors
    units = reciprocal / np.linalg.norm(reciprocal, axis=0)
    return units.T @ tensor @ units


def _lengths(lattice):
    return np.linalg.norm(lattice, axis=1)


def _angles(lattice):
    units = lattice / _lengths(lattice)[:, None]
    return np.degrees(np.arccos(np.clip([units[1] @ units[2], units[0] @ units[2], units[0] @ units[1]], -1, 1)))


def _xyz(rotation, translation):
    """An operation such as ``-x+1/2,y,z``."""
    parts = []
    for row, shift in zip(rotation, translation, strict=True):
        text = "".join("+-"[int(w < 0)] + name for w, name in zip(row, "xyz", strict=True) if w)
        fraction = Fraction(float(shift)).limit_denominator(24) % 1
        parts.append(text.removeprefix("+") + (f"+{fraction}" if fraction else ""))
    return ",".join(parts)
