"""Whether a candidate is known: its formula, and its structure.

Known compounds come as structures (`Entry`), which pymatgen's StructureMatcher is asked about, or described
(`screening.Library`), of which there are distances only. Distances are blind for elements: a perovskite with A and B
exchanged has the GRID of the other one, and counts as known there.
"""

from dataclasses import dataclass, replace

import numpy as np

from anharmonic.errors import AnharmonicError
from anharmonic.screening.candidates.matching import NEAR, SAME, same_crystal, shape_distances
from anharmonic.screening.candidates.verdict import Verdict, not_run
from anharmonic.screening.entries import Entry
from anharmonic.screening.library import Library, describe


@dataclass(frozen=True)
class Known:
    """Known compounds.

    Attributes
    ----------
    entries : tuple of Entry
    libraries : tuple of Library
    """

    entries: tuple = ()
    libraries: tuple = ()

    @classmethod
    def of(cls, known):
        """Of None, a `Library`, or a sequence of `Entry`; what is `Known` already stays.

        Raises
        ------
        AnharmonicError
            If it is something else.
        """
        if known is None or isinstance(known, cls):
            return known
        if isinstance(known, Library):
            return cls(libraries=(known,))
        wrong = next((type(one).__name__ for one in known if not isinstance(one, Entry)), None)
        if wrong:
            raise AnharmonicError(f"known compounds are a Library or a sequence of Entry; found {wrong}")
        return cls(entries=tuple(known))

    def of_formulas(self, formulas):
        """The part with these formulas."""
        wanted = set(formulas)
        libraries = (one.part([f in wanted for f in one.formulas]) for one in self.libraries)
        return Known(tuple(e for e in self.entries if e.formula in wanted), tuple(libraries))


def novelties(entries, known, described, on_done=None):
    """Verdicts on novelty, with the distance (A) from the nearest known structure of the formula.

    Parameters
    ----------
    entries : sequence of Entry
    known : Known or None
    described : Library
        Of the entries.
    on_done : callable, optional
        Called with the numbers of entries done and of all.

    Returns
    -------
    list of Verdict

    Raises
    ------
    AnharmonicError
        If a library of known compounds was described with other settings.
    """
    if known is None:
        return [not_run("no known compounds were given")] * len(entries)
    known, found = known.of_formulas(entry.formula for entry in entries), []
    for one in known.libraries:
        if one.settings != described.settings:
            raise AnharmonicError(f"known compounds were described with {one.settings}; expected {described.settings}")
    numbered = [replace(entry, name=str(k)) for k, entry in enumerate(known.entries)]
    of_entries = describe(numbered, described.settings)
    for number, entry in enumerate(entries):
        found.append(_novelty(entry, described, number, known, of_entries))
        if on_done:
            on_done(number + 1, len(entries))
    return found


def _novelty(entry, described, number, known, of_entries):
    """The verdict on one; structures first, as they tell more."""
    near = []
    for distance, k in _distances(described, number, of_entries):
        other = known.entries[int(of_entries.names[k])]
        if distance <= NEAR and same_crystal(entry.atoms, other.atoms):
            return Verdict(False, f"known: {other.name}, at {distance:.3f} A (StructureMatcher)", distance)
        near.append((distance, other.name))
    for library in known.libraries:
        for distance, k in _distances(described, number, library):
            if distance <= SAME:
                return Verdict(False, f"known: {library.names[k]}, at {distance:.3f} A (GRID)", distance)
            near.append((distance, library.names[k]))
    if not near:
        return Verdict(True, "a new formula")
    distance, name = min(near)
    return Verdict(True, f"a new structure of a known formula, {distance:.3f} A from {name}", distance)


def _distances(described, number, library):
    """Pairs (distance, number in the library) of those with the same formula, nearest first."""
    numbers = [k for k, formula in enumerate(library.formulas) if formula == described.formulas[number]]
    distances = shape_distances(described, number, library, np.array(numbers, int))
    return sorted(zip(distances.tolist(), numbers, strict=True))
