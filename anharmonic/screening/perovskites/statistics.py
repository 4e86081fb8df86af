"""Which elements form perovskites: over their compositions, how often the structure of lowest energy is one.

After figure 6 of Williams, Mukherjee and Rajan. A composition is an ordered choice of A, B and X: SrTiO3 with strontium
on B is another one. Who is on A is read off each relaxed structure (`roles`), not off the structure it started from.
"""

from dataclasses import dataclass

from anharmonic.errors import AnharmonicError
from anharmonic.screening.perovskites.roles import Roles

SITES = ("a", "b")


@dataclass(frozen=True)
class Share:
    """Compositions of an element on a site, and how many of them have a perovskite as their lowest structure."""

    compositions: int
    perovskites: int

    @property
    def value(self):
        """The share, 0 to 1."""
        return self.perovskites / self.compositions


def lowest(found, name):
    """The structure of lowest energy of every composition.

    Parameters
    ----------
    found : sequence of (Entry, Geometry)
    name : str
        Property with energies per atom; structures without it are left out.

    Returns
    -------
    dict of Roles to (Entry, Geometry)

    Raises
    ------
    AnharmonicError
        If no structure has this property.
    """
    best = {}
    for entry, geometry in found:
        energy = entry.properties.get(name)
        if energy is not None:
            held = best.get(geometry.roles)
            if held is None or energy < held[0].properties[name]:
                best[geometry.roles] = entry, geometry
    if not best:
        known = sorted({key for entry, _ in found for key in entry.properties})
        raise AnharmonicError(f"no structure has the property {name!r}; known are {', '.join(known) or 'none'}")
    return best


def formed(best, rival=None, corners=False):
    """Whether the lowest structure of each composition is a perovskite.

    Parameters
    ----------
    best : dict of Roles to (Entry, Geometry)
        Of `lowest`.
    rival : str, optional
        The property of `lowest`: a composition does not count if the one with A and B exchanged is lower. Without it
        both may count, as in the paper.
    corners : bool
        Whether octahedra have to share corners and nothing more, besides the paper's criterion.

    Returns
    -------
    dict of Roles to bool
    """
    found = {}
    for roles, (entry, geometry) in best.items():
        around = geometry.coordination
        found[roles] = around.perovskite and (around.corners or not corners)
        if rival and (other := best.get(Roles(roles.b, roles.a, roles.x))):
            found[roles] &= entry.properties[rival] <= other[0].properties[rival]
    return found


def shares(compositions):
    """Shares of the compositions of each element that form perovskites.

    Parameters
    ----------
    compositions : dict of Roles to bool
        Of `formed`.

    Returns
    -------
    dict of str to dict of int to Share
        By site ("a", "b") and atomic number.
    """
    found = {}
    for site in SITES:
        lists = {}
        for roles, one in compositions.items():
            lists.setdefault(getattr(roles, site), []).append(one)
        found[site] = {number: Share(len(ones), sum(ones)) for number, ones in sorted(lists.items())}
    return found


def formers(found, least=0.5):
    """Atomic numbers of the elements whose share is above `least`, of one site of `shares`."""
    return [number for number, share in found.items() if share.value > least]
