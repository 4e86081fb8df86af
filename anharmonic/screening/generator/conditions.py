"""What a compound is asked to have: elements on its sites, such as bromine on X."""

import numpy as np
from ase.data import atomic_numbers

from anharmonic.errors import AnharmonicError
from anharmonic.screening.generator.properties import property_table

SITES = "A", "B", "X"


def allowed_elements(elements=None):
    """Which elements of the table of properties may be on each site.

    A site that one element alone may have keeps it for itself: A, B and X are three elements.

    Parameters
    ----------
    elements : dict of str to iterable of str, optional
        By site (A, B, X) the symbols of the elements that it may have; on other sites any may be.

    Returns
    -------
    ndarray, shape (89, 3), bool

    Raises
    ------
    AnharmonicError
        If a site or an element is unknown, or no three different elements are left.
    """
    known = property_table()[0]
    found = np.ones((len(known), len(SITES)), bool)
    given = _checked(elements or {})
    for site, numbers in given.items():
        found[:, site] = np.isin(known, numbers)
    for site, numbers in given.items():
        if len(numbers) == 1:
            found[known == numbers[0], [k for k in range(len(SITES)) if k != site]] = False
    if not found.any(axis=0).all():
        raise AnharmonicError(f"A, B and X are three elements; {_text(given)} leaves none for one of them")
    return found


def agreement(sites, elements=None):
    """On how many sites compounds have what is asked for.

    Parameters
    ----------
    sites : ndarray, shape (n, 3)
        Atomic numbers on A, B and X.
    elements : dict of str to iterable of str, optional

    Returns
    -------
    ndarray, shape (n,), int
    """
    found = np.zeros(len(sites), int)
    for site, numbers in _checked(elements or {}).items():
        found += np.isin(np.asarray(sites)[:, site], numbers)
    return found


def _checked(elements):
    """By number of the site the atomic numbers, sorted."""
    unknown = [site for site in elements if site not in SITES]
    if unknown:
        raise AnharmonicError(f"sites are {', '.join(SITES)}; found {unknown[0]!r}")
    found = {}
    for site, symbols in elements.items():
        symbols = [symbols] if isinstance(symbols, str) else sorted(symbols)
        wrong = [s for s in symbols if atomic_numbers.get(s, 0) not in property_table()[0]]
        if wrong or not symbols:
            what = repr(wrong[0]) if wrong else "none"
            raise AnharmonicError(f"elements H to Pu without Po, At, Rn, Fr, Ra may be on {site}; found {what}")
        found[SITES.index(site)] = [atomic_numbers[s] for s in symbols]
    return found


def _text(given):
    return ", ".join(f"{SITES[site]} = {'/'.join(map(str, numbers))}" for site, numbers in given.items())
