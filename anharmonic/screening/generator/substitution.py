"""Random ionic substitution: the proposals that anybody would make without a network, to compare with.

Of a known stable compound one or more of the elements on A, B and X are exchanged by others that known compounds have
on the same site, of the same charge where charges are known (`radii.oxidation_states`). The cell is scaled as a whole
by the lengths of the bonds A - X and B - X, of Shannon's radii where all are known, otherwise of covalent ones.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from ase.data import chemical_symbols, covalent_radii

from anharmonic.errors import AnharmonicError
from anharmonic.screening.generator.conditions import agreement, allowed_elements
from anharmonic.screening.generator.decoding import crystal_key, decode
from anharmonic.screening.generator.descriptor import encode
from anharmonic.screening.generator.latent import LEAST
from anharmonic.screening.generator.network import STABLE
from anharmonic.screening.generator.properties import property_table
from anharmonic.screening.generator.proposals import BARREN, TOGETHER, Proposal, read_again
from anharmonic.screening.perovskites.radii import oxidation_states, radius
from anharmonic.screening.perovskites.roles import roles

METHOD = "substitution"
SUBSETS = tuple(subset for size in (1, 2, 3) for subset in combinations(range(3), size))
"""Sites that are exchanged together; each as likely as the others."""


@dataclass(frozen=True)
class Known:
    """Known compounds, ready to be changed.

    Attributes
    ----------
    entries : tuple of Entry
    sites : ndarray, shape (n, 3), int
        Atomic numbers on A, B and X.
    charges : tuple of (tuple of int or None)
        Of A, B and X.
    energies : ndarray, shape (n,)
        Formation energies, eV/atom.
    """

    entries: tuple
    sites: np.ndarray
    charges: tuple
    energies: np.ndarray

    @classmethod
    def of(cls, entries, energies, on_entry=None):
        """Those of some entries that are compounds ABX3; energies (n,) are formation energies, eV/atom."""
        taken, sites, charges = [], [], []
        for number, entry in enumerate(entries):
            try:
                sites.append(tuple(roles(entry.atoms)))
            except AnharmonicError:
                continue
            finally:
                if on_entry:
                    on_entry(number + 1, len(entries))
            taken.append(number)
            charges.append(charges_of(sites[-1]))
        kept = tuple(entries[number] for number in taken)
        return cls(kept, np.array(sites, int).reshape(-1, 3), tuple(charges), np.asarray(energies, float)[taken])

    def pools(self):
        """By site and charge (None where it is not known) the elements (sorted) that compounds have there."""
        found = {}
        for sites, charges in zip(self.sites.tolist(), self.charges, strict=True):
            for site, number in enumerate(sites):
                found.setdefault((site, charges and charges[site]), set()).add(number)
        return {key: np.array(sorted(numbers)) for key, numbers in found.items()}


def substitute(known, count, elements=None, seed=0, generator=None, on_progress=None):
    """Compounds by substitution, none twice, and none with the elements of its parent.

    Parameters
    ----------
    known : Known
        Parents are the stable ones, at most -1.5 eV/atom; the 20 of lowest energy if there are fewer.
    count : int
    elements : dict of str to iterable of str, optional
        By site (A, B, X) the elements that it may have.
    seed : int
    generator : Generator, optional
        Reads energies from the crystals; without one they are NaN.
    on_progress : callable, optional
        Called with the numbers of proposals found and of those wanted.

    Returns
    -------
    list of Proposal
        Without latent numbers; crystals in their standard setting, with the same checks as those of a network.

    Raises
    ------
    AnharmonicError
        If a site or an element is unknown.
    """
    allowed = _by_number(allowed_elements(elements))
    stable = np.flatnonzero(known.energies <= STABLE)
    stable = stable if len(stable) >= LEAST else np.argsort(known.energies, kind="stable")[:LEAST]
    matches = agreement(known.sites[stable], elements)
    parents = stable[matches >= np.sort(matches)[::-1][min(LEAST, len(stable)) - 1]] if len(stable) else stable
    pools, rng = known.pools(), np.random.default_rng(seed)
    found, seen, barren = [], set(), 0
    while len(found) < count and barren < BARREN and len(parents):
        new = []
        for parent in rng.choice(parents, TOGETHER).tolist():
            decoded = _exchanged(known, parent, allowed, pools, rng)
            key = decoded and crystal_key(decoded)
            if key and key not in seen and len(found) + len(new) < count:
                seen.add(key)
                new.append((known.entries[parent], decoded))
        found.extend(_proposals(new, len(found), generator))
        barren = 0 if new else barren + 1
        if on_progress:
            on_progress(len(found), count)
    return found


def charges_of(sites):
    """Charges of three elements on A, B, X; None where they are not known."""
    try:
        return oxidation_states(sites)
    except AnharmonicError:
        return None


def bond_lengths(sites, charges):
    """Lengths (A) of the bonds A - X and B - X: of Shannon's crystal radii, or None; and of covalent radii."""
    covalent = covalent_radii[list(sites)]
    try:
        ionic = np.array([radius(*ion).value for ion in zip(sites, charges or (), strict=True)])
    except (AnharmonicError, ValueError):
        ionic = None
    return tuple(None if r is None else r[:2] + r[2] for r in (ionic, covalent))


def scale(old, old_charges, new, new_charges):
    """Factor of all lengths when A, B, X are exchanged: mean over both bonds; the same kind of radii for both."""
    pairs = zip(bond_lengths(old, old_charges), bond_lengths(new, new_charges), strict=True)
    return next(float((after / before).mean()) for before, after in pairs if before is not None and after is not None)


def _exchanged(known, parent, allowed, pools, rng):
    """A decoded crystal with other elements; None where that leaves no three elements or no crystal to describe."""
    old, charges = known.sites[parent].tolist(), known.charges[parent]
    new = list(old)
    wrong = {site for site in range(3) if not allowed[old[site], site]}
    for site in sorted(wrong | set(SUBSETS[rng.integers(len(SUBSETS))])):
        pool = pools[site, charges and charges[site]]
        pool = pool[allowed[pool, site] & (pool != old[site])]
        if len(pool):
            new[site] = int(rng.choice(pool))
        elif site in wrong:
            return None
    if len(set(new)) < 3 or new == old:
        return None
    atoms = known.entries[parent].atoms.copy()
    atoms.numbers = [new[old.index(number)] for number in atoms.numbers.tolist()]
    atoms.set_cell(atoms.cell * scale(old, charges, new, charges), scale_atoms=True)
    try:
        found = decode(encode(atoms))
    except AnharmonicError:
        return None
    return found if all(allowed[n, site] for site, n in enumerate(_numbers(found))) else None


def _numbers(decoded):
    return [chemical_symbols.index(symbol) for symbol in decoded.elements]


def _by_number(mask):
    """Rows by atomic number (119, 3) of a mask over the table of properties (89, 3)."""
    found = np.zeros((len(chemical_symbols), 3), bool)
    found[property_table()[0]] = mask
    return found


def _proposals(new, first, generator):
    """Proposals of parents and decoded crystals."""
    crystals, nan = [decoded for _, decoded in new], float("nan")
    again = np.full((2, len(new)), nan) if generator is None else read_again(generator, crystals)
    for number, (parent, decoded) in enumerate(new):
        energies = nan, float(again[0][number]), nan, float(again[1][number])
        yield Proposal(first + number, METHOD, (parent.formula,), (parent.name,), None, decoded, *energies)
