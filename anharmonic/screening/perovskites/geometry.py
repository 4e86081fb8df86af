"""All that geometry says of a compound ABX3: roles, charges, radii, factors, coordination."""

from dataclasses import dataclass

from ase.data import chemical_symbols

from anharmonic.errors import AnharmonicError
from anharmonic.screening.library import Refused
from anharmonic.screening.perovskites.coordination import Coordination, coordination
from anharmonic.screening.perovskites.factors import octahedral_factor, tolerance_factor
from anharmonic.screening.perovskites.radii import oxidation_states, radius
from anharmonic.screening.perovskites.roles import Roles, roles


@dataclass(frozen=True)
class Factors:
    """Charges, radii and factors.

    Attributes
    ----------
    charges : tuple of int
        Of A, B and X.
    radii : tuple of float
        Of A, B and X, A.
    exact : bool
        Whether Shannon's table has all three radii; otherwise some are estimates (`radii.radius`).
    octahedral, tolerance : float
        mu and t.
    """

    charges: tuple
    radii: tuple
    exact: bool
    octahedral: float
    tolerance: float


@dataclass(frozen=True)
class Geometry:
    """Of one structure; without charges that make it neutral `factors` is None, and `reason` says why."""

    roles: Roles
    coordination: Coordination
    factors: Factors | None
    reason: str = ""

    @property
    def symbols(self):
        """Of A, B and X."""
        return tuple(chemical_symbols[number] for number in self.roles)


def factors(found, coordination_a=6, kind="crystal"):
    """Charges, radii and factors of A, B and X.

    Parameters
    ----------
    found : Roles
    coordination_a : int
        In which the radius of A is taken; B and X have 6. In 12, t of a cubic perovskite whose ions touch is 1.
    kind : str
        Of `radii.KINDS`.

    Returns
    -------
    Factors

    Raises
    ------
    AnharmonicError
        If no charges make the compound neutral, or a radius is not known.
    """
    charges = oxidation_states(found)
    ions = [radius(*ion, kind) for ion in zip(found, charges, (coordination_a, 6, 6), strict=True)]
    a, b, x = (ion.value for ion in ions)
    exact = all(ion.exact for ion in ions)
    return Factors(charges, (a, b, x), exact, octahedral_factor(b, x), float(tolerance_factor(a, b, x)))


def geometries(entries, coordination_a=6, kind="crystal", on_done=None):
    """The geometry of every entry that is a compound ABX3.

    Parameters
    ----------
    entries : sequence of Entry
    coordination_a, kind
        As of `factors`.
    on_done : callable, optional
        Called with the numbers of entries done and of all.

    Returns
    -------
    found : list of (Entry, Geometry)
    refused : list of Refused
    """
    found, refused = [], []
    for number, entry in enumerate(entries):
        try:
            found.append((entry, geometry(entry.atoms, coordination_a, kind)))
        except AnharmonicError as error:
            refused.append(Refused(entry.name, str(error)))
        if on_done:
            on_done(number + 1, len(entries))
    return found, refused


def geometry(atoms, coordination_a=6, kind="crystal"):
    """The geometry of one structure (ase.Atoms).

    Raises
    ------
    AnharmonicError
        If it is no compound ABX3.
    """
    known = roles(atoms)
    around = coordination(atoms, known)
    try:
        return Geometry(known, around, factors(known, coordination_a, kind))
    except AnharmonicError as error:
        return Geometry(known, around, None, str(error))
