"""Whether charges of the elements can cancel, and whether they are on the elements that want them.

Charges of a usual compound ABX3 are those of `perovskites.radii.oxidation_states`: X with its usual charge, A and B
with any that the ICSD knows. Where X is no usual anion, as in inverse perovskites (Ca3SnO), pymatgen guesses from the
oxidation states of all elements (Ong et al., Comput. Mater. Sci. 68, 314 (2013)).
"""

from dataclasses import dataclass
from functools import cache

from ase.data import chemical_symbols

from anharmonic.errors import AnharmonicError
from anharmonic.screening.candidates.verdict import Verdict, not_run
from anharmonic.screening.elements import element_table
from anharmonic.screening.extras import extra
from anharmonic.screening.perovskites.radii import ANIONS, oxidation_states

WHOLE = 1e-6
"""By which a guessed charge may differ from a whole number: one element, one charge."""


@dataclass(frozen=True)
class Charges:
    """Charges that cancel.

    Attributes
    ----------
    states : tuple of int
        Of A, B and X.
    guessed : bool
        Whether pymatgen found them, from the oxidation states of all elements.
    electronegativity : float
        Pauling's, of the least electronegative negative ion, less that of the most electronegative positive one.
    """

    states: tuple
    guessed: bool
    electronegativity: float

    @property
    def inverse(self):
        """Whether X is positive, as in inverse perovskites."""
        return self.states[2] > 0


@cache
def charges(found):
    """Charges of a compound ABX3.

    Parameters
    ----------
    found : Roles

    Returns
    -------
    Charges

    Raises
    ------
    AnharmonicError
        If none are known that cancel.
    """
    guessed = found.x not in ANIONS
    states = _guess(found) if guessed else oxidation_states(found)
    values = element_table()["electronegativity"]
    negative, positive = ([values[z] for z, q in zip(found, states, strict=True) if q * sign > 0] for sign in (-1, 1))
    return Charges(tuple(states), guessed, float(min(negative) - max(positive)))


def _guess(found):
    """The likeliest whole charges of the elements, of pymatgen: of usual oxidation states, then of all."""
    symbols = [chemical_symbols[number] for number in found]
    composition = extra("pymatgen.core").Composition(dict(zip(symbols, (1, 1, 3), strict=True)))
    for rare in (False, True):
        for guess in composition.oxi_state_guesses(all_oxi_states=rare):
            states = [guess[symbol] for symbol in symbols]
            if all(abs(q - round(q)) < WHOLE and round(q) for q in states):
                return tuple(round(q) for q in states)
    a, b, x = symbols
    raise AnharmonicError(f"no oxidation states of {a}, {b} and {x} make {a}{b}{x}3 neutral")


def charge_verdicts(found):
    """Verdicts on neutrality (the charge of X) and on the order of electronegativities (their difference)."""
    try:
        known = charges(found)
    except AnharmonicError as error:
        return Verdict(False, str(error)), not_run("no charges are known")
    ions = " ".join(f"{chemical_symbols[z]}{q:+d}" for z, q in zip(found, known.states, strict=True))
    warning = "an inverse perovskite: X is positive" if known.inverse else ""
    neutral = Verdict(True, ions, known.states[2], warning)
    gap = known.electronegativity
    if gap > 0:
        return neutral, Verdict(True, f"negative ions are more electronegative by {gap:.2f}", gap)
    words = f"{ions}: a positive ion is more electronegative than a negative one by {-gap:.2f}"
    return neutral, Verdict(False, words, gap)
