"""Random substitution: what is exchanged, by what, and how the cell follows."""

from functools import cache

import numpy as np
import pytest
from ase.data import atomic_numbers, covalent_radii
from crystals import perovskite

from anharmonic.errors import AnharmonicError
from anharmonic.screening import Entry
from anharmonic.screening.generator.substitution import Known, bond_lengths, charges_of, scale, substitute
from anharmonic.screening.perovskites.radii import radius

STABLE = {"SrTiO3": 3.905, "BaZrO3": 4.19, "CaTiO3": 3.85, "LaAlO3": 3.79, "KMgF3": 3.99, "LaMgAl3": 5.0}
OTHERS = {"CsPbBr3": 5.87, "KTaO3": 3.99, "RbCaF3": 4.45}


@cache
def known():
    compounds = STABLE | OTHERS
    entries = [Entry(name, perovskite(a, name)) for name, a in compounds.items()]
    entries.append(Entry("salt", perovskite(4.0, "SrTiO3")[:2]))
    return Known.of(entries, [-3.0] * len(STABLE) + [-1.0] * len(OTHERS) + [-9.0])


def test_what_is_known():
    """Roles and charges; what is no compound ABX3 is left out."""
    found = known()
    assert len(found.entries) == 9 and found.sites[0].tolist() == [38, 22, 8] and found.energies.min() == -3
    assert found.charges[0] == (2, 4, -2) and found.charges[4] == (1, 2, -1) and found.charges[5] is None
    pools = {key: values.tolist() for key, values in found.pools().items()}
    assert pools[0, 2] == [20, 38, 56] and pools[1, 4] == [22, 40] and pools[2, -1] == [9, 35]


def test_exchanged_elements_are_of_their_site_and_charge():
    """Every element is of the pool of its site and charge; no crystal comes twice, and no parent."""
    pools, found = known().pools(), substitute(known(), 30)
    assert len(found) == 30 and len({(one.formula, round(one.atoms.get_volume(), 3)) for one in found}) == 30
    for one in found:
        assert one.valid and one.z is None and np.isnan(one.energy_again) and one.method == "substitution"
        names = [entry.name for entry in known().entries]
        number = names.index(one.names[0])
        own, charges = known().sites[number], known().charges[number]
        new = [atomic_numbers[symbol] for symbol in one.decoded.elements]
        assert one.formula != one.parents[0]
        if sorted(new) != sorted(own) and len(set(charges or ())) == 3:
            for site, element in enumerate(new):
                assert element in pools[site, charges[site]] or element in own
    again = substitute(known(), 30)
    assert [one.formula for one in again] == [one.formula for one in found]
    assert [one.formula for one in substitute(known(), 5)] == [one.formula for one in found[:5]]
    assert [one.formula for one in substitute(known(), 5, seed=1)] != [one.formula for one in found[:5]]


def test_elements_that_are_asked_for():
    found = substitute(known(), 10, {"X": ["Br"]})
    assert found and {one.decoded.elements[2] for one in found} == {"Br"}
    assert not substitute(known(), 10, {"X": ["Te"]})  # nothing known has it
    with pytest.raises(AnharmonicError, match="sites are A, B, X"):
        substitute(known(), 1, {"Y": ["O"]})


def test_cells_follow_the_radii():
    """By Shannon's radii where all are known, by covalent ones otherwise, and never by one of each."""
    old, new = (38, 22, 8), (56, 40, 8)
    r = {ion: radius(*ion).value for ion in ((38, 2), (56, 2), (22, 4), (40, 4), (8, -2))}
    o = r[8, -2]
    expected = 0.5 * ((r[56, 2] + o) / (r[38, 2] + o) + (r[40, 4] + o) / (r[22, 4] + o))
    charges = charges_of(old)
    assert scale(old, charges, new, charges) == pytest.approx(expected)
    assert scale(old, charges, old, charges) == 1
    metal = (57, 12, 13)
    assert charges_of(metal) is None and bond_lengths(metal, None)[0] is None
    lengths = [covalent_radii[list(sites[:2])] + covalent_radii[sites[2]] for sites in (metal, new)]
    assert scale(metal, None, new, None) == pytest.approx((lengths[1] / lengths[0]).mean())
    found = next(one for one in substitute(known(), 30) if one.names[0] == "SrTiO3" and one.formula == "BaZrO3")
    assert found.atoms.cell.lengths() == pytest.approx([3.905 * expected] * 3, rel=1e-6)
