"""Whether ions fit, whether coordination is that of a perovskite, and which standard it is like."""

from dataclasses import replace

from ase.data import chemical_symbols

from anharmonic.errors import AnharmonicError
from anharmonic.screening.candidates.similarity import MOST_DISTANT, similarity
from anharmonic.screening.candidates.verdict import Verdict, not_run
from anharmonic.screening.perovskites.coordination import A_SITE, B_SITE, coordination
from anharmonic.screening.perovskites.factors import Limits
from anharmonic.screening.perovskites.geometry import factors

LIMITS = {
    "OL": "B is too small for an octahedron",
    "SL": "A is too large for its hole",
    "TL": "A is too small, octahedra cannot tilt further",
    "CL1": "A is larger than caesium",
    "CL2": "B is larger than caesium",
}
"""What is wrong beyond each limit of `perovskites.factors`."""

LEAST_TOLERANCE = 0.77
"""Of 20 proposals below it none stayed a perovskite when relaxed, of 25 above it ten did (docs/candidates.md)."""


def factor_verdict(found):
    """The verdict on tolerance (its number) and octahedral factor of rigid ions, against the limits of their anion."""
    try:
        known = factors(found)
    except AnharmonicError as error:
        return not_run(str(error))
    broken = Limits.of_anion(known.radii[2]).broken(known.octahedral, known.tolerance)
    words = f"t = {known.tolerance:.3f}, mu = {known.octahedral:.3f}{'' if known.exact else ' (radii estimated)'}"
    beyond = [f"{LIMITS[name]} ({name})" for name, mask in broken.items() if mask]
    return Verdict(not beyond, "; ".join([words, *beyond]), known.tolerance)


def tolerance_verdict(verdict, least=LEAST_TOLERANCE):
    """The verdict on the tolerance factor of a `factor_verdict`: whether A may be large enough to stay in its hole."""
    if verdict.value is None or verdict.value >= least:
        return replace(verdict, passed=None if verdict.value is None else True)
    words = f"t = {verdict.value:.3f}; at least {least:g} is expected, A is too small for its hole"
    return Verdict(False, words, verdict.value)


def coordination_verdict(atoms, found):
    """The verdict on coordination (bonds of B) and on the way octahedra are joined."""
    known = coordination(atoms, found)
    a, b = ("-".join(map(str, sorted(set(bonds)))) for bonds in (known.a, known.b))
    words = (
        f"{chemical_symbols[found.a]} has {a} and {chemical_symbols[found.b]} {b} neighbours X, sharing {known.sharing}"
    )
    problems = []
    if not known.perovskite:
        problems.append(f"{A_SITE[0]} to {A_SITE[1]} and {B_SITE} are expected")
    if not known.corners:
        problems.append("octahedra that share corners are expected")
    return Verdict(not problems, "; ".join([words, *problems]), float(known.b[0]))


def similarity_verdict(atoms, found, most=MOST_DISTANT):
    """The verdict on the distance from the nearest standard perovskite, in lattice constants."""
    known = similarity(atoms, found)
    words = f"{known.distance:.3f} from {known.nearest.name}, {known.paper:.3f} from the nearest of the paper's three"
    if known.distance > most:
        return Verdict(False, f"{words}; at most {most:g} is expected", known.distance)
    return Verdict(True, words, known.distance, "A and B are exchanged" if known.exchanged else "")
