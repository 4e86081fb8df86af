"""Candidates that are the same crystal: of each set the one with the lowest predicted energy stays."""

import numpy as np

from anharmonic.screening.candidates.matching import NEAR, same_crystal, shape_distances
from anharmonic.screening.candidates.verdict import Verdict


def duplicates(entries, described, energies, failed=None, on_done=None):
    """Which candidates are the same as one of lower energy.

    Parameters
    ----------
    entries : sequence of Entry
    described : Library
        Of the entries, all of them.
    energies : sequence of float
        eV/atom. Of equal ones the first stays.
    failed : sequence of bool, optional
        Those that fail other screens: none that passes is a duplicate of one of them.
    on_done : callable, optional
        Called with the numbers of entries done and of all.

    Returns
    -------
    list of (int, float) or None
        The number of the one that stays, and its distance by GRID (A); None for those that stay.
    """
    found, kept = [None] * len(entries), {}
    failed = np.zeros(len(entries)) if failed is None else failed
    for done, number in enumerate(np.lexsort((energies, failed)).tolist()):
        stays = kept.setdefault(described.formulas[number], [])
        distances = shape_distances(described, number, described, np.array(stays, int))
        for k in np.argsort(distances, kind="stable"):
            if distances[k] <= NEAR and same_crystal(entries[number].atoms, entries[stays[k]].atoms):
                found[number] = stays[k], float(distances[k])
                break
        else:
            stays.append(number)
        if on_done:
            on_done(done + 1, len(entries))
    return found


def duplicate_verdicts(entries, described, energies, failed=None, on_done=None):
    """Verdicts on being the only one of a kind, with the distance (A) from the one that stays."""
    found = duplicates(entries, described, energies, failed, on_done)
    return [
        Verdict(True, "no other of lower energy is the same")
        if one is None
        else Verdict(False, f"the same as {entries[one[0]].name}, at {one[1]:.3f} A", one[1])
        for one in found
    ]
